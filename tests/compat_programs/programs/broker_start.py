"""A script of the kind that begins with the samples: the broker is made as the module is read."""

import asyncio
import logging
import os

from amqtt.broker import Broker

logger = logging.getLogger(__name__)

HERE = os.path.dirname(os.path.abspath(__file__))

config = {
    "listeners": {
        "default": {"type": "tcp", "bind": os.environ.get("BIND", "0.0.0.0:1883")},
        "ws-mqtt": {"bind": os.environ.get("WS_BIND", "127.0.0.1:8080"), "type": "ws", "max_connections": 10},
    },
    "sys_interval": 10,
    "auth": {
        "allow-anonymous": True,
        "password-file": os.path.join(HERE, "passwd"),
        "plugins": ["auth_file", "auth_anonymous"],
    },
    "topic-check": {"enabled": False},
}

broker = Broker(config)


async def start():
    await broker.start()


if __name__ == "__main__":
    formatter = "[%(asctime)s] :: %(levelname)s :: %(name)s :: %(message)s"
    logging.basicConfig(level=logging.INFO, format=formatter)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(start())
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        loop.run_until_complete(broker.shutdown())
        logger.info("the broker is %s", broker.transitions.state)
