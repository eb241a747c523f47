"""What figures were measured with: they mean nothing without it."""

import json
import os
import platform
import subprocess
from pathlib import Path

from amqtt.cli.version import form
from benchmarks.brokers import PEERS


def machine() -> dict[str, str]:
    """The processor, the system, and the versions of the brokers that are here."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} of them",
        "system": f"{platform.system()} {platform.release()}",
        "amqtt": f"{form()}, CPython {platform.python_version()}",
        "mosquitto": _first_line("mosquitto", "-h").removeprefix("mosquitto version "),
        "node": _first_line("node", "--version"),
        "aedes": _aedes_version(),
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _first_line(*command: str) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except OSError:
        return ""
    return said.partition("\n")[0]


def _aedes_version() -> str:
    lock = json.loads((PEERS / "aedes" / "package-lock.json").read_text())
    return str(lock["packages"]["node_modules/aedes"]["version"])
