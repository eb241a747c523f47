"""A bridge to OpenTelemetry: what is counted as instruments, and messages as spans if that is wanted."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, Self
from weakref import WeakKeyDictionary

from amqtt.observe.log import printable
from amqtt.observe.metrics import COUNTER, Metric
from amqtt.server.events import MessageOffered, MessagePublished, PacketSent
from amqtt.server.server import Server
from amqtt.server.watching import watch_sent_packets
from amqtt.wire.packets import Publish
from amqtt.wire.properties import Properties

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import SpanKind, TracerProvider

logger = logging.getLogger("amqtt.broker")

MISSING: Final = "this needs OpenTelemetry's API: pip install 'amqtt[otel]'"
TRACE_CONTEXT: Final = frozenset({"traceparent", "tracestate"})
"""User Properties in which a publisher says which trace its message belongs to (W3C Trace Context)."""
_LONGEST_TOPIC: Final = 200
_UNITS: Final = {"bytes": "By", "seconds": "s"}
_NANOSECONDS: Final = 1_000_000_000


def is_available() -> bool:
    """Whether the extra is installed that this needs."""
    return find_spec("opentelemetry") is not None


class Observed(Protocol):
    """What is observed: a Broker."""

    @property
    def server(self) -> Server:
        """The Server inside."""

    def figures(self) -> Iterable[Metric]:
        """What it counts; asked from any thread."""


class OpenTelemetry:
    """Observes one Broker from `begin` to `end`, or as long as a `with` lasts.

    Without providers it takes those that the program has set for OpenTelemetry. `attributes` are added
    to every figure: where one program runs two Brokers, they must differ. ImportError without the extra.
    """

    def __init__(
        self,
        broker: Observed,
        spans: bool = False,
        meter_provider: "MeterProvider | None" = None,
        tracer_provider: "TracerProvider | None" = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        from opentelemetry import metrics

        self._broker = broker
        self._instruments = _Instruments.of(meter_provider or metrics.get_meter_provider())
        self._reading = _Reading(broker.figures, attributes or {})
        self._spans = _Spans(broker.server, tracer_provider) if spans else None

    def begin(self) -> None:
        """Observe from now on."""
        self._instruments.add(self._reading)
        if self._spans is not None:
            self._spans.begin()

    def end(self) -> None:
        """Observe no more. Idempotent."""
        self._instruments.remove(self._reading)
        if self._spans is not None:
            self._spans.end()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()


class _Reading:
    """The figures of one moment: all instruments of one collection see the same."""

    def __init__(self, figures: Callable[[], Iterable[Metric]], attributes: Mapping[str, str]) -> None:
        self._figures = figures
        self._attributes = attributes
        self._metrics: dict[str, Metric] = {}
        self._asked: set[str] = set()

    def metrics(self) -> Iterator[Metric]:
        """Those that are ours: of the process, OpenTelemetry's own instrumentation tells."""
        for metric in self._figures():
            if metric.name.startswith("amqtt_") and metric.name != "amqtt_info":
                yield metric

    def of(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Attributes and value of this one. Who asks for it a second time begins another collection."""
        if not self._metrics or name in self._asked:
            self._metrics = {metric.name: metric for metric in self.metrics()}
            self._asked.clear()
        self._asked.add(name)
        for labels, value in self._metrics[name].values:
            yield {**labels, **self._attributes}, value


class _Instruments:
    """The instruments of one MeterProvider. It forgets none, so they are made once for all Brokers."""

    _made: ClassVar["WeakKeyDictionary[MeterProvider, _Instruments]"] = WeakKeyDictionary()

    def __init__(self, provider: "MeterProvider") -> None:
        self._meter = provider.get_meter("amqtt")
        self._names: set[str] = set()
        self._readings: dict[_Reading, None] = {}

    @classmethod
    def of(cls, provider: "MeterProvider") -> "_Instruments":
        """Those of this MeterProvider."""
        if provider not in cls._made:
            cls._made[provider] = cls(provider)
        return cls._made[provider]

    def add(self, reading: _Reading) -> None:
        """Have it observed."""
        self._readings[reading] = None
        for metric in reading.metrics():
            if metric.name not in self._names:
                self._names.add(metric.name)
                self._make(metric)

    def remove(self, reading: _Reading) -> None:
        """Have it observed no more."""
        self._readings.pop(reading, None)

    def _make(self, metric: Metric) -> None:
        def observe(_options: "CallbackOptions") -> "Iterator[Observation]":
            from opentelemetry.metrics import Observation

            for reading in list(self._readings):
                for attributes, value in reading.of(metric.name):
                    yield Observation(value, attributes)

        name = metric.name.removesuffix("_total")
        unit = _UNITS.get(name.rpartition("_")[2], "")
        is_counter = metric.kind == COUNTER
        make = self._meter.create_observable_counter if is_counter else self._meter.create_observable_gauge
        make(name, [observe], unit, metric.text)


class _Spans:
    """A span for each message that says which trace it belongs to, and one for each of its deliveries."""

    def __init__(self, server: Server, provider: "TracerProvider | None") -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._realm = server.realm
        self._tracer = trace.get_tracer("amqtt", tracer_provider=provider)
        self._extract = TraceContextTextMapPropagator().extract
        self._span_in = trace.get_current_span
        self._came_in, self._goes_out = trace.SpanKind.CONSUMER, trace.SpanKind.PRODUCER
        self._offered = 0

    def begin(self) -> None:
        events = self._realm.events
        events.on(MessageOffered, self._begins)
        events.on(MessagePublished, self._published)
        watch_sent_packets(self._realm)
        events.on(PacketSent, self._sent)

    def end(self) -> None:
        events = self._realm.events
        events.off(MessageOffered, self._begins)
        events.off(MessagePublished, self._published)
        events.off(PacketSent, self._sent)

    def _begins(self, _event: MessageOffered) -> None:
        self._offered = time.time_ns()

    def _published(self, event: MessagePublished) -> None:
        # Offered and published within one call, so the last one that was offered is this one.
        message = event.message
        self._span(
            "publish", self._came_in, event.client_id, message.topic, message.qos, len(message.payload),
            message.properties, self._offered,
        )

    def _sent(self, event: PacketSent) -> None:
        packet = event.packet
        if isinstance(packet, Publish):
            self._span(
                "deliver", self._goes_out, event.client_id, packet.topic, packet.qos, len(packet.payload),
                packet.properties, time.time_ns(),
            )

    def _span(
        self, name: str, kind: "SpanKind", client_id: str, topic: str, qos: int, size: int,
        properties: Properties | None, began: int,
    ) -> None:
        """One span, from `began` (nanoseconds) until now, below the one that the message names."""
        context = None if properties is None else self._context(properties)
        if context is None:
            return
        attributes: dict[str, str | int] = {
            "messaging.system": "mqtt",
            "messaging.operation.name": name,
            "messaging.destination.name": printable(topic, _LONGEST_TOPIC),
            "messaging.client.id": printable(client_id),
            "messaging.message.body.size": size,
            "mqtt.qos": qos,
        }
        try:
            self._tracer.start_span(name, context, kind, attributes, start_time=began).end()
        except Exception as error:  # whoever exports spans must not stop messages
            logger.warning("opentelemetry: there are no more spans, because they fail: %s", error)
            self.end()

    def _context(self, properties: Properties) -> "Context | None":
        """What the message says of its trace; None where it belongs to none."""
        named = {name.lower(): value for name, value in properties.user_properties}
        if "traceparent" not in named:
            return None
        carrier = {name: value for name, value in named.items() if name in TRACE_CONTEXT}
        context = self._extract(carrier)
        return context if self._span_in(context).get_span_context().is_valid else None
