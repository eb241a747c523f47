"""What a program that embeds a Broker pays for, and what it does not; the same of the command."""

import subprocess
import sys


def printed(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def after_import(expression: str) -> str:
    return printed(f"import amqtt.broker, logging, signal, sys; print({expression})")


def loaded_by(module: str) -> set[str]:
    """What it loads beside asyncio and logging, which load more or less from one Python to the next."""
    before = "import asyncio, logging, sys; before = {*sys.modules}"
    return set(printed(f"{before}; import {module}; print(*{{*sys.modules}} - before)").split())


def test_embedding_a_broker_loads_nothing_of_the_command_line() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by("amqtt.broker")}
    assert not {"typer", "click", "rich", "uvloop"} & loaded


HEAVY = {
    "amqtt.access.acl", "amqtt.access.mosquitto_acl", "amqtt.access.password_file", "amqtt.access.scram",
    "amqtt.admin", "amqtt.cli", "amqtt.clients", "amqtt.compat.events", "amqtt.compat.streams",
    "amqtt.compat.typed_config", "amqtt.net.mdns", "amqtt.net.websocket", "amqtt.observe.opentelemetry",
    "amqtt.observe.trace", "amqtt.store.sqlite", "amqtt.threaded", "argon2", "bcrypt", "cffi", "cryptography",
    "ctypes", "difflib", "email", "hashlib", "http", "importlib.metadata", "importlib.util", "json",
    "opentelemetry", "secrets", "sqlite3", "tomllib", "websockets", "yaml", "zeroconf", "zipfile",
}  # fmt: skip
"""What only some Brokers need."""

NOT_YET = {
    "amqtt.access.settings", "amqtt.compat.legacy_config", "amqtt.config", "amqtt.config_file", "amqtt.net",
    "amqtt.observe.settings", "amqtt.server.limits", "amqtt.server.settings", "amqtt.store.settings", "grp",
    "mmap", "pathlib", "termios", "urllib.parse",
}  # fmt: skip
"""What every Broker needs, but not before it is made or started."""

OF_EVERY_START = {"email", "importlib.metadata", "importlib.util", "json", "zipfile"}
"""For finding plugins (`importlib.metadata` and what it brings), and for `$SYS`."""


def test_what_only_some_need_is_loaded_when_they_do() -> None:
    assert sorted(HEAVY & loaded_by("amqtt.broker")) == []


def test_what_a_broker_is_made_and_started_with_is_not_loaded_before_there_is_one() -> None:
    assert sorted(NOT_YET & loaded_by("amqtt.broker")) == []


def test_a_broker_that_runs_has_loaded_only_what_its_configuration_asks_for() -> None:
    program = """if True:
        import asyncio, sys
        from amqtt.broker import Broker

        async def main():
            async with Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}}):
                print(*sys.modules)

        asyncio.run(main())
    """
    loaded = set(printed(program).split())
    assert loaded >= {name for name in NOT_YET if name.startswith("amqtt")}
    assert sorted((HEAVY - OF_EVERY_START) & loaded) == []


OTHERS = {
    "amqtt.access.assembly", "amqtt.broker", "amqtt.client_session", "amqtt.clients", "amqtt.config",
    "amqtt.net.listeners", "amqtt.service", "argon2", "bcrypt", "cryptography", "importlib.metadata",
    "pydantic", "rich", "sqlite3", "uvloop", "websockets", "yaml",
}  # fmt: skip


def test_the_command_line_loads_neither_a_broker_nor_a_client() -> None:
    assert sorted(OTHERS & loaded_by("amqtt.cli.command")) == []


def test_a_typed_configuration_is_found_where_it_has_always_been() -> None:
    names = "BrokerConfig", "ListenerConfig", "ListenerType"
    assert after_import(f"[getattr(amqtt.broker, name).__name__ for name in {names}]") == f"{list(names)}\n"


def test_importing_it_configures_no_logging() -> None:
    assert after_import("logging.root.handlers, logging.getLogger('amqtt').handlers") == "[] []\n"


def test_importing_it_changes_no_signal() -> None:
    assert after_import("signal.getsignal(signal.SIGTERM) == signal.SIG_DFL") == "True\n"
