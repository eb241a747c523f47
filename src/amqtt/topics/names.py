"""Topic Names and Topic Filters: what is valid, and which filter matches or covers what (MQTT 5.0, 4.7).

Nothing here normalises, trims or folds anything: two names are the same only when every
character is [MQTT-4.7.3-4].
"""

from typing import Final

MAXIMUM_BYTES: Final = 65_535
"""The longest Topic Name or Topic Filter, in bytes of UTF-8 [MQTT-4.7.3-3]."""

SHARE_PREFIX: Final = "$share/"


def topic_name_fault(name: str, maximum_levels: int, maximum_bytes: int = MAXIMUM_BYTES) -> str:
    """What is wrong with a Topic Name, as a sentence; "" when it is valid."""
    if "+" in name or "#" in name:
        return "A Topic Name must not contain the wildcard characters + and #. [MQTT-4.7.0-1]"
    return _text_fault("Topic Name", name, maximum_bytes) or _levels_fault("Topic Name", name, maximum_levels)


def topic_filter_fault(topic_filter: str, maximum_levels: int, maximum_bytes: int = MAXIMUM_BYTES) -> str:
    """What is wrong with a Topic Filter, shared or not, as a sentence; "" when it is valid.

    The levels of `$share/name/` do not count against `maximum_levels`.
    """
    fault = _text_fault("Topic Filter", topic_filter, maximum_bytes) or shared_fault(topic_filter)
    if fault:
        return fault
    real_filter = split_shared(topic_filter)[1]
    return _levels_fault("Topic Filter", real_filter, maximum_levels) or _wildcard_fault(real_filter)


def topic_excess(text: str, maximum_levels: int, maximum_bytes: int) -> str:
    """The bound that a Topic Name or Topic Filter exceeds, as Limits calls it; "": none."""
    if _byte_length(text) > maximum_bytes:
        return "maximum_topic_length"
    return "maximum_topic_levels" if text.count("/") >= maximum_levels else ""


def shared_fault(topic_filter: str) -> str:
    """What is wrong with `$share/name/` in front of a Topic Filter; "" when it is right or absent."""
    if not topic_filter.startswith(SHARE_PREFIX):
        return ""
    share_name, separator, real_filter = topic_filter[len(SHARE_PREFIX):].partition("/")
    if not share_name:
        return "The ShareName of a Shared Subscription must not be empty. [MQTT-4.8.2-1]"
    if "+" in share_name or "#" in share_name:
        return "A ShareName must not contain the characters + and #. [MQTT-4.8.2-2]"
    if not separator or not real_filter:
        return "A ShareName must be followed by / and a Topic Filter. [MQTT-4.8.2-2]"
    return ""


def split_shared(topic_filter: str) -> tuple[str, str]:
    """The ShareName and the Topic Filter behind it; ("", the filter itself) when it is not shared.

    Ask `shared_fault` first: what it refuses comes apart at the wrong place here.
    """
    if not topic_filter.startswith(SHARE_PREFIX):
        return "", topic_filter
    share_name, _, real_filter = topic_filter[len(SHARE_PREFIX):].partition("/")
    return share_name, real_filter


def has_wildcard(topic_filter: str) -> bool:
    """Whether a valid Topic Filter can match more than one Topic Name."""
    return "+" in topic_filter or "#" in topic_filter


def wildcard_levels(topic_filter: str) -> int:
    """Its levels if a valid Topic Filter has a wildcard, else 0: what matching a topic looks at."""
    return topic_filter.count("/") + 1 if has_wildcard(topic_filter) else 0


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid Topic Filter (without `$share/name/`) matches a valid Topic Name (4.7.1, 4.7.2)."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False  # [MQTT-4.7.2-1]
    filter_levels = topic_filter.split("/")
    levels = topic.split("/")
    for at, level in enumerate(filter_levels):
        if level == "#":
            return True
        if at == len(levels) or level not in ("+", levels[at]):
            return False
    return len(filter_levels) == len(levels)


def covers(wide_filter: str, narrow_filter: str) -> bool:
    """Whether every Topic Name that the narrow filter matches is matched by the wide one too.

    Both are valid and without `$share/name/`. Who may subscribe to the wide filter learns nothing
    new by the narrow one.
    """
    if narrow_filter.startswith("$") and wide_filter[:1] in ("+", "#"):
        return False  # [MQTT-4.7.2-1]
    if narrow_filter in ("#", "/#"):
        # The level before this # is no Topic Name by itself: one must have a character.
        narrow_filter = narrow_filter[:-1] + "+/#"
    wide = wide_filter.split("/")
    narrow = narrow_filter.split("/")
    for at, level in enumerate(wide):
        if level == "#":
            return True
        if at == len(narrow) or narrow[at] == "#" or level not in ("+", narrow[at]):
            return False
    return len(wide) == len(narrow)


def _text_fault(noun: str, text: str, maximum_bytes: int) -> str:
    """The rules that Topic Names and Topic Filters have in common (4.7.3)."""
    if not text:
        return f"A {noun} must be at least one character long. [MQTT-4.7.3-1]"
    if "\0" in text:
        return f"A {noun} must not contain the null character. [MQTT-4.7.3-2]"
    length = _byte_length(text)
    if length < 0:
        return f"A {noun} must not contain surrogate code points. [MQTT-1.5.4-1]"
    if length > maximum_bytes:
        return f"A {noun} must not be longer than {maximum_bytes} bytes. [MQTT-4.7.3-3]"
    return ""


def _levels_fault(noun: str, text: str, maximum_levels: int) -> str:
    levels = text.count("/") + 1
    if levels > maximum_levels:
        return f"This {noun} has {levels} levels; this Server allows {maximum_levels}."
    return ""


def _wildcard_fault(topic_filter: str) -> str:
    if not has_wildcard(topic_filter):
        return ""
    levels = topic_filter.split("/")
    last = len(levels) - 1
    for at, level in enumerate(levels):
        if "#" in level and (level != "#" or at != last):
            return "The wildcard # must be alone in the last level of a Topic Filter. [MQTT-4.7.1-1]"
        if "+" in level and level != "+":
            return "The wildcard + must be alone in its level of a Topic Filter. [MQTT-4.7.1-2]"
    return ""


def _byte_length(text: str) -> int:
    """Its length in UTF-8; -1 when it cannot be encoded."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return -1
