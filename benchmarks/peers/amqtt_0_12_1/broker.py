"""Run aMQTT 0.12.1: PORT TRANSPORT CERTFILE KEYFILE. Nothing is dropped, nothing is logged."""

import asyncio
import logging
import signal
import sys

from amqtt.broker import Broker


def configuration() -> dict[str, object]:
    """A listener as it is asked for; anybody may come in, nothing is published about the broker itself."""
    port, transport, certfile, keyfile = sys.argv[1:]
    listener: dict[str, object] = {
        "type": "ws" if transport == "wss" else "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 20000,
    }
    if transport != "tcp":
        listener |= {"ssl": True, "certfile": certfile, "keyfile": keyfile}
    anonymous = "amqtt.plugins.authentication.AnonymousAuthPlugin"
    return {"listeners": {"default": listener}, "plugins": {anonymous: {"allow_anonymous": True}}}


async def serve() -> None:
    """Serve until SIGTERM."""
    logging.disable()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = Broker(configuration())
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve())
