"""Put load on brokers, one after the other, and compare what it costs them: `make bench`."""

import argparse
import gc
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.brokers import COMMANDS, BrokerFailed, BrokerProcess, missing
from benchmarks.load import Load, Result
from benchmarks.report import Summary, as_json, summary, table
from benchmarks.shapes import SHAPES, Shape
from benchmarks.verification import BrokenStream


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=[s.name for s in SHAPES], metavar="SHAPE",
                        help="only these: " + ", ".join(s.name for s in SHAPES))
    parser.add_argument("--brokers", nargs="+", choices=list(COMMANDS), metavar="BROKER",
                        help="only these: " + ", ".join(COMMANDS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each broker; the median counts (3)")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured time of one run (1.5)")
    parser.add_argument("--warm-up", type=float, default=0.4, help="time before it (0.4)")
    parser.add_argument("--quick", action="store_true", help="one round of half a second")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), metavar="FILE",
                        help="where the figures go (build/bench.json)")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.warm_up = 1, 0.5, 0.2
    return arguments


def _run(shape: Shape, name: str, processor: int | None, arguments: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory() as folder, BrokerProcess(name, Path(folder), processor) as broker:
        load = Load(shape, broker.address)
        try:
            return load.measure(broker.cpu_seconds, arguments.warm_up, arguments.seconds)
        finally:
            load.close()


def _compare(
    shape: Shape, names: list[str], processor: int | None, arguments: argparse.Namespace
) -> dict[str, Summary | str]:
    """Run the brokers in turn, so that a machine that is busy for a while is so for all of them."""
    results: dict[str, list[Result]] = defaultdict(list)
    errors = {name: reason for name in names if (reason := missing(name))}
    for _ in range(arguments.rounds):
        for name in names:
            if name in errors:
                continue
            try:
                results[name].append(_run(shape, name, processor, arguments))
            except (BrokerFailed, BrokenStream, OSError) as error:
                errors[name] = str(error)
    return {name: errors.get(name) or summary(results[name]) for name in names}


def _processors() -> int | None:
    """Give the generator one processor and the broker another; None where there is only one."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        return None
    os.sched_setaffinity(0, {allowed[1]})
    return allowed[0]


def main() -> int:
    """Measure and print; 1 if a broker failed or a message went wrong."""
    arguments = _arguments()
    processor = _processors()
    gc.disable()
    names = arguments.brokers or list(COMMANDS)
    found: dict[Shape, dict[str, Summary | str]] = {}
    for shape in SHAPES:
        if arguments.shapes and shape.name not in arguments.shapes:
            continue
        found[shape] = _compare(shape, names, processor, arguments)
        print(table(shape, found[shape]), end="\n\n", flush=True)
        gc.collect()
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(as_json(found))
    print(f"written to {arguments.json}")
    return any(isinstance(s, str) or bool(s.faults) for each in found.values() for s in each.values())


if __name__ == "__main__":
    sys.exit(main())
