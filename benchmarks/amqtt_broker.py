"""Run our Broker on the event loop that the benchmark asks for: LOOP PORT."""

import asyncio
import signal
import sys

from amqtt.broker import Broker


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Broker({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}}):
        await stop.wait()


def main() -> None:
    """Serve until SIGTERM."""
    loop, port = sys.argv[1:]
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(port)))


if __name__ == "__main__":
    main()
