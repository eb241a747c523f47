"""Many runs made one figure each, as a table for people and as JSON for programs."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.load import Result
from benchmarks.shapes import Shape
from benchmarks.verification import Faults

COLUMNS = ("broker", "messages/s", "broker µs/msg", "p50 µs", "p99 µs", "generator µs/msg", "verified")


@dataclass(frozen=True, slots=True)
class Summary:
    """The median of the runs of one broker under one shape; faults are those of all runs together."""

    messages_per_second: float
    broker_cpu: float
    generator_cpu: float
    p50: float
    p99: float
    messages: int
    faults: Faults


def summary(results: Sequence[Result]) -> Summary:
    """One figure of each kind, from all runs."""
    return Summary(
        median(r.messages_per_second for r in results),
        median(r.broker_cpu for r in results),
        median(r.generator_cpu for r in results),
        median(r.p50 for r in results),
        median(r.p99 for r in results),
        sum(r.messages for r in results),
        sum((r.faults for r in results), Faults()),
    )


def _row(broker: str, found: Summary | str) -> tuple[str, ...]:
    if isinstance(found, str):
        return broker, found
    wrong = ", ".join(f"{count} {name}" for name, count in asdict(found.faults).items() if count)
    return (
        broker, f"{found.messages_per_second:,.0f}", f"{found.broker_cpu:.2f}", f"{found.p50:,.0f}",
        f"{found.p99:,.0f}", f"{found.generator_cpu:.2f}", wrong or f"all of {found.messages:,}",
    )


def table(shape: Shape, found: Mapping[str, Summary | str]) -> str:
    """The table of one shape; a text in place of a Summary says why there is none."""
    rows = [COLUMNS, *(_row(broker, each) for broker, each in found.items())]
    whole = [row for row in rows if len(row) == len(COLUMNS)]
    widths = [max(len(row[n]) for row in whole) for n in range(len(COLUMNS))]
    lines = [f"{shape.name}: {shape.title}, payload {shape.payload_size} B"]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=False))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def as_json(found: Mapping[Shape, Mapping[str, Summary | str]]) -> str:
    """All figures; times are in microseconds."""
    shapes = {
        shape.name: {
            "shape": asdict(shape),
            "brokers": {b: {"error": s} if isinstance(s, str) else asdict(s) for b, s in each.items()},
        }
        for shape, each in found.items()
    }
    machine = {"python": platform.python_version(), "system": platform.platform()}
    return json.dumps({"machine": machine, "shapes": shapes}, indent=2)
