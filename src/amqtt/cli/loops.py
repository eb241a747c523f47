"""Which event loop the command runs on."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib.util import find_spec


def loop_name() -> str:
    """`uvloop` on Linux and macOS where it is installed, else `asyncio`."""
    if sys.platform in {"linux", "darwin"} and find_spec("uvloop") is not None:
        return "uvloop"
    return "asyncio"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if loop_name() == "asyncio":
        return None
    import uvloop

    return uvloop.new_event_loop


def run(work: Coroutine[object, object, None]) -> None:
    """Run the work to its end on the fastest event loop that is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(work)
