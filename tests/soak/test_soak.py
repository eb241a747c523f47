"""A soak says what it must: nothing of a broker that is well, and what has grown of one that is not."""

import pytest

from soak.__main__ import soak
from soak.verdict import EXACT, complaints, slope

WELL = {**dict.fromkeys(EXACT, 3.0), "objects": 30_000.0, "memory": 40.0}


async def test_a_small_crowd_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    # Memory says nothing within seconds; what is counted does.
    found = [each for each in await soak(0.08, 40, seed=1, warm_up=1.5) if not each.startswith("memory")]
    assert found == []
    assert "lives" in capsys.readouterr().out


def test_what_is_as_it_was_is_flat() -> None:
    assert complaints(WELL, {**WELL, "memory": 42.0, "objects": 30_500.0}, [(0.0, 50.0), (100.0, 51.0)]) == []


@pytest.mark.parametrize("name", EXACT)
def test_one_more_of_what_must_be_as_it_was_is_too_many(name: str) -> None:
    assert complaints(WELL, {**WELL, name: 4.0}, []) == [f"{name}: 3 at the start, 4 in the end"]


def test_memory_and_objects_that_stay_are_told() -> None:
    found = complaints(WELL, {**WELL, "memory": 50.0, "objects": 40_000.0}, [])
    assert [each.partition(":")[0] for each in found] == ["objects", "memory"]


def test_memory_that_rises_is_told() -> None:
    rising = [(float(second), 50.0 + second / 10) for second in range(0, 200, 5)]
    assert slope(rising) == pytest.approx(0.1)
    (found,) = complaints(WELL, WELL, rising)
    assert "rose by 19.5 MiB" in found


def test_one_sample_has_no_slope() -> None:
    assert slope([(1.0, 2.0)]) == 0.0
