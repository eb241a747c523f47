"""`amqtt_pub` and `amqtt_sub`: aMQTT's commands, with its flags."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

import amqtt
from amqtt.cli import standard_input
from amqtt.cli.client_runs import run_client
from amqtt.cli.option_sets import takes
from amqtt.client import MQTTClient
from amqtt.errors import ClientError, ConnectError


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(amqtt.__version__)
        raise typer.Exit


@dataclass
class Connecting:
    """Where the server is, and who connects."""

    url: Annotated[
        str | None,
        typer.Option(
            "--url", help="mqtt(s):// or ws(s)://, with user:password@ if need be; else the configuration's.",
        ),
    ] = None
    config_file: Annotated[
        Path | None, typer.Option("-c", "--config-file", help="A client's configuration, YAML.")
    ] = None
    client_id: Annotated[str | None, typer.Option("-i", "--client-id", help="The Client Identifier.")] = None
    keep_alive: Annotated[int | None, typer.Option("-k", help="Keep Alive in seconds.")] = None
    clean_session: Annotated[
        bool, typer.Option("--clean-session", help="Begin a new session; so it is without -i, too.")
    ] = False
    ca_file: Annotated[str | None, typer.Option(help="PEM file of the CAs that are trusted.")] = None
    ca_path: Annotated[str | None, typer.Option(help="Directory of such CAs.")] = None
    ca_data: Annotated[str | None, typer.Option(help="Such CAs as PEM text.")] = None
    will_topic: Annotated[str | None, typer.Option(help="The topic of the Will Message.")] = None
    will_message: Annotated[str | None, typer.Option(help="Its payload.")] = None
    will_qos: Annotated[int, typer.Option(help="Its QoS.", min=0, max=2)] = 0
    will_retain: Annotated[bool, typer.Option("--will-retain", help="Whether it is retained.")] = False
    extra_headers: Annotated[
        str | None, typer.Option(help="Headers of the WebSocket handshake, as a JSON object.")
    ] = None
    debug: Annotated[bool, typer.Option("-d", help="Say more of what happens.")] = False
    shows_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version.")
    ] = False
    # What `run_client` asks of the options of a command.
    quiet = False
    version = "mqttv311"

    def new_client(self, name: str) -> MQTTClient:
        """The client that these options describe."""
        config: dict[str, Any] = {}
        if self.config_file is not None:
            import yaml

            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8")) or {}
        if self.keep_alive is not None:
            config["keep_alive"] = self.keep_alive
        if (self.will_topic is None) != (self.will_message is None):
            raise typer.BadParameter("a Will Message needs --will-topic and --will-message")
        if self.will_topic is not None:
            config["will"] = {
                "topic": self.will_topic, "message": self.will_message, "qos": self.will_qos,
                "retain": self.will_retain,
            }
        return MQTTClient(self.client_id or f"{name}/{os.getpid()}-{socket.gethostname()}", config)

    async def connect(self, client: MQTTClient) -> None:
        """Connect it. Without a name of its own nobody would find its session again."""
        try:
            headers = json.loads(self.extra_headers or "{}")
        except ValueError:
            raise ClientError("--extra-headers is no JSON object") from None
        clean = self.clean_session or self.client_id is None
        try:
            await client.connect(self.url, clean, self.ca_file, self.ca_path, self.ca_data, headers)
        except ConnectError as error:
            error.args = (f"Connection failed: {error}",)
            raise


@dataclass
class Publishing:
    """What to publish."""

    topic: Annotated[str, typer.Option("-t", "--topic", help="The topic.")]
    qos: Annotated[
        int | None, typer.Option("-q", "--qos", min=0, max=2, help="The QoS; else the configuration's.")
    ] = None
    retain: Annotated[bool, typer.Option("-r", "--retain", help="Have it retained.")] = False
    message: Annotated[str | None, typer.Option("-m", "--message", help="The payload.")] = None
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="A message for each line of this file.")
    ] = None
    stdin: Annotated[bool, typer.Option("-s", "--stdin", help="The payload: all of standard input.")] = False
    lines: Annotated[
        bool, typer.Option("-l", "--lines", help="A message for each line of standard input.")
    ] = False
    no_message: Annotated[bool, typer.Option("-n", "--no-message", help="An empty payload.")] = False

    async def payloads(self) -> AsyncIterator[bytes]:
        """All of them; a line keeps its end, as in aMQTT."""
        if self.lines:
            async for line in standard_input.lines():
                yield line + b"\n"
        elif self.file is not None:
            for line in self.file.read_bytes().splitlines(keepends=True):
                yield line
        elif self.stdin:
            yield await standard_input.everything()
        else:
            yield (self.message or "").encode(errors="surrogateescape")


@dataclass
class Subscribing:
    """What to subscribe to."""

    topics: Annotated[list[str], typer.Option("-t", "--topic", help="A Topic Filter; there may be several.")]
    count: Annotated[int | None, typer.Option("-n", min=1, help="End after so many messages.")] = None
    qos: Annotated[int, typer.Option("-q", "--qos", min=0, max=2, help="The QoS.")] = 0


@takes(Connecting, Publishing)
def publish(connecting: Connecting, publishing: Publishing) -> None:
    """Publish messages, with the flags of aMQTT's amqtt_pub."""
    given = [
        publishing.message is not None, publishing.file is not None, publishing.stdin, publishing.lines,
        publishing.no_message,
    ]
    if sum(given) != 1:
        raise typer.BadParameter("give one of -m, -f, -s, -l and -n")
    client = connecting.new_client("amqtt_pub")
    run_client(connecting, "amqtt_pub", lambda: _publish(client, connecting, publishing))


async def _publish(client: MQTTClient, connecting: Connecting, publishing: Publishing) -> int:
    await connecting.connect(client)
    try:
        async for payload in publishing.payloads():
            await client.publish(publishing.topic, payload, publishing.qos, publishing.retain)
    finally:
        await client.disconnect()
    return 0


@takes(Connecting, Subscribing)
def subscribe(connecting: Connecting, subscribing: Subscribing) -> None:
    """Subscribe and write what comes, with the flags of aMQTT's amqtt_sub."""
    client = connecting.new_client("amqtt_sub")
    run_client(connecting, "amqtt_sub", lambda: _subscribe(client, connecting, subscribing))


async def _subscribe(client: MQTTClient, connecting: Connecting, subscribing: Subscribing) -> int:
    await connecting.connect(client)
    try:
        codes = await client.subscribe([(topic, subscribing.qos) for topic in subscribing.topics])
        if all(code >= 0x80 for code in codes):
            raise ClientError("the Server refuses every Topic Filter")
        written = 0
        while subscribing.count is None or written < subscribing.count:
            message = await client.deliver_message()
            if message.data:
                written += 1
                sys.stdout.buffer.write(bytes(message.data) + b"\n")
                sys.stdout.buffer.flush()
    except asyncio.CancelledError:
        return 0
    finally:
        await client.disconnect()
    return 0
