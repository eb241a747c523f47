"""How far the goals are reached: our figure as a ratio to another of the same run."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.figures import Summary

Figures = Mapping[str, Mapping[str, Summary | str]]
"""For each shape and each broker, by their names, the figures or why there are none."""


@dataclass(frozen=True, slots=True)
class Goal:
    """At most so much of what another broker, or another shape, needs; `most` is a number without `other`."""

    shape: str
    most: float
    figure: str = "broker_cpu"
    broker: str = "amqtt uvloop"
    other: str = "mosquitto"
    other_shape: str = ""

    @property
    def words(self) -> str:
        """The goal in words."""
        what = {"broker_cpu": "broker CPU", "p99": "p99", "memory": "bytes", "rate": "rate"}[self.figure]
        shape = f" of {self.other_shape}" if self.other_shape else ""
        beside = f" / {self.other}{shape}" if self.other else ""
        return f"{what} {self.broker}{beside}"


GOALS = (
    Goal("flood", 1 / 50),
    Goal("topics", 1 / 15),
    Goal("fan-out", 1 / 30),
    Goal("fan-out-single", 3 / 4),
    Goal("fan-in", 1 / 15),
    Goal("ping", 0.85),
    Goal("ping", 1.0, "p99"),
    Goal("qos1", 1 / 20),
    Goal("qos2", 1 / 15),
    Goal("qos1-ping", 1.1),
    Goal("tls", 1 / 3),
    Goal("flood", 1 / 12, broker="amqtt pure"),
    Goal("qos1", 1 / 6, broker="amqtt pure"),
    Goal("filters-100k", 1.2, other="amqtt uvloop", other_shape="filters-100"),
    Goal("idle", 5 * 1024, "memory", other=""),
    Goal("idle-tls", 25 * 1024, "memory", other=""),
    Goal("storm", 1 / 2, "rate"),
)


def _figure(figures: Figures, shape: str, broker: str, figure: str) -> float | None:
    found = figures.get(shape, {}).get(broker)
    return float(getattr(found, figure)) if isinstance(found, Summary) else None


def ratio(goal: Goal, figures: Figures) -> float | None:
    """What the goal looks at; None: it was not measured."""
    ours = _figure(figures, goal.shape, goal.broker, goal.figure)
    if not goal.other:
        return ours
    theirs = _figure(figures, goal.other_shape or goal.shape, goal.other, goal.figure)
    return ours / theirs if ours is not None and theirs else None


def is_reached(goal: Goal, found: float) -> bool:
    """Whether a ratio is as the goal wants it: a rate at least, all else at most."""
    return found >= goal.most if goal.figure == "rate" else found <= goal.most


def _written(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"1/{1 / value:.3g}" if 0 < value <= 1 / 3 else f"{value:.3g}"


def table(figures: Figures) -> str:
    """Every goal beside what was measured."""
    rows = [("shape", "figure", "goal", "found", "")]
    for goal in GOALS:
        found = ratio(goal, figures)
        sign = "≥" if goal.figure == "rate" else "≤"
        said = "-" if found is None else _written(found)
        verdict = "not measured" if found is None else "reached" if is_reached(goal, found) else "NOT reached"
        rows.append((goal.shape, goal.words, f"{sign} {_written(goal.most)}", said, verdict))
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
