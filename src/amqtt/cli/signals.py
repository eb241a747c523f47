"""The signals that end a command: the first one asks, the second one is obeyed at once."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias

ENDING = (signal.SIGINT, signal.SIGTERM)
Reaction: TypeAlias = Callable[[int, FrameType | None], None] | signal.Handlers


def on_hangup(reload: Callable[[], object]) -> None:
    """Call `reload` in the running loop at each SIGHUP, where there is such a signal."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def on_first_signal(stop: Callable[[], None], second: Reaction = signal.SIG_DFL) -> None:
    """Call `stop` in the running loop at the first SIGINT or SIGTERM; the second one kills the process.

    `second` may be another reaction to that one.
    """
    loop = asyncio.get_running_loop()

    def asked(_number: int, _frame: object) -> None:
        # What follows needs no event loop, so it also ends a loop that hangs.
        for ending in ENDING:
            signal.signal(ending, second)
        loop.call_soon_threadsafe(stop)

    for ending in ENDING:
        signal.signal(ending, asked)


def end_now(_number: int, _frame: FrameType | None) -> None:
    """End the process with status 0: of a Broker nothing is lost by it that was acknowledged."""
    os._exit(0)
