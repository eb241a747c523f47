"""The section `opentelemetry`: what is handed to OpenTelemetry."""

from amqtt.config_file import values
from amqtt.config_file.section import Section
from amqtt.observe.settings import TelemetrySettings


def read_telemetry(section: Section) -> TelemetrySettings:
    """The settings of this section over our defaults."""
    defaults = TelemetrySettings()
    settings = TelemetrySettings(
        enabled=section.take("enabled", _available_switch, defaults.enabled),
        spans=section.take("spans", values.switch, defaults.spans),
    )
    section.refuse_unknown()
    return settings


def _available_switch(value: object) -> bool:
    enabled = values.switch(value)
    if enabled:
        # Few want it; the others need not load the bridge.
        from amqtt.observe.opentelemetry import MISSING, is_available

        if not is_available():
            raise ValueError(MISSING)
    return enabled
