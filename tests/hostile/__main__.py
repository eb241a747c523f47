"""Attack brokers and say how long an idle Client waited meanwhile: `make hostile`, `make hostile ROWS=A1,F1`.

Each attack has a broker of its own and is made twice or more: what is made once is made by the first, and
the memory behind the last must be what it was behind the last but one.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hostile import attacks, passwords
from hostile.scenario import SCENARIOS, Scenario
from hostile.site import Site

MODULES = (attacks, passwords)
"""Those that have attacks in them."""
MOST_WAITED = 100.0
"""Milliseconds of the broker's work for which an idle Client may wait for its PINGRESP."""
MOST_MEMORY = 8.0
"""MiB by which the memory behind the last attack may differ from that behind the last but one."""


@dataclass(frozen=True)
class Outcome:
    """What came of one attack: milliseconds, and MiB before, at most, behind the last two.

    `worst` is how long an idle Client waited; during one wait the broker was at work for `at_work` at most,
    and lacked a processor for `lacked` at most, which is no fault of its own. `notes` are what the attack
    saw itself.
    """

    scenario: Scenario
    pings: int
    median: float
    worst: float
    at_work: float
    lacked: float
    before: float
    peak: float
    first: float
    second: float
    status: int
    log: str
    notes: tuple[str, ...] = ()

    @property
    def complaints(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if self.at_work > MOST_WAITED:
            found.append(f"an idle Client waited while the broker worked for {self.at_work:.0f} ms")
        if self.second > self.first + MOST_MEMORY:
            found.append(f"memory went from {self.first:.1f} to {self.second:.1f} MiB")
        if self.status:
            found.append(f"the broker ended with status {self.status}")
        if "Traceback" in self.log:
            found.append(f"the log has a traceback:\n{self.log[self.log.index('Traceback'):][:2_000]}")
        return found


async def attacked(scenario: Scenario, seconds: float) -> Outcome:
    """Make one attack, as often as it says."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), seconds)
        config = dict(scenario.config)
        if "auth" in config:
            file = Path(folder) / "passwd"
            file.write_text(passwords.LINES)
            config["auth"] = {"allow-anonymous": True, "password-file": str(file)}
        await site.start(config, scenario.descriptors)
        memory = [site.memory()]
        site.forget_peak()
        waited = []
        for _ in range(scenario.rounds):
            await site.waited()
            await scenario.attack(site)
            waited.append(await site.waited())
            await asyncio.sleep(scenario.rest)
            memory.append(site.memory())
        peak = site.peak()
        status = await site.stop()
        log = site.log.read_text(errors="replace")
    pings = sum(int(seen["pings"]) for seen in waited)
    median, worst = (max(seen[name] for seen in waited) for name in ("median", "worst"))
    at_work, lacked = (max(seen[name] for seen in waited) for name in ("at_work", "lacked"))
    before, first, second = memory[0], *memory[-2:]
    return Outcome(
        scenario, pings, median, worst, at_work, lacked, before, peak, first, second, status, log,
        tuple(site.notes),
    )


def row(outcome: Outcome) -> str:
    """As a line of a table in Markdown."""
    made = outcome.scenario
    text = "; ".join((made.text, *outcome.notes))
    return (
        f"| {made.row} | {text} | {outcome.median:.1f} | {outcome.worst:.0f} | {outcome.at_work:.0f} "
        f"| {outcome.lacked:.0f} | {outcome.before:.0f} | {outcome.peak:.0f} | {outcome.first:.0f} "
        f"| {outcome.second:.0f} |"
    )


def main() -> int:
    """Attack as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="make hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each attack, of which there are two")
    parser.add_argument("--rows", default="", help="those whose row begins with one of these: A1,F")
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(
        "| Row | Attack | median ms | worst ms | at work ms | no processor ms | MiB before | at most "
        "| last but one | last |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    found = []
    for scenario in sorted(SCENARIOS, key=lambda made: made.row[0]):
        if not scenario.row.startswith(tuple(wanted.rows.split(","))):
            continue
        outcome = asyncio.run(attacked(scenario, wanted.seconds))
        print(row(outcome), flush=True)
        found += [f"{scenario.row}: {complaint}" for complaint in outcome.complaints]
    for complaint in found:
        print(complaint)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
