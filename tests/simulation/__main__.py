"""Play seeds: `python -m simulation 123` tells the story of one, `… 0:100000` plays many."""

import sys
import traceback
from time import monotonic

from simulation.deeds import play, told


def tell_one(seed: int) -> int:
    """Play one seed and print what happened in it."""
    try:
        world = play(seed)
    except Exception as violation:
        # Its notes are the story.
        traceback.print_exception(violation)
        return 1
    print(told(world))
    return 0


def play_many(first: int, behind_last: int) -> int:
    """Play seeds in their order; print those that fail, and in the end how many there were."""
    failed = 0
    began = monotonic()
    for seed in range(first, behind_last):
        try:
            play(seed)
        except Exception as violation:
            failed += 1
            print(f"{seed}: {type(violation).__name__}: {violation}", flush=True)
    count = behind_last - first
    print(f"{count} seeds in {monotonic() - began:.1f} s, {failed} failed")
    if failed:
        print("The story of one: make simulate SEED=number")
    return int(failed > 0)


def main(what: str) -> int:
    """Play what the command line names; the exit status."""
    first, colon, behind_last = what.partition(":")
    if colon:
        return play_many(int(first or 0), int(behind_last))
    return tell_one(int(first))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
