"""Run a Broker until it is asked to stop."""

import asyncio
import logging
from pathlib import Path

from amqtt.broker import Broker
from amqtt.cli.signals import on_first_signal

logger = logging.getLogger("amqtt")


async def serve(config: Path | None) -> None:
    """Run the Broker of this configuration until SIGINT or SIGTERM; BrokerError if it cannot start."""
    stop = asyncio.Event()
    on_first_signal(stop.set)
    async with Broker(config):
        await stop.wait()
        logger.info("Stopping; a second signal stops at once")
    logger.info("Stopped")
