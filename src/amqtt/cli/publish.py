"""`amqtt pub`: publish messages, with the flags of mosquitto_pub."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amqtt.cli import standard_input
from amqtt.cli.client_options import Connecting
from amqtt.cli.client_runs import run_client
from amqtt.cli.option_sets import takes
from amqtt.errors import ClientError
from amqtt.wire.packets import MQTT_5

if TYPE_CHECKING:
    from amqtt.clients import Client

logger = logging.getLogger("amqtt.cli")


@dataclass
class Publishing:
    """What to publish, and how often."""

    topic: Annotated[str | None, typer.Option("-t", "--topic", help="The topic.")] = None
    message: Annotated[str | None, typer.Option("-m", "--message", help="The payload.")] = None
    file: Annotated[Path | None, typer.Option("-f", "--file", help="The payload is in this file.")] = None
    line_by_line: Annotated[
        bool, typer.Option("-l", "--stdin-line", help="A message for each line of standard input.")
    ] = False
    stdin: Annotated[
        bool, typer.Option("-s", "--stdin-file", help="The payload is all of standard input.")
    ] = False
    null: Annotated[bool, typer.Option("-n", "--null-message", help="An empty payload.")] = False
    qos: Annotated[int, typer.Option("-q", "--qos", min=0, max=2, help="The QoS.")] = 0
    retain: Annotated[bool, typer.Option("-r", "--retain", help="Have it retained.")] = False
    repeat: Annotated[int, typer.Option(min=1, help="How often to publish it.")] = 1
    repeat_delay: Annotated[float, typer.Option(min=0, help="Seconds between one and the next.")] = 0.0
    inflight: Annotated[
        int, typer.Option("-M", "--max-inflight", min=1, max=60_000, help="How many may be unacknowledged.")
    ] = 20

    def payload(self) -> bytes | None:
        """The one that is published, None where standard input says it."""
        if self.message is not None:
            return self.message.encode(errors="surrogateescape")
        if self.file is not None:
            return standard_input.file_content(self.file)
        return b"" if self.null else None

    async def payloads(self) -> AsyncIterator[bytes]:
        """All of them, one after the other."""
        if self.line_by_line:
            async for line in standard_input.lines():
                yield line
            return
        payload = await standard_input.everything() if self.stdin else self.payload()
        assert payload is not None
        for number in range(self.repeat):
            if number and self.repeat_delay:
                await asyncio.sleep(self.repeat_delay)
            yield payload


@takes(Connecting, Publishing)
def publish(connecting: Connecting, publishing: Publishing) -> None:
    """Publish messages. The flags are those of mosquitto_pub; -h is the host."""
    publishing.topic = publishing.topic or connecting.topic_of_url()
    given = [
        publishing.message is not None, publishing.file is not None, publishing.line_by_line,
        publishing.stdin, publishing.null,
    ]
    if publishing.topic is None or sum(given) != 1:
        raise typer.BadParameter("give a topic (-t) and one of -m, -f, -l, -s and -n")
    run_client(connecting, "amqtt pub", lambda: _publish(connecting, publishing))


async def _publish(connecting: Connecting, publishing: Publishing) -> int:
    client = connecting.new_client("pub", publishing.line_by_line, maximum_inflight=publishing.inflight)
    under_way = asyncio.Semaphore(publishing.inflight)
    try:
        async with client, asyncio.TaskGroup() as tasks:
            async for payload in publishing.payloads():
                if publishing.qos == 0:
                    await _publish_one(client, connecting, publishing, payload)
                    continue
                await under_way.acquire()
                task = tasks.create_task(_publish_one(client, connecting, publishing, payload))
                task.add_done_callback(lambda _: under_way.release())
    except* (ClientError, ValueError, OSError) as failed:
        raise failed.exceptions[0] from None
    return 0


async def _publish_one(
    client: "Client", connecting: Connecting, publishing: Publishing, payload: bytes
) -> None:
    assert publishing.topic is not None
    properties = connecting.properties_of("publish") if client.settings.version == MQTT_5 else None
    code = await client.publish(publishing.topic, payload, publishing.qos, publishing.retain, properties)
    said = f"acknowledged with Reason Code 0x{code:02X}" if publishing.qos else "sent"
    logger.debug("PUBLISH to %s, %d bytes, QoS %d: %s", publishing.topic, len(payload), publishing.qos, said)
