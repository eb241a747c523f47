"""The terminal of `amqtt top`: pictures that fit, keys that end it, and nothing left behind."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from amqtt.broker import Broker
from amqtt.cli.screen import fitted
from amqtt.threaded import ServiceThread

DEADLINE = 60.0
ON_ITS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""So that a key such as ^C is a signal to it."""


def test_a_picture_is_cut_to_the_terminal_from_its_first_line_on() -> None:
    shown = fitted("the title\nsecond\nthird", 6, 2)
    assert shown == "\x1b[Hthe ti\x1b[K\r\nsecond\x1b[K\x1b[J"


@pytest.fixture
def broker() -> Iterator[ServiceThread]:
    with Broker({"listeners": {"default": {"bind": "127.0.0.1:0"}}}).run_in_thread() as running:
        yield running


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "control-c"])
def test_a_key_ends_it_and_the_terminal_is_as_it_was(broker: ServiceThread, key: bytes) -> None:
    ours, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    command = [sys.executable, "-c", ON_ITS_TERMINAL, sys.executable, "-m", "amqtt", "top"]
    with subprocess.Popen(
        [*command, "-p", str(broker.port)], stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True,
    ) as running:
        shown = b""
        while b"connected" not in shown:
            shown += os.read(ours, 65536)
        assert shown.count(b"\x1b[?1049h") == 1
        os.write(ours, key)
        while b"\x1b[?1049l" not in shown:
            shown += os.read(ours, 65536)
        assert running.wait(DEADLINE) == 0
    assert b"\x1b[?25h" in shown[shown.index(b"connected"):]
    assert termios.tcgetattr(terminal) == before
    os.close(ours)
    os.close(terminal)
