"""Fuzz for long: `python -m fuzz --minutes 10 [target …]`; with atheris where it is there, and Hypothesis."""

import argparse
import os
import subprocess
import sys
import time
import traceback
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from fuzz.mutation import mutated
from fuzz.targets import TARGETS, Target

FOUND = Path(__file__).parent / "found"
"""Where bytes are kept that a target did not pass; they go to its corpus when that is mended."""
EXAMPLES_OF_A_ROUND = 500
LONGEST_INPUT = 4_096


def main() -> int:
    """Give every target its share of the time; the exit status says whether all have passed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="all targets together")
    parser.add_argument("--file", type=Path, help="only check these bytes, with the one target that is named")
    parser.add_argument("target", nargs="*", default=[*TARGETS], help=", ".join(TARGETS))
    wanted = parser.parse_args()
    if unknown := set(wanted.target) - TARGETS.keys():
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    targets = [TARGETS[name] for name in wanted.target]
    if wanted.file is not None:
        targets[0].check(wanted.file.read_bytes())
        return 0
    seconds = wanted.minutes * 60 / len(targets)
    failed = [target.name for target in targets if not fuzz(target, seconds)]
    if failed:
        print(f"failed: {', '.join(failed)}; what they did not pass is in {FOUND}")
        print("once more: python -m fuzz --file FILE TARGET")
    return int(bool(failed))


def fuzz(target: Target, seconds: float) -> bool:
    """Fuzz one target for so long; whether it has passed."""
    print(f"{target.name}: {seconds:.0f} s", flush=True)
    if find_spec("atheris") is None:
        return with_hypothesis(target, seconds)
    half = seconds / 2
    # Both are run, also when one has found something.
    return all([with_hypothesis(target, half), with_atheris(target, half)])


def with_hypothesis(target: Target, seconds: float) -> bool:
    """Rounds of Hypothesis, each with another seed, until the time is over."""
    ends = time.monotonic() + seconds
    beginnings = target.beginnings()
    failed: list[bytes] = []

    def check(data: bytes) -> None:
        if time.monotonic() > ends and not failed:
            return
        try:
            target.check(data)
        except Exception:
            failed.append(data)
            raise

    first = time.time_ns()
    for number in count():
        if time.monotonic() > ends:
            print(f"    Hypothesis: {number} rounds of {EXAMPLES_OF_A_ROUND}")
            return True
        checked = settings(
            max_examples=EXAMPLES_OF_A_ROUND, deadline=None, database=None,
            suppress_health_check=[*HealthCheck],
        )(seed(first + number)(given(mutated(beginnings))(check)))
        try:
            checked()
        except Exception:
            traceback.print_exc()
            keep(target, failed[-1])
            return False
    return True


def keep(target: Target, data: bytes) -> None:
    """Write down what was not passed."""
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{target.name}-{time.time_ns():x}"
    path.write_bytes(data)
    print(f"    kept: {path}")


def with_atheris(target: Target, seconds: float) -> bool:
    """Coverage leads the way: plain Python, in a process of its own, which ends at the first find."""
    FOUND.mkdir(exist_ok=True)
    beginnings = FOUND / "beginnings" / target.name
    beginnings.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.beginnings()):
        (beginnings / f"{number:04}").write_bytes(data)
    command = [
        sys.executable, "-m", "fuzz.with_atheris", target.name, str(beginnings),
        f"-max_total_time={max(1, round(seconds))}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1",
        "-close_fd_mask=1", f"-artifact_prefix={FOUND / target.name}-",
    ]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-8_000:])
    else:
        runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(f"    atheris: {runs[0].split()[-1] if runs else '?'} runs")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
