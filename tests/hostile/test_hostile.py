"""What is measured of attacks is true: an idle Client is pinged meanwhile, and what is wrong is said."""

import os
import time
from dataclasses import replace

import pytest

from hostile.__main__ import Outcome, attacked, row
from hostile.idle import Processor
from hostile.passwords import mann_whitney
from hostile.scenario import SCENARIOS, Scenario
from hostile.site import Site

WELL = Outcome(Scenario("A1", "text", lambda _: None), 100, 0.1, 9.0, 5.0, 2.0, 40.0, 60.0, 45.0, 46.0, 0, "")  # type: ignore[arg-type, return-value]

TICK = 10.0
"""Milliseconds after which a system has counted what a process does, at the latest."""


def test_of_a_process_that_works_it_is_known_how_long_it_did() -> None:
    processor = Processor(os.getpid())
    before, begun = processor.milliseconds()[0], time.thread_time()
    while processor.milliseconds()[0] < before + 2 * TICK:
        assert time.thread_time() < begun + 1, "a second of work, and nothing was counted"


async def test_one_attack_is_made_twice_and_measured() -> None:
    seen: list[float] = []

    async def harmless(site: Site) -> None:
        seen.append(site.memory())
        site.note(f"attack {len(seen)}")
        (await site.open()).abort()

    outcome = await attacked(Scenario("X", "one connection", harmless), 0.0)
    assert len(seen) == 2
    assert outcome.pings >= 2
    assert outcome.at_work <= outcome.worst + TICK
    assert 0 < outcome.median <= outcome.worst
    assert outcome.status == 0
    assert row(outcome).startswith("| X | one connection; attack 1; attack 2 |")


def test_of_a_broker_that_is_well_nothing_is_said() -> None:
    assert WELL.complaints == []


@pytest.mark.parametrize("wrong", [
    {"at_work": 101.0}, {"second": 60.0}, {"status": 1}, {"log": "Traceback (most recent call last)"},
])
def test_what_is_wrong_is_said(wrong: dict[str, float]) -> None:
    assert len(replace(WELL, **wrong).complaints) == 1  # type: ignore[arg-type]


def test_every_attack_is_of_a_row_that_there_is() -> None:
    rows = [name for made in SCENARIOS for name in made.row.split(", ")]
    assert {"A1", "B1", "C2", "C3", "E5", "F1", "F3", "F5", "F6"} <= set(rows)


def test_chance_hardly_ever_puts_all_of_one_list_before_all_of_another() -> None:
    low, high = [float(n) for n in range(50)], [float(n) for n in range(50, 100)]
    assert mann_whitney(low, high) < 1e-9
    assert mann_whitney(high, low) < 1e-9
    assert mann_whitney([1.0, 4.0, 5.0, 8.0], [2.0, 3.0, 6.0, 7.0]) == 1.0
    assert mann_whitney(low[::2], low[1::2]) > 0.5
