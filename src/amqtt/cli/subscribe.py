"""`amqtt sub`: subscribe and write what comes, with the flags of mosquitto_sub."""

import asyncio
import logging
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from amqtt.cli.client_options import Connecting
from amqtt.cli.client_runs import TIMED_OUT, run_client
from amqtt.cli.message_format import MessageFormat
from amqtt.cli.option_sets import takes
from amqtt.errors import SubscribeError
from amqtt.topics.names import matches
from amqtt.wire.packets import MQTT_5, SubscriptionRequest

if TYPE_CHECKING:
    from amqtt.clients import Client, ReceivedMessage

logger = logging.getLogger("amqtt.cli")


@dataclass
class Subscribing:
    """What to subscribe to, and what to write of it."""

    topics: Annotated[
        list[str], typer.Option("-t", "--topic", help="A Topic Filter; there may be several.")
    ] = field(default_factory=list)
    filtered_out: Annotated[
        list[str], typer.Option("-T", "--filter-out", help="Topics that are not written.")
    ] = field(default_factory=list)
    unsubscribe: Annotated[
        list[str], typer.Option("-U", "--unsubscribe", help="Topic Filters of which to unsubscribe first.")
    ] = field(default_factory=list)
    qos: Annotated[int, typer.Option("-q", "--qos", min=0, max=2, help="The QoS.")] = 0
    count: Annotated[int | None, typer.Option("-C", min=1, help="End after so many messages.")] = None
    seconds: Annotated[
        float | None, typer.Option("-W", min=0, help="End after so many seconds, with exit status 27.")
    ] = None
    exits: Annotated[bool, typer.Option("-E", help="End when the server has granted all.")] = False
    format: Annotated[
        str | None, typer.Option("-F", help="How a message is written: %t topic, %p payload, %j JSON, …")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="The same as -F %j.")] = False
    pretty: Annotated[bool, typer.Option("--pretty", help="JSON in several lines.")] = False
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Topic and payload.")] = False
    no_newline: Annotated[bool, typer.Option("-N", help="Add no end of line.")] = False
    no_retained: Annotated[bool, typer.Option("-R", help="Leave out retained messages.")] = False
    retained_only: Annotated[
        bool, typer.Option("--retained-only", help="End at the first message that is not retained.")
    ] = False
    remove_retained: Annotated[
        bool, typer.Option("--remove-retained", help="Remove the retained messages that come.")
    ] = False
    no_local: Annotated[
        bool, typer.Option("--no-local", help="Nothing that this very client publishes.")
    ] = False
    retain_as_published: Annotated[
        bool, typer.Option("--retain-as-published", help="RETAIN as the message was published with it.")
    ] = False

    def message_format(self) -> MessageFormat:
        """How a message is written; ValueError for a format that is none."""
        written = self.format
        if written is None:
            written = "%j" if self.json else "%t %p" if self.verbose else "%p"
        return MessageFormat(written + ("" if self.no_newline else "\\n"), self.pretty)


@takes(Connecting, Subscribing)
def subscribe(connecting: Connecting, subscribing: Subscribing) -> None:
    """Subscribe, and write what comes. The flags are those of mosquitto_sub; -h is the host."""
    topic = connecting.topic_of_url()
    if topic is not None:
        subscribing.topics = [*subscribing.topics, topic]
    if not subscribing.topics and not subscribing.unsubscribe:
        raise typer.BadParameter("give a Topic Filter: -t")
    try:
        subscribing.message_format()
    except ValueError as error:
        raise typer.BadParameter(f"-F: {error}") from None
    run_client(connecting, "amqtt sub", lambda: _subscribe(connecting, subscribing))


async def _subscribe(connecting: Connecting, subscribing: Subscribing) -> int:
    # What is written shall be what was published; -D connect topic-alias-maximum asks for aliases.
    client = connecting.new_client("sub", reconnect=True, topic_alias_maximum=0)
    async with client:
        if subscribing.unsubscribe:
            await client.unsubscribe(subscribing.unsubscribe)
        if subscribing.topics:
            await _ask(client, connecting, subscribing)
        if subscribing.exits or not subscribing.topics:
            return 0
        try:
            async with asyncio.timeout(subscribing.seconds):
                await _write_messages(client, subscribing)
        except TimeoutError:
            if not connecting.quiet:
                typer.echo("Timed out", err=True)
            return TIMED_OUT
    return 0


async def _ask(client: "Client", connecting: Connecting, subscribing: Subscribing) -> None:
    options = (subscribing.no_local, subscribing.retain_as_published)
    requests = [SubscriptionRequest(topic, subscribing.qos, *options) for topic in subscribing.topics]
    given = connecting.properties_of("subscribe")
    identifiers = given.subscription_identifiers or (0,)
    pairs = dict(given.user_properties) if client.settings.version == MQTT_5 else None
    try:
        granted = await client.subscribe(requests, identifier=identifiers[0], user_properties=pairs)
        logger.debug("SUBSCRIBE to %s: QoS %s granted", ", ".join(subscribing.topics), granted)
    except SubscribeError as error:
        if all(code >= 0x80 for code in error.reason_codes.values()):
            raise
        typer.echo(f"amqtt sub: {error}", err=True)


async def _write_messages(client: "Client", subscribing: Subscribing) -> None:
    form = subscribing.message_format()
    out = sys.stdout.buffer
    written = 0
    stream = client.messages()
    async for message in stream:
        if subscribing.retained_only and not message.retain:
            return
        if not any(matches(topic_filter, message.topic) for topic_filter in subscribing.filtered_out):
            if message.retain and subscribing.remove_retained:
                await client.publish(message.topic, b"", subscribing.qos, retain=True)
            if not (message.retain and subscribing.no_retained):
                _write(form, message)
                written += 1
        if not len(stream) or written == subscribing.count:
            out.flush()
        if written == subscribing.count:
            return


def _write(form: MessageFormat, message: "ReceivedMessage") -> None:
    try:
        sys.stdout.buffer.write(form.write(message, datetime.now(UTC).astimezone()))
    except BrokenPipeError:
        raise
    except ValueError as error:
        typer.echo(f"amqtt sub: {error}", err=True)
