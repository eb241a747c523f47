"""The figures of a run: latencies and what is made of many runs."""

import json

from benchmarks.load import Latencies, Result
from benchmarks.packets import Ring
from benchmarks.report import Summary, as_json, summary, table
from benchmarks.shapes import SHAPES
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
    for shape in SHAPES:
        assert shape.slots >= 4 * shape.window
        assert shape.slots < 0xFFFF, "slots are Packet Identifiers too"


def test_a_summary_has_the_middle_run_and_the_faults_of_all() -> None:
    runs = [Result(100, speed, cpu, 1.0, 5.0, 9.0, faults) for speed, cpu, faults in (
        (10.0, 3.0, Faults(lost=1)), (30.0, 1.0, Faults()), (20.0, 2.0, Faults(lost=2, corrupt=1)),
    )]
    found = summary(runs)
    assert (found.messages_per_second, found.broker_cpu, found.messages) == (20.0, 2.0, 300)
    assert found.faults == Faults(lost=3, corrupt=1)


def test_a_table_shows_faults_and_why_a_broker_did_not_run() -> None:
    run = Result(100, 1234.5, 0.25, 1.0, 5.0, 9.0, Faults(lost=3))
    found: dict[str, Summary | str] = {"one": summary([run]), "another": "no such command"}
    text = table(SHAPES[0], found)
    assert "1,234" in text
    assert "3 lost" in text
    assert "no such command" in text
    assert json.loads(as_json({SHAPES[0]: found}))["shapes"]["flood"]["brokers"]["one"]["faults"]["lost"] == 3
