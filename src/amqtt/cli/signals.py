"""The signals that end the command: the first one asks, the second one is obeyed at once."""

import asyncio
import signal
from collections.abc import Callable

ENDING = (signal.SIGINT, signal.SIGTERM)


def on_hangup(reload: Callable[[], object]) -> None:
    """Call `reload` in the running loop at each SIGHUP, where there is such a signal."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def on_first_signal(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop at the first SIGINT or SIGTERM; the second one kills the process."""
    loop = asyncio.get_running_loop()

    def asked(number: int, _frame: object) -> None:
        # The system's own reaction needs no event loop, so it also ends a loop that hangs.
        for ending in ENDING:
            signal.signal(ending, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop)

    for ending in ENDING:
        signal.signal(ending, asked)
