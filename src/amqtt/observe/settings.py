"""What an operator wants to be told (`trace:` and `opentelemetry:` in the configuration)."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """One trace (an item of `trace`). What is said of `client`, `topic` and `address` must all be so."""

    file: Path
    """Where the lines go, after those that are there; neither payloads nor passwords are in them."""
    client: str | None = None
    """A Client Identifier."""
    topic: str | None = None
    """A Topic Filter: of PUBLISH those on matching topics, and nothing else."""
    address: str | None = None
    """An IP address, or a network such as 10.1.0.0/16."""


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What is handed to OpenTelemetry (`opentelemetry:` in the configuration)."""

    enabled: bool = False
    """Whether the figures of `/metrics` are OpenTelemetry's, too."""
    spans: bool = False
    """Whether each message that belongs to a trace gets a span when it comes in, and one for each delivery.
    They cost more than the message."""
