"""What one value of a configuration may look like; each raises ValueError with what is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

from amqtt.config_file.section import kind
from amqtt.net.proxied import UNIX, network
from amqtt.net.settings import parse_bind

LONGEST_FIELD = 65_535
"""Bytes of a UTF-8 Encoded String [MQTT-1.5.4-1]."""
_SWITCH = {
    "on": True,
    "yes": True,
    "true": True,
    "1": True,
    "off": False,
    "no": False,
    "false": False,
    "0": False,
}


def switch(value: object) -> bool:
    """True or False, or one of their names as text, in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int)):
        meaning = _SWITCH.get(str(value).strip().lower())
        if meaning is not None:
            return meaning
        raise ValueError(f"it must be on or off, not {value!r}")
    raise ValueError(f"it must be on or off, not {kind(value)}")


def whole(minimum: int, maximum: int) -> Callable[[object], int]:
    """A whole number from `minimum` to `maximum`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"it must be a whole number, not {kind(value)}")
        if not minimum <= value <= maximum:
            raise ValueError(f"it must be from {minimum} to {maximum}, not {value}")
        return value

    return read


def seconds(minimum: float, maximum: float) -> Callable[[object], float]:
    """A number of seconds, whole or not."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"it must be a number of seconds, not {kind(value)}")
        if not minimum <= value <= maximum:
            raise ValueError(f"it must be from {minimum:.15g} to {maximum:.15g} seconds, not {value}")
        return value

    return read


def share(value: object) -> float:
    """A part of something: 0 is nothing of it, 1 all of it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"it must be a number from 0 to 1, not {value!r}")
    return value


def text(value: object) -> str:
    """Text that is not empty."""
    if not isinstance(value, str):
        raise ValueError(f"it must be text, not {kind(value)}")
    if not value:
        raise ValueError("it is empty")
    return value


def short_text(value: object) -> str:
    """Text that one field of a Control Packet can hold."""
    found = text(value)
    if len(found.encode()) > LONGEST_FIELD or "\0" in found:
        raise ValueError(f"it must have at most {LONGEST_FIELD} bytes and no NUL")
    return found


def path(value: object) -> Path:
    """The path of a file."""
    return Path(file_name(value))


def file_name(value: object) -> str:
    """The same as text."""
    written = text(os.fspath(value) if isinstance(value, os.PathLike) else value)
    if "\0" in written:
        raise ValueError("a path contains no zero character")
    return written


def one_of(*choices: str) -> Callable[[object], str]:
    """One of these words."""

    def read(value: object) -> str:
        word = text(value)
        if word not in choices:
            from difflib import get_close_matches

            close = get_close_matches(word.lower(), choices, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"it must be one of {', '.join(choices)}, not {word!r}{hint}")
        return word

    return read


def bind(value: object) -> str | int:
    """An address as `parse_bind` reads it; "" is the default port of all interfaces."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"it must be host:port or a port, not {kind(value)}")
    parse_bind(value, 0)
    return value


def file_mode(value: object) -> int:
    """The permissions of a file, as a number or as octal text: "0660"."""
    try:
        mode = int(value, 8) if isinstance(value, str) else whole(0, 0o777)(value)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise ValueError('it must be file permissions such as "0660"')
    return mode


def networks(value: object) -> tuple[str, ...]:
    """A list of networks, as `proxy-from` has them."""
    written = texts(value)
    for one in written:
        if one != UNIX:
            network(one)
    return written


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"it must be a list, not {kind(value)}")
    return tuple(text(item) for item in value)
