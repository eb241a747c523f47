"""A plugin that keeps every message in a database, and the broker that it is for."""

import asyncio
import logging
import signal
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, BrokerContext, ListenerConfig, ListenerType
from amqtt.plugins.base import BasePlugin
from amqtt.session import ApplicationMessage


class MessageStore(BasePlugin[BrokerContext]):
    @dataclass
    class Config:
        database: str
        ignore_prefix: str = "$"

    def __init__(self, context: BrokerContext) -> None:
        super().__init__(context)
        self.writer = ThreadPoolExecutor(1)
        self.database = sqlite3.connect(self.config.database, check_same_thread=False)
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS messages"
            " (client_id TEXT, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER)"
        )

    async def on_broker_message_received(self, *, client_id: str, message: ApplicationMessage) -> None:
        if message.topic.startswith(self.config.ignore_prefix):
            return
        row = (
            client_id, message.topic, bytes(message.data), message.qos, message.publish_packet.retain_flag,
        )
        await asyncio.get_running_loop().run_in_executor(self.writer, self.insert, row)
        self.context.logger.info("kept a message of %s", client_id)

    def insert(self, row: tuple[object, ...]) -> None:
        with self.database:
            self.database.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", row)

    async def close(self) -> None:
        self.writer.shutdown()
        self.database.close()


async def main(database: str, bind: str) -> None:
    config = BrokerConfig(
        listeners={"default": ListenerConfig(type=ListenerType.TCP, bind=bind)},
        plugins={
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
            "message_store.MessageStore": {"database": database},
        },
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = Broker(config)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(*sys.argv[1:]))
