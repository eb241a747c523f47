"""Soak a broker: `python -m soak --minutes 10 --clients 2000`; it fails when anything is not flat.

A first crowd comes and goes for a third of the time, so that whatever is made once is made; then the
figures of the broker with nobody there are the start. Another crowd comes and goes for the rest of the
time, and when it has left the figures must be as they were.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time

from soak.client import LONGEST_EXPIRY, LONGEST_LIFE, LONGEST_PAUSE, Crowd
from soak.verdict import EXACT, complaints, slope

WARM_UP = LONGEST_PAUSE + LONGEST_LIFE
BETWEEN_SAMPLES = 5.0
BETWEEN_LOOKS = 1.2
"""Seconds, longer than the broker waits for a Client to close its side."""
PATIENCE = 60.0
"""Seconds within which the broker must answer, and everything that expires must have expired."""
EXPECTED = {"sent", "received", "lives", "refused with 0x88", "refused with 0x89"}
"""What the Clients may see. That the broker is busy it may say on a machine that has other things to do."""


class Soaked:
    """The broker's process; its figures are asked for by a line on its standard input."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self) -> dict[str, float]:
        """Its figures now."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"figures\n")
        return await self.answer()

    async def answer(self) -> dict[str, float]:
        """The next line that it writes."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        answer: dict[str, float] = json.loads(line)
        return answer

    async def at_rest(self) -> dict[str, float]:
        """Its figures when nobody is there, all Sessions have expired and nothing changes any more."""
        ends = time.monotonic() + LONGEST_EXPIRY + PATIENCE
        before: list[float] = []
        while True:
            figures = await self.ask()
            now = [figures[name] for name in EXACT]
            is_empty = not (figures["sessions"] or figures["connected"])
            if (is_empty and now == before) or time.monotonic() > ends:
                return figures
            before = now
            await asyncio.sleep(BETWEEN_LOOKS)

    async def stop(self) -> tuple[int, str]:
        """Shut it down: its exit status, and what it wrote to standard error."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            _, errors = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, errors.decode(errors="replace")


async def soak(minutes: float, clients: int, seed: int, warm_up: float = WARM_UP) -> list[str]:
    """Soak a broker for so long and print its figures; what is wrong with them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soak.broker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    soaked = Soaked(process)
    try:
        found = await _soak(soaked, minutes * 60, clients, seed, warm_up)
        status, errors = await soaked.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status or "Traceback" in errors or "ERROR" in errors:
        found.append(f"the broker ended with status {status} and wrote:\n{errors[-4_000:]}")
    return found


async def _soak(soaked: Soaked, seconds: float, clients: int, seed: int, warm_up: float) -> list[str]:
    where = await soaked.answer()
    crowd = Crowd((str(where["host"]), int(where["port"])), clients, seed)
    ends = time.monotonic() + seconds
    crowd.begin()
    await asyncio.sleep(max(warm_up, seconds / 3))
    await crowd.stop()
    start = await soaked.at_rest()
    print_figures("start", start)
    crowd.begin()
    await asyncio.sleep(warm_up)
    samples = []
    while (now := time.monotonic()) < ends:
        figures = await soaked.ask()
        samples.append((now, figures["memory"]))
        print_figures(f"{ends - now:.0f} s left", figures)
        await asyncio.sleep(BETWEEN_SAMPLES)
    await crowd.stop()
    end = await soaked.at_rest()
    print_figures("end", end)
    print(f"seen by the Clients: {dict(crowd.seen)}")
    print(f"memory while they came and went: {slope(samples) * 3600:+.1f} MiB an hour")
    print(f"{'':14}{'start':>12}{'end':>12}")
    for name, value in end.items():
        print(f"{name:14}{start[name]:12.1f}{value:12.1f}")
    unexpected = {name: count for name, count in crowd.seen.items() if name not in EXPECTED}
    return complaints(start, end, samples) + [f"{name}: {count} times" for name, count in unexpected.items()]


def print_figures(when: str, figures: dict[str, float]) -> None:
    """One line of what changes most."""
    names = "memory", "descriptors", "tasks", "objects", "sessions", "connected", "delivered"
    print(f"{when:>12}: " + ", ".join(f"{name} {figures[name]:.0f}" for name in names), flush=True)


def main() -> int:
    """Soak as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="make soak", description="Soak a broker.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found = asyncio.run(soak(wanted.minutes, wanted.clients, wanted.seed))
    for complaint in found:
        print(f"not flat: {complaint}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
