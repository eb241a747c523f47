"""A host application: a greenhouse that has its own broker, and publishes what it measures from a timer."""

import asyncio
import json
import logging
import os
import signal

from amqtt.broker import Broker

logger = logging.getLogger("greenhouse")

CONFIG = {
    "listeners": {
        "default": {
            "type": "tcp",
            "bind": os.environ.get("GREENHOUSE_BIND", "0.0.0.0:1883"),
            "max-connections": 50,
        },
    },
    "sys_interval": 0,
    "auth": {"allow-anonymous": True, "plugins": ["auth_anonymous"]},
    "topic-check": {"enabled": False},
}


class Greenhouse:
    def __init__(self):
        self.broker = Broker(CONFIG)
        self.loop = None
        self.number = 0
        self.tasks = set()

    async def run(self):
        self.loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        self.loop.add_signal_handler(signal.SIGTERM, stop.set)
        await self.broker.start()
        # A plain function in one release of aMQTT and a coroutine in the next: so it is not awaited here.
        self.broker.retain_message(None, "greenhouse/state", b"online")
        self.measure()
        await stop.wait()
        await self.broker.shutdown()
        logger.info("the broker is %s", self.broker.transitions.state)

    def measure(self):
        if self.broker.transitions.state != "started":
            return
        self.number += 1
        reading = json.dumps({"number": self.number, "clients": len(self.broker.sessions)})
        sending = self.broker.internal_message_broadcast("greenhouse/reading", reading.encode(), 1)
        task = asyncio.ensure_future(sending)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        self.loop.call_later(0.02, self.measure)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(Greenhouse().run())
