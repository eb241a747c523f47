"""The page of measured figures: from a JSON of `make bench` to tables and pictures, `make bench-docs`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import reach
from benchmarks.charts import Line, line_chart
from benchmarks.figures import Summary
from benchmarks.report import wrong
from benchmarks.shapes import SHAPES, SWEEPS, Memory, Retained, Shape, Storm, Stream, Sweep
from benchmarks.verification import Faults

PAGE = Path("docs/explanation/performance.md")
FIGURES = Path("docs/explanation/performance.json")
_BEGIN, _END = "<!-- figures: {} -->", "<!-- end -->"


def read(path: Path) -> tuple[Mapping[str, str], reach.Figures]:
    """What machine a JSON tells of, and its figures by shape and broker."""
    content = json.loads(path.read_text())
    shapes = {
        shape: {broker: _summary(figures) for broker, figures in each["brokers"].items()}
        for shape, each in content["shapes"].items()
    }
    return content["machine"], shapes


def _summary(figures: dict[str, object]) -> Summary | str:
    if "error" in figures:
        return str(figures["error"])
    faults = figures["faults"]
    assert isinstance(faults, dict)
    return Summary(**{**figures, "faults": Faults(**faults)})  # type: ignore[arg-type]


def cost_table(figures: reach.Figures) -> str:
    """Processor time of each broker for each shape, as Markdown."""
    shapes = [s for s in SHAPES if isinstance(s, Stream | Retained)]
    return _table("CPU µs for each message", figures, shapes, lambda found: _rounded(found.broker_cpu))


def latency_table(figures: reach.Figures) -> str:
    """Messages a second and latencies of each broker for the shapes with one message under way."""
    shapes = [s for s in SHAPES if isinstance(s, Stream) and s.window == 1]
    return _table("messages/s · p50 · p99 · p99.9 µs", figures, shapes, lambda found: (
        f"{found.rate:,.0f} · {found.p50:,.0f} · {found.p99:,.0f} · {found.p999:,.0f}"
    ))


def holding_table(figures: reach.Figures) -> str:
    """What each broker needs to hold things, and for a Client that comes and goes."""
    memory = _table("bytes for each", figures, [s for s in SHAPES if isinstance(s, Memory)],
                    lambda found: f"{found.memory:,.0f}")
    storm = _table("cycles/s · CPU µs for each", figures, [s for s in SHAPES if isinstance(s, Storm)],
                   lambda found: f"{found.rate:,.0f} · {_rounded(found.broker_cpu)}")
    return f"{memory}\n\n{storm}"


def faults(figures: reach.Figures) -> str:
    """A line for each broker and shape where something went wrong with a message."""
    titles = {shape.name: shape.title for shape in SHAPES}
    lines = [
        f"- {broker}: {wrong(found.faults)} of {found.count:,} ({titles.get(shape, shape)})"
        for shape, each in figures.items()
        for broker, found in each.items()
        if isinstance(found, Summary) and found.faults
    ]
    return "\n".join(lines) or "There is no exception."


def goals(figures: reach.Figures) -> str:
    """Each goal beside what was found."""
    return "\n".join(f"    {line}" for line in reach.table(figures).splitlines())


def machine(told: Mapping[str, str]) -> str:
    """Where and with what the figures were measured."""
    return " · ".join(f"{name} {value}" for name, value in told.items())


def _table(
    corner: str, figures: reach.Figures, wanted: Sequence[Shape], cell: Callable[[Summary], str]
) -> str:
    shapes = [shape for shape in wanted if shape.name in figures]
    brokers = list(dict.fromkeys(name for shape in shapes for name in figures[shape.name]))
    lines = [f"| {corner} | {' | '.join(brokers)} |", "|---" * (len(brokers) + 1) + "|"]
    for shape in shapes:
        row = [figures[shape.name].get(broker) for broker in brokers]
        cells = [cell(found) if isinstance(found, Summary) else "-" for found in row]
        lines.append(f"| {shape.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rounded(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def picture(sweep: Sweep, figures: reach.Figures) -> str:
    """Cost against what is varied, a line for each broker."""
    points: dict[str, list[tuple[float, float]]] = {}
    for x, stream in sweep.points:
        for broker, found in figures.get(stream.name, {}).items():
            if isinstance(found, Summary):
                points.setdefault(broker, []).append((x, found.broker_cpu))
    lines = [Line(broker, each) for broker, each in points.items()]
    return line_chart(sweep.title, sweep.axis, "broker CPU µs for each delivered message", lines)


def with_section(page: str, name: str, text: str) -> str:
    """The page with this text between the marks of this name."""
    before, begin, rest = page.partition(_BEGIN.format(name))
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page has no {_BEGIN.format(name)} … {_END}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def page(text: str, told: Mapping[str, str], figures: reach.Figures) -> str:
    """The page with all its figures."""
    sections = {
        "cost": cost_table(figures), "faults": faults(figures),
        "latency": latency_table(figures), "holding": holding_table(figures),
        "goals": goals(figures), "machine": machine(told),
    }
    for name, section in sections.items():
        text = with_section(text, name, section)
    return text


def main() -> int:
    """Write the page and its pictures."""
    told, figures = read(FIGURES)
    PAGE.write_text(page(PAGE.read_text(), told, figures))
    for sweep in SWEEPS:
        PAGE.with_name(f"performance-{sweep.name}.svg").write_text(picture(sweep, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
