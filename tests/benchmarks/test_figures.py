"""The figures of a run: latencies and what is made of many runs."""

import json

from benchmarks.figures import Latencies, Result, Summary, summary
from benchmarks.reach import GOALS, is_reached, ratio
from benchmarks.reach import table as reach_table
from benchmarks.report import as_json, table
from benchmarks.rings import Ring
from benchmarks.shapes import SHAPES, STREAMS
from benchmarks.verification import Delivery, Faults


def test_every_message_counts_from_the_moment_it_was_written() -> None:
    delivery = Delivery(Ring(0, 0, 64, 16))
    sendings = [(10, 1.0), (20, 2.0)]
    latencies = Latencies()
    delivery.expected = 4
    latencies.note(delivery, sendings, 1.5)
    delivery.expected = 15
    latencies.note(delivery, sendings, 3.0)
    assert latencies.counts == {500_000: 4, 2_000_000: 6, 1_000_000: 5}


def test_a_quantile_is_the_time_that_this_share_did_not_exceed() -> None:
    latencies = Latencies()
    latencies.counts.update({10: 98, 20: 1, 300: 1})
    assert [latencies.quantile(share) for share in (0.5, 0.98, 0.99, 1.0)] == [10, 10, 20, 300]


def test_a_ring_is_large_enough_that_no_slot_is_taken_for_another() -> None:
    for shape in STREAMS:
        assert shape.slots >= 4 * shape.window
        assert shape.slots < 0xFFFF, "slots are Packet Identifiers too"
        assert shape.slots % shape.topics == 0, "each topic is used as often as the others"


def run(broker_cpu: float = 1.0, faults: Faults | None = None, **figures: float) -> Result:
    return Result(100, 10.0, broker_cpu, 1.0, faults=faults or Faults(), **figures)


def test_a_summary_has_the_middle_run_and_the_faults_of_all() -> None:
    found = summary([run(3.0, Faults(lost=1)), run(1.0), run(2.0, Faults(lost=2, corrupt=1))])
    assert (found.broker_cpu, found.lowest_broker_cpu, found.count) == (2.0, 1.0, 300)
    assert found.faults == Faults(lost=3, corrupt=1)


def test_every_shape_has_a_table_that_shows_faults_and_why_a_broker_did_not_run() -> None:
    found: dict[str, Summary | str] = {
        "one": summary([run(1234.5, Faults(lost=3), memory=77.0)]), "another": "no such command",
    }
    for shape in SHAPES:
        text = table(shape, found)
        assert "1234.5" in text
        assert "no such command" in text
        assert ("77" if shape.unit not in {"message", "cycle"} else "3 lost") in text
    shapes = json.loads(as_json({SHAPES[0]: found}, {}))["shapes"]
    assert shapes["flood"]["brokers"]["one"]["faults"]["lost"] == 3


def test_the_goals_name_shapes_that_there_are() -> None:
    names = {shape.name for shape in SHAPES}
    assert {goal.shape for goal in GOALS} <= names
    assert {goal.other_shape for goal in GOALS} <= names | {""}


def test_a_goal_is_a_ratio_in_the_same_run() -> None:
    goal = GOALS[0]
    figures = {goal.shape: {goal.broker: summary([run(0.2)]), goal.other: summary([run(10.0)])}}
    assert ratio(goal, figures) == 0.02
    assert is_reached(goal, 0.02)
    assert not is_reached(goal, 0.021)
    assert ratio(goal, {}) is None
    assert ratio(goal, {goal.shape: {goal.broker: "no such command"}}) is None


def test_a_rate_is_reached_from_below_and_memory_is_no_ratio() -> None:
    rate = next(goal for goal in GOALS if goal.figure == "rate")
    assert is_reached(rate, 0.6)
    assert not is_reached(rate, 0.4)
    idle = next(goal for goal in GOALS if goal.figure == "memory")
    assert ratio(idle, {idle.shape: {idle.broker: summary([run(memory=4000.0)])}}) == 4000.0


def test_every_goal_is_in_the_table_of_goals() -> None:
    figures = {"flood": {"amqtt uvloop": summary([run(1.0)]), "mosquitto": summary([run(10.0)])}}
    lines = reach_table(figures).splitlines()
    assert len(lines) == len(GOALS) + 1
    assert lines[1].split() == ["flood", "broker", "CPU", "amqtt", "uvloop", "/", "mosquitto", "≤", "1/50",
                                "1/10", "NOT", "reached"]
    assert lines[2].endswith("not measured")
