"""Put load on brokers, one after the other, and compare what it costs them: `make bench`."""

import argparse
import gc
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import holdings, reach, storm, streams
from benchmarks.broker_process import BrokerFailed, BrokerProcess
from benchmarks.brokers import BROKERS, OURS, Broker, given
from benchmarks.certificates import Certificates, issued
from benchmarks.figures import Result, Summary, summary
from benchmarks.machine import machine
from benchmarks.report import as_json, table
from benchmarks.shapes import SHAPES, SWEEPS, Memory, Retained, Shape, Storm, Stream
from benchmarks.verification import BrokenStream

RESULTS = Path("benchmarks/results.json")
DEFAULT_BROKERS = (*OURS, "mosquitto")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    sweeps = [stream.name for sweep in SWEEPS for _, stream in sweep.points]
    parser.add_argument("--shapes", nargs="+", choices=[*(s.name for s in SHAPES), *sweeps], metavar="SHAPE",
                        help="only these: " + ", ".join(s.name for s in SHAPES))
    parser.add_argument("--brokers", nargs="+", choices=[b.name for b in BROKERS], metavar="BROKER",
                        help="only these: " + ", ".join(b.name for b in BROKERS))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="one more broker, which listens on {port} without TLS (may be given often)")
    parser.add_argument("--sweeps", action="store_true",
                        help="also what the pictures show: fan-out, subscriptions, size of payload")
    parser.add_argument("--reach", action="store_true",
                        help="only the shapes that have a goal, and how far each goal is reached")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each broker; the median counts (3)")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured time of one run (1.5)")
    parser.add_argument("--warm-up", type=float, default=0.5, help="time before it (0.5)")
    parser.add_argument("--quick", action="store_true",
                        help="one round of half a second, with a tenth of what is to be held")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE",
                        help=f"where the figures go ({RESULTS})")
    parser.add_argument("--keep", action="store_true", help="keep what FILE has of other shapes")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.warm_up = 1, 0.5, 0.2
    return arguments


class Comparison:
    """Brokers under the same load in the same minutes."""

    def __init__(self, brokers: Sequence[Broker], arguments: argparse.Namespace, folder: Path) -> None:
        self._brokers = brokers
        self._arguments = arguments
        self._certificates: Certificates = issued(folder)
        self._processor = _processors()

    def of(self, shape: Shape) -> dict[str, Summary | str]:
        """Run the brokers in turn, so that a machine that is busy for a while is so for all of them."""
        results: dict[str, list[Result]] = defaultdict(list)
        errors = {b.name: reason for b in self._brokers if (reason := _impossible(b, shape))}
        for _ in range(1 if shape.is_steady else self._arguments.rounds):
            for broker in self._brokers:
                if broker.name in errors:
                    continue
                try:
                    results[broker.name].append(self._run(shape, broker))
                except (BrokerFailed, BrokenStream, OSError) as error:
                    errors[broker.name] = str(error)
                gc.collect()
        return {b.name: errors.get(b.name) or summary(results[b.name]) for b in self._brokers}

    def _run(self, shape: Shape, broker: Broker) -> Result:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder)
            certificates, processor = self._certificates, self._processor
            with BrokerProcess(broker, shape.transport, where, certificates, processor) as running:
                return self._measured(shape, running)

    def _measured(self, shape: Shape, running: BrokerProcess) -> Result:
        warm_up = max(self._arguments.warm_up, running.broker.warm_up)
        seconds = self._arguments.seconds
        match shape:
            case Stream():
                return streams.measure(shape, running, warm_up, seconds)
            case Storm():
                return storm.measure(shape, running, warm_up, seconds)
            case Retained():
                return holdings.deliver_retained(shape, running)
            case Memory():
                return holdings.weigh(shape, running)


def _impossible(broker: Broker, shape: Shape) -> str:
    if shape.transport not in broker.transports:
        return f"is not set up for {shape.transport}"
    if isinstance(shape, Stream) and shape.version not in broker.versions:
        return "does not speak MQTT 5.0"
    if isinstance(shape, Stream) and shape.others > broker.most_others:
        return "looks at each subscription for each message"
    return broker.missing()


def _processors() -> int | None:
    """Give the generator one processor and the broker another; None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        return None
    os.sched_setaffinity(0, {allowed[1]})
    return allowed[0]


def _chosen(arguments: argparse.Namespace) -> tuple[list[Shape], list[Broker]]:
    wanted = arguments.shapes
    if wanted is None and arguments.reach:
        wanted = {name for goal in reach.GOALS for name in (goal.shape, goal.other_shape)}
    names = arguments.brokers or (DEFAULT_BROKERS if arguments.reach else [b.name for b in BROKERS])
    swept = [stream for sweep in SWEEPS for _, stream in sweep.points]
    shapes = [shape for shape in SHAPES if wanted is None or shape.name in wanted]
    shapes += [stream for stream in swept if arguments.sweeps or stream.name in (wanted or ())]
    brokers = [b for b in BROKERS if b.name in names] + given(arguments.peer)
    return shapes, [replace(b, share=b.share * (0.1 if arguments.quick else 1)) for b in brokers]


def main() -> int:
    """Measure and print; 1 if our broker failed or did something wrong with a message."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    shapes, brokers = _chosen(arguments)
    gc.disable()
    kept = arguments.json.read_text() if arguments.keep and arguments.json.exists() else ""
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    found: dict[Shape, dict[str, Summary | str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(brokers, arguments, Path(folder))
        for shape in shapes:
            found[shape] = comparison.of(shape)
            print(table(shape, found[shape]), end="\n\n", flush=True)
            arguments.json.write_text(as_json(found, machine(), kept))
    if arguments.reach:
        print(reach.table({shape.name: each for shape, each in found.items()}), end="\n\n")
    print(f"written to {arguments.json}")
    return any(_is_wrong(name, each[name]) for each in found.values() for name in each)


def _is_wrong(broker: str, found: Summary | str) -> bool:
    """Whether ours did not run, or did something wrong with a message; others are only told of."""
    return broker in OURS and (isinstance(found, str) or bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
