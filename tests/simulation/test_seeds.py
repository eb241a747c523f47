"""A thousand worlds, each of one number: in none of them does the Server do what it must not."""

import os
import subprocess
import sys

import pytest

from simulation.__main__ import main
from simulation.deeds import play, told
from simulation.ledger import Violation
from simulation.world import World

SEEDS = 1_000
AT_ONCE = 50


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_nothing_that_must_not_happen_happens(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        play(seed)


def test_a_seed_tells_the_same_story_whatever_hashes_are_like() -> None:
    tell = "from simulation.deeds import play, told; print(''.join(told(play(n)) for n in range(20)))"
    stories = set()
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
        stories.add(
            subprocess.run(
                [sys.executable, "-c", tell], env=environment, capture_output=True, check=True
            ).stdout
        )
    assert len(stories) == 1


def test_a_violation_is_told_with_its_story_and_how_to_replay_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(world: World) -> None:
        raise Violation("the sky falls")

    monkeypatch.setattr(World, "settle", fails)
    with pytest.raises(Violation) as raised:
        play(7)
    assert "Replay it: make simulate SEED=7" in raised.value.__notes__
    assert any("connects on line 1" in note for note in raised.value.__notes__)
    assert main("7:9") == 1
    assert "8: Violation: the sky falls" in capsys.readouterr().out
    assert main("7") == 1
    assert "SEED=7" in capsys.readouterr().err


def test_one_seed_is_told_and_many_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("3") == 0
    assert capsys.readouterr().out == told(play(3)) + "\n"
    assert main(":2") == 0
    assert "2 seeds" in capsys.readouterr().out
