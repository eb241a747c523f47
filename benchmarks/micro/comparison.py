"""Two results of the micro-benchmarks beside one another: FILE FILE, of pure and compiled."""

import json
import sys
from pathlib import Path

from benchmarks.micro import COUNT


def medians(path: Path) -> dict[str, float]:
    """Nanoseconds for each message of each benchmark."""
    found = json.loads(path.read_text())["benchmarks"]
    return {each["name"]: each["stats"]["median"] / COUNT * 1e9 for each in found}


def table(pure: dict[str, float], compiled: dict[str, float]) -> str:
    """A line for each benchmark that is in both."""
    names = [name for name in pure if name in compiled]
    width = max(map(len, names), default=0)
    lines = [f"{'nanoseconds for each message'.ljust(width)}  {'pure':>8}  {'compiled':>8}  ratio"]
    lines += [
        f"{name.ljust(width)}  {pure[name]:8,.0f}  {compiled[name]:8,.0f}  {pure[name] / compiled[name]:5.1f}"
        for name in names
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(*(medians(Path(path)) for path in sys.argv[1:3])))
