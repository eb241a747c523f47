"""The functions of aMQTT that programs and plugins call by themselves."""

import logging
import secrets
import string
from importlib import import_module
from pathlib import Path
from typing import Any

from amqtt.compat.session import Session

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
    return "amqtt/" + "".join(secrets.choice(_CHARACTERS) for _ in range(16))


def read_yaml_config(config_file: str | Path) -> dict[str, Any] | None:
    """The content of a YAML file; None, with an error in the log, if it is no YAML."""
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
