"""The functions of aMQTT that programs and plugins call by themselves."""

import logging
import string
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from amqtt.compat.session import Session
from amqtt.topics.names import matches, split_shared, topic_filter_fault, topic_name_fault
from amqtt.wire.interned import ALL_LEVELS

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("amqtt.utils")

_CHARACTERS = string.ascii_letters + string.digits


def format_client_message(
    session: Session | None = None, address: str | None = None, port: int | None = None
) -> str:
    """Who a line in a log is about."""
    if session is not None:
        return f"(client id={session.client_id})"
    if address is not None and port is not None:
        return f"(client @={address}:{port})"
    return "(unknown client)"


def gen_client_id() -> str:
    """A Client Identifier that nobody else has."""
    # Not before somebody needs one: it brings half of what imports of cryptography there are.
    import secrets

    return "amqtt/" + "".join(secrets.choice(_CHARACTERS) for _ in range(16))


class TopicMatcher:
    """Whether a Topic Filter matches a Topic Name (MQTT 5.0, 4.7), for plugins that check topics."""

    @staticmethod
    def is_topic_allowed(topic: str, a_filter: str) -> bool:
        """Whether it does; False for what is neither."""
        if topic_name_fault(topic, ALL_LEVELS) or topic_filter_fault(a_filter, ALL_LEVELS):
            return False
        return matches(split_shared(a_filter)[1], topic)

    def are_topics_allowed(self, topic: str, many_filters: Iterable[str]) -> bool:
        """Whether one of them does."""
        return any(self.is_topic_allowed(topic, each) for each in many_filters)


def read_yaml_config(config_file: "str | Path") -> dict[str, Any] | None:
    """The content of a YAML file; None, with an error in the log, if it is no YAML."""
    from pathlib import Path

    import yaml

    try:
        with Path(config_file).open(encoding="utf-8") as stream:
            content: dict[str, Any] | None = yaml.safe_load(stream)
    except yaml.YAMLError:
        logger.exception("Invalid config_file %s", config_file)
        return None
    return content


def import_string(dotted_path: str) -> Any:
    """What a dotted path names; ImportError if there is no such thing."""
    module, dot, name = dotted_path.rpartition(".")
    if not dot:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"module {module!r} has no {name!r}") from None
