"""What a program that embeds a Broker pays for, and what it does not; the same of the command."""

import subprocess
import sys


def after_import(expression: str, module: str = "amqtt.broker") -> str:
    program = f"import {module}, logging, signal, sys; print({expression})"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_embedding_a_broker_loads_nothing_of_the_command_line() -> None:
    loaded = after_import("sorted({name.partition('.')[0] for name in sys.modules})")
    assert not {"typer", "click", "rich", "uvloop"} & set(loaded.replace("'", " ").replace(",", " ").split())


HEAVY = {
    "amqtt.access.acl", "amqtt.access.mosquitto_acl", "amqtt.access.password_file", "amqtt.access.scram",
    "amqtt.admin", "amqtt.cli", "amqtt.clients", "amqtt.compat.typed_config", "amqtt.net.mdns",
    "amqtt.net.websocket", "amqtt.store.sqlite", "argon2", "bcrypt", "cffi", "cryptography", "ctypes",
    "difflib", "email", "http", "importlib.metadata", "json", "opentelemetry", "sqlite3", "tomllib",
    "websockets", "yaml", "zeroconf", "zipfile",
}  # fmt: skip


def test_what_only_some_need_is_loaded_when_they_do() -> None:
    loaded = after_import("' '.join(sys.modules)").split()
    assert sorted(HEAVY & set(loaded)) == []


BROKERS = {
    "amqtt.access.assembly", "amqtt.broker", "amqtt.config", "amqtt.net.listeners", "amqtt.service",
    "argon2", "bcrypt", "cryptography", "importlib.metadata", "pydantic", "rich", "sqlite3", "uvloop",
    "websockets", "yaml",
}  # fmt: skip


def test_a_command_that_runs_no_broker_loads_none() -> None:
    loaded = after_import("' '.join(sys.modules)", "amqtt.cli.command").split()
    assert sorted(BROKERS & set(loaded)) == []


def test_a_typed_configuration_is_found_where_it_has_always_been() -> None:
    names = "BrokerConfig", "ListenerConfig", "ListenerType"
    assert after_import(f"[getattr(amqtt.broker, name).__name__ for name in {names}]") == f"{list(names)}\n"


def test_importing_it_configures_no_logging() -> None:
    assert after_import("logging.root.handlers, logging.getLogger('amqtt').handlers") == "[] []\n"


def test_importing_it_changes_no_signal() -> None:
    assert after_import("signal.getsignal(signal.SIGTERM) == signal.SIG_DFL") == "True\n"
