"""Figures and spans as an OpenTelemetry SDK gets them, and traces that pass through the Broker."""

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.util import find_spec

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.observe.opentelemetry import OpenTelemetry
from support.commands import missing

if find_spec("opentelemetry.sdk") is None:
    missing("opentelemetry-sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SENT = [("first", "1"), ("traceparent", TRACEPARENT), ("tracestate", "vendor=t61rcWkgMzE"), ("last", "1")]


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker({"listeners": {"default": {"bind": "127.0.0.1:0"}}}) as broker:
        yield broker


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def meters(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


def observed(reader: InMemoryMetricReader) -> dict[str, dict[str, float]]:
    """Name of each metric → its attributes, written out → its value."""
    data = reader.get_metrics_data()
    metrics = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
    return {
        metric.name: {written(point.attributes or {}): point.value for point in metric.data.data_points}
        for metric in metrics
    }


def written(attributes: Mapping[str, object]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(attributes.items()))


def client(broker: Broker, protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5) -> aiomqtt.Client:
    host, port = broker.listeners["default"].addresses[0]
    return aiomqtt.Client(host, port, protocol=protocol)


def traced(user_properties: list[tuple[str, str]] = SENT) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = user_properties
    return properties


async def test_figures_are_those_of_metrics(
    broker: Broker, reader: InMemoryMetricReader, meters: MeterProvider
) -> None:
    with OpenTelemetry(broker, meter_provider=meters):
        async with client(broker) as publisher:
            await publisher.publish("a", b"x", qos=1)
            found = observed(reader)
            written = {each.name.removesuffix("_total"): each.values for each in broker.figures()}
    assert found["amqtt_received_messages"] == {"": 1}
    assert found["amqtt_connected_clients"] == {"": 1}
    assert found["amqtt_listener_connections"] == {"listener=default": 1}
    assert set(found) == {name for name, values in written.items() if values} - {"amqtt_info"} - {
        name for name in written if name.startswith("process_")
    }


async def test_each_collection_has_the_figures_of_its_moment(
    broker: Broker, reader: InMemoryMetricReader, meters: MeterProvider
) -> None:
    with OpenTelemetry(broker, meter_provider=meters):
        assert observed(reader)["amqtt_connected_clients"] == {"": 0}
        async with client(broker):
            assert observed(reader)["amqtt_connected_clients"] == {"": 1}


async def test_two_brokers_are_told_apart_and_one_that_ended_is_gone(
    broker: Broker, reader: InMemoryMetricReader, meters: MeterProvider
) -> None:
    async with Broker({"listeners": {}}) as other:
        one = OpenTelemetry(broker, meter_provider=meters, attributes={"broker": "one"})
        with one, OpenTelemetry(other, meter_provider=meters, attributes={"broker": "two"}):
            assert observed(reader)["amqtt_ready"] == {"broker=one": 1, "broker=two": 1}
        with one:
            assert observed(reader)["amqtt_ready"] == {"broker=one": 1}


async def test_they_can_be_collected_in_another_thread(
    broker: Broker, reader: InMemoryMetricReader, meters: MeterProvider
) -> None:
    found: list[dict[str, dict[str, float]]] = []
    with OpenTelemetry(broker, meter_provider=meters):
        exporter = threading.Thread(target=lambda: found.append(observed(reader)))
        exporter.start()
        exporter.join()
    assert found[0]["amqtt_ready"] == {"": 1}


@pytest.mark.parametrize("bridged", [False, True])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_what_says_the_trace_passes_untouched(broker: Broker, qos: int, bridged: bool) -> None:
    bridge = OpenTelemetry(broker, spans=True, tracer_provider=TracerProvider())
    if bridged:
        bridge.begin()
    async with client(broker) as subscriber, client(broker) as publisher:
        await subscriber.subscribe("a", qos=qos)
        await publisher.publish("a", b"x", qos=qos, properties=traced())
        message = await anext(aiter(subscriber.messages))
    assert message.properties is not None
    assert message.properties.UserProperty == SENT
    bridge.end()


async def test_a_retained_message_keeps_its_trace(broker: Broker) -> None:
    async with client(broker) as subscriber, client(broker) as publisher:
        await publisher.publish("a", b"x", qos=1, retain=True, properties=traced())
        await subscriber.subscribe("a", qos=1)
        message = await anext(aiter(subscriber.messages))
    assert message.properties is not None
    assert message.properties.UserProperty == SENT


class Tracing:
    """A TracerProvider, and the spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


async def test_a_message_of_a_trace_has_a_span_when_it_comes_and_one_when_it_goes(broker: Broker) -> None:
    tracing = Tracing()
    # Whoever was there before the bridge has spans, too.
    async with client(broker) as subscriber, client(broker) as publisher:
        await subscriber.subscribe("a/#")
        with OpenTelemetry(broker, spans=True, tracer_provider=tracing.provider):
            await publisher.publish("a/b", b"xyz", qos=1, properties=traced())
            await anext(aiter(subscriber.messages))
    spans = tracing.spans()
    assert sorted(spans) == ["deliver", "publish"]
    for span in spans.values():
        assert span.context is not None
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
        assert span.attributes is not None
        assert span.attributes["messaging.destination.name"] == "a/b"
        assert span.attributes["messaging.message.body.size"] == 3
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
    assert (spans["publish"].kind, spans["deliver"].kind) == (SpanKind.CONSUMER, SpanKind.PRODUCER)


@pytest.mark.parametrize(
    "user_properties", [[], [("traceparent", "nonsense")], [("traceparent", f"00-{'0' * 32}-{PARENT}-01")]]
)
async def test_a_message_of_no_trace_has_none(broker: Broker, user_properties: list[tuple[str, str]]) -> None:
    tracing = Tracing()
    with OpenTelemetry(broker, spans=True, tracer_provider=tracing.provider):
        async with client(broker) as publisher:
            await publisher.publish("a", b"x", qos=1, properties=traced(user_properties))
    assert tracing.spans() == {}


async def test_a_tracer_that_fails_stops_no_message(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider()

    class Failing(SimpleSpanProcessor):
        def on_start(self, *_: object, **__: object) -> None:
            raise RuntimeError("no more spans")

    provider.add_span_processor(Failing(InMemorySpanExporter()))
    with OpenTelemetry(broker, spans=True, tracer_provider=provider):
        async with client(broker) as publisher:
            for _ in range(2):
                await publisher.publish("a", b"x", qos=1, properties=traced())
    assert [text for text in caplog.messages if "there are no more spans" in text] != []


async def test_the_configuration_turns_it_on() -> None:
    settings = {"listeners": {}, "opentelemetry": {"enabled": True, "spans": True}}
    async with Broker(settings) as broker:
        assert broker.server.events.wants_sent_packets
    assert not broker.server.events.wants_sent_packets


def test_without_the_extra_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amqtt.observe.opentelemetry.is_available", lambda: False)
    with pytest.raises(BrokerError, match=r"opentelemetry\.enabled: .* pip install 'amqtt\[otel\]'"):
        Broker({"opentelemetry": {"enabled": True}})
