"""The figures as a table for people and as JSON for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from benchmarks.figures import Summary
from benchmarks.shapes import Memory, Retained, Shape, Storm, Stream
from benchmarks.verification import Faults

Findings = Mapping[Shape, Mapping[str, Summary | str]]
"""For each shape and each broker its figures, or a sentence that says why there are none."""


def _columns(shape: Shape) -> tuple[str, ...]:
    unit = "msg" if shape.unit == "message" else shape.unit
    match shape:
        case Stream():
            return ("broker", "messages/s", "broker µs/msg", "p50 µs", "p99 µs", "p99.9 µs",
                    "generator µs/msg", "verified")
        case Storm():
            return ("broker", "cycles/s", "broker µs/cycle", "p50 µs", "p99 µs", "p99.9 µs",
                    "generator µs/cycle", "verified")
        case Retained():
            return ("broker", "messages/s", "broker µs/msg", "generator µs/msg", "verified")
        case Memory():
            return ("broker", f"bytes/{unit}", f"broker µs/{unit}", f"generator µs/{unit}", "count")


def wrong(faults: Faults) -> str:
    """What went wrong in words; "": nothing."""
    return ", ".join(f"{count:,} {name}" for name, count in asdict(faults).items() if count)


def _row(shape: Shape, broker: str, found: Summary | str) -> tuple[str, ...]:
    if isinstance(found, str):
        return broker, found
    verified = wrong(found.faults) or f"all of {found.count:,}"
    rate, cpu, generator = f"{found.rate:,.0f}", f"{found.broker_cpu:.2f}", f"{found.generator_cpu:.2f}"
    latencies = (f"{found.p50:,.0f}", f"{found.p99:,.0f}", f"{found.p999:,.0f}")
    match shape:
        case Memory():
            return broker, f"{found.memory:,.0f}", cpu, generator, f"{found.count:,}"
        case Retained():
            return broker, rate, cpu, generator, verified
        case _:
            return broker, rate, cpu, *latencies, generator, verified


def title(shape: Shape) -> str:
    """One line that says what a table shows."""
    payload = f", payload {shape.payload_size} B" if isinstance(shape, Stream | Retained) else ""
    return f"{shape.name}: {shape.title}{payload}"


def table(shape: Shape, found: Mapping[str, Summary | str]) -> str:
    """The table of one shape."""
    columns = _columns(shape)
    rows = [columns, *(_row(shape, broker, each) for broker, each in found.items())]
    whole = [row for row in rows if len(row) == len(columns)]
    widths = [max(len(row[n]) for row in whole) for n in range(len(columns))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = [title(shape)]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=False))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def as_json(found: Findings, machine: Mapping[str, str], kept: str = "") -> str:
    """All figures; times are in microseconds, memory in bytes. `kept`: earlier ones, for other shapes."""
    shapes = (json.loads(kept)["shapes"] if kept else {}) | {
        shape.name: {
            "shape": asdict(shape),
            "brokers": {b: {"error": s} if isinstance(s, str) else asdict(s) for b, s in each.items()},
        }
        for shape, each in found.items()
    }
    return json.dumps({"machine": dict(machine), "shapes": shapes}, indent=1)
