"""What a program that embeds a Broker pays for, and what it does not."""

import subprocess
import sys


def after_import(expression: str) -> str:
    program = f"import amqtt.broker, logging, signal, sys; print({expression})"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_embedding_a_broker_loads_nothing_of_the_command_line() -> None:
    loaded = after_import("sorted({name.partition('.')[0] for name in sys.modules})")
    assert not {"typer", "click", "rich", "uvloop"} & set(loaded.replace("'", " ").replace(",", " ").split())


HEAVY = {
    "amqtt.admin", "amqtt.cli", "amqtt.clients", "amqtt.store.sqlite", "amqtt.access.scram", "argon2",
    "amqtt.net.mdns", "bcrypt", "cffi", "ctypes", "difflib", "importlib.metadata", "sqlite3",
    "tomllib", "websockets", "yaml", "zipfile",
}  # fmt: skip


def test_what_only_some_need_is_loaded_when_they_do() -> None:
    loaded = after_import("' '.join(sys.modules)").split()
    assert sorted(HEAVY & set(loaded)) == []


def test_importing_it_configures_no_logging() -> None:
    assert after_import("logging.root.handlers, logging.getLogger('amqtt').handlers") == "[] []\n"


def test_importing_it_changes_no_signal() -> None:
    assert after_import("signal.getsignal(signal.SIGTERM) == signal.SIG_DFL") == "True\n"
