"""A terminal that shows one picture after the other, on a screen of its own, until somebody presses q."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BEGIN: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen, no cursor, and no second line for what is too wide, as wide letters may make it."""
_END: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_TO_END_OF_LINE: Final = "\x1b[K"
_TO_END: Final = "\x1b[J"
_ENOUGH: Final = b"qQ\x04"
"""Keys that end it; ^D is the last."""


class Screen:
    """Where pictures are shown; `closed` is set when somebody has seen enough."""

    def __init__(self, on_terminal: bool) -> None:
        self.closed = asyncio.Event()
        self._on_terminal = on_terminal

    def show(self, picture: str) -> None:
        """Show it in place of the last one, as far as there is room; below it where there is no terminal."""
        _write(fitted(picture, *shutil.get_terminal_size()) if self._on_terminal else f"{picture}\n")

    def press(self, keys: bytes) -> None:
        """Take what was typed."""
        if any(key in _ENOUGH for key in keys):
            self.closed.set()


def fitted(picture: str, columns: int, rows: int) -> str:
    """The picture from the first line on, cut to so many columns and rows, over whatever was there.

    Each line clears what is left of the one before: to clear all of it first would flicker.
    """
    lines = [line[:columns] + _TO_END_OF_LINE for line in picture.splitlines()[:rows]]
    return _HOME + "\r\n".join(lines) + _TO_END


@contextmanager
def screen() -> Iterator[Screen]:
    """The terminal, if there is one, as it was before when this ends."""
    shown = Screen(sys.stdout.isatty())
    if not sys.stdout.isatty():
        yield shown
        return
    with _typed(shown):
        _write(_BEGIN)
        try:
            yield shown
        finally:
            _write(_END)


@contextmanager
def _typed(shown: Screen) -> Iterator[None]:
    """Take every key as it is pressed, and do not show it; ^C is a signal as ever."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, lambda: shown.press(os.read(keyboard, 1024)))
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
