"""Who tells what a Broker does while it runs: `$SYS` topics, traces and OpenTelemetry."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import amqtt
from amqtt.errors import BrokerError
from amqtt.observe.figures import ProcessFigures
from amqtt.server.sys_topics import SysTopics

if TYPE_CHECKING:
    from amqtt.config import Config
    from amqtt.observe.opentelemetry import Observed, OpenTelemetry
    from amqtt.observe.settings import TelemetrySettings, TraceSettings
    from amqtt.observe.trace import Trace

logger = logging.getLogger("amqtt.broker")


class Observers:
    """Those of one Broker that its configuration asks for, from `begin` to `end`."""

    def __init__(self, broker: "Observed") -> None:
        self._broker = broker
        self._sys_topics: SysTopics | None = None
        self._traces: list[Trace] = []
        self._telemetry: OpenTelemetry | None = None

    def begin(self, config: "Config") -> None:
        """Observe from now on. BrokerError: OpenTelemetry is asked for, and is not installed."""
        self._begin_sys_topics(config)
        self._begin_traces(config.traces)
        self._begin_telemetry(config.telemetry)

    def adopt(self, old: "Config", new: "Config") -> None:
        """Go by another configuration; what it says as before goes on as before."""
        if old.sys_interval != new.sys_interval:
            self._end_sys_topics()
            self._begin_sys_topics(new)
        if old.traces != new.traces:
            self._begin_traces(new.traces)
        if old.telemetry != new.telemetry:
            self._end_telemetry()
            self._begin_telemetry(new.telemetry)

    def end(self) -> None:
        """Observe no more. Idempotent."""
        self._end_sys_topics()
        self._end_telemetry()
        self._begin_traces(())

    def _begin_sys_topics(self, config: "Config") -> None:
        if config.server.sys_interval:
            figures = ProcessFigures()
            version = f"amqtt version {amqtt.__version__}"
            self._sys_topics = SysTopics(self._broker.server.realm, version, figures.read)
            self._sys_topics.begin()

    def _end_sys_topics(self) -> None:
        if self._sys_topics is not None:
            self._sys_topics.end()
            self._sys_topics = None

    def _begin_traces(self, settings: "Sequence[TraceSettings]") -> None:
        """Have these traces, and none that was there before."""
        for trace in self._traces:
            trace.end()
        self._traces = []
        if not settings:
            return
        # Who traces nobody need not load what writes traces.
        from amqtt.observe.trace import Trace

        self._traces = [Trace(self._broker.server.realm, each) for each in settings]
        for trace in self._traces:
            try:
                trace.begin()
            except OSError as error:
                logger.warning("trace: %s cannot be written: %s", trace.settings.file, error.strerror)

    def _begin_telemetry(self, settings: "TelemetrySettings") -> None:
        if settings.enabled:
            from amqtt.observe.opentelemetry import MISSING, OpenTelemetry

            try:
                self._telemetry = OpenTelemetry(self._broker, settings.spans)
            except ImportError:
                raise BrokerError(f"opentelemetry.enabled: {MISSING}") from None
            self._telemetry.begin()

    def _end_telemetry(self) -> None:
        if self._telemetry is not None:
            self._telemetry.end()
            self._telemetry = None
