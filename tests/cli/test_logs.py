"""How the command logs; in a process of its own, because logging belongs to a whole process."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("debug", "lines"), [(False, ["an event"]), (True, ["a detail", "an event"])])
def test_the_log_is_on_standard_error_and_d_shows_details(debug: bool, lines: list[str]) -> None:
    program = (
        "import logging; from amqtt.cli.logs import configure_logging\n"
        f"configure_logging({debug})\n"
        "logging.getLogger('amqtt.broker').debug('a detail')\n"
        "logging.getLogger('amqtt.broker').info('an event')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [line.partition("amqtt.broker: ")[2] for line in done.stderr.splitlines()] == lines
    assert done.stdout == ""
