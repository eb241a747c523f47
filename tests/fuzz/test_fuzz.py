"""A short run of each target: its corpus as it is, then changed. `make fuzz` runs long."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz import network
from fuzz.mutation import mutated
from fuzz.targets import TARGETS, Target

EXAMPLES = 300
EXAMPLES_OF_SLOW_ONES = 60

by_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    if network.attacked.cache_info().currsize:
        network.attacked().stop()
        network.attacked.cache_clear()


@by_target
def test_what_it_begins_with_passes(target: Target) -> None:
    beginnings = target.beginnings()
    assert len(beginnings) >= 3
    for data in beginnings:
        target.check(data)


@by_target
def test_what_is_nearly_the_same_passes(target: Target) -> None:
    count = EXAMPLES_OF_SLOW_ONES if target.is_slow else EXAMPLES

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(mutated(target.beginnings()))
    def check(data: bytes) -> None:
        target.check(data)

    check()


@by_target
def test_its_corpus_is_small(target: Target) -> None:
    found = [path for path in target.corpus.glob("*") if path.stat().st_size > 4_096]
    assert found == []


def test_no_corpus_is_of_nobody() -> None:
    folders = {path.name for path in Path(__file__).parent.joinpath("corpus").iterdir()}
    assert folders <= TARGETS.keys()
