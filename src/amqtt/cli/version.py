"""The line that `amqtt --version` prints."""

import platform

import amqtt
from amqtt.cli.loops import loop_name
from amqtt.wire import decoder


def version_line() -> str:
    """The version, the Python it runs on, its event loop, and whether it is compiled."""
    return f"amqtt {amqtt.__version__} (Python {platform.python_version()}, {loop_name()}, {form()})"


def form() -> str:
    """Which form of the package runs: "compiled" by mypyc, or "pure" Python."""
    return "pure" if decoder.__file__.endswith(".py") else "compiled"
