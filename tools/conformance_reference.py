"""Write the page of every normative statement, whom it binds and which tests show it: FILE.

The statements are those of tests/conformance/spec, whom they bind is written in
tests/conformance/ledger, and the tests say by their marks `mqtt5` and `mqtt311` what they show.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent / "tests"
LEDGER: Final = TESTS / "conformance"
STANDARDS: Final = {"mqtt5": "mqtt-5.0", "mqtt311": "mqtt-3.1.1"}
"""Mark → the name of the tables of its standard."""
TITLES: Final = {"mqtt5": "MQTT 5.0", "mqtt311": "MQTT 3.1.1"}
BINDS: Final = {"server": "Server", "client": "Client", "both": "Client and Server", "none": "nobody here"}
EXCUSE: Final = "excuse:"
LONGEST_TEXT: Final = 160
UNPROVEN: Final = {"skip", "skipif", "xfail"}
"""Marks of tests that may not run, or may fail: they show nothing."""

INTRODUCTION: Final = """\
# Conformance

Every normative statement of the standards, by its number, whom it binds, and the tests that show that
this Server keeps it. The tests run against a real Network Connection, or with a clock of their own where
time matters. Made by `make docs`; a test fails when it is not up to date.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One statement in the ledger: whom it binds, and a note."""

    statement: str
    binds: str
    note: str

    @property
    def binds_server(self) -> bool:
        """Whether a Server must keep it."""
        return self.binds in ("server", "both")

    @property
    def is_excused(self) -> bool:
        """Whether no test of a Server can show it, and the note says why."""
        return self.note.startswith(EXCUSE)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one test says that it shows."""

    mark: str
    statement: str
    test: str
    path: Path


def statements(standard: str) -> dict[str, str]:
    """The number of each statement → its text."""
    return {cells[0]: cells[1] for cells in _table(LEDGER / "spec" / f"{standard}.tsv")}


def ledger(standard: str) -> list[Row]:
    """The rows of the ledger, as they stand."""
    return [Row(*cells) for cells in _table(LEDGER / "ledger" / f"{standard}.tsv")]


def _table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:] if line]


def shown(tests: Path = TESTS) -> list[Shown]:
    """What the tests of a folder show, in the order of their paths."""
    found: list[Shown] = []
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found += _shown_by(node, path)
    return found


def _shown_by(test: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> Iterator[Shown]:
    marks = [node for decorator in test.decorator_list for node in ast.walk(decorator)]
    if any(_mark_name(node) in UNPROVEN for node in marks):
        return
    for node in marks:
        if isinstance(node, ast.Call) and (mark := _mark_name(node.func)) in STANDARDS:
            for number in node.args:
                if not isinstance(number, ast.Constant) or not isinstance(number.value, str):
                    raise TypeError(f"{path.name}: {test.name}: the numbers of {mark} must be written there")
                yield Shown(mark, f"MQTT-{number.value}", test.name, path)


def _mark_name(node: ast.AST) -> str:
    """`x` of `pytest.mark.x`, "" for anything else."""
    match node:
        case ast.Attribute(value=ast.Attribute(attr="mark"), attr=name):
            return name
    return ""


def by_statement(mark: str, found: list[Shown]) -> dict[str, list[Shown]]:
    """Statement → what shows it."""
    grouped: dict[str, list[Shown]] = {}
    for each in found:
        if each.mark == mark:
            grouped.setdefault(each.statement, []).append(each)
    return grouped


def shortened(text: str) -> str:
    """The beginning of a statement, fit for a cell of a table."""
    plain = " ".join(re.sub(r"<br />·?", " ", text).replace("\u200e", "").split())
    if len(plain) > LONGEST_TEXT:
        plain = plain[:LONGEST_TEXT].rpartition(" ")[0].rstrip(",.;: ") + " …"
    return re.sub(r"([|<>*_\[\]`#])", r"\\\1", plain)


def table(rows: list[Row], texts: Mapping[str, str], tests: Mapping[str, list[Shown]]) -> str:
    """The table of one standard."""
    lines = []
    for row in rows:
        cells = shortened(texts[row.statement]), _binds(row), _tests(tests.get(row.statement, []))
        lines.append(f"| {row.statement} | {' | '.join(cells)} |")
    return "\n".join(["| Statement | Text | Binds | Tests |", "|---|---|---|---|", *lines, ""])


def _binds(row: Row) -> str:
    note = row.note.removeprefix("binds the Client").removeprefix("; ")
    return f"{BINDS[row.binds]}{f': {shortened(note)}' if note else ''}"


def _tests(found: list[Shown]) -> str:
    links = (f"[{_sentence(each.test)}]({_link(each.path)})" for each in found)
    return "<br>".join(dict.fromkeys(links))


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _link(path: Path) -> str:
    return f"../../tests/{path.relative_to(TESTS).as_posix()}"


def page() -> str:
    """The whole page."""
    found = shown()
    parts = [INTRODUCTION]
    for mark, standard in STANDARDS.items():
        rows, tests = ledger(standard), by_statement(mark, found)
        binding = [row for row in rows if row.binds_server]
        proven = sum(row.statement in tests for row in binding)
        parts.append(
            f"## {TITLES[mark]}\n\n{len(rows)} statements; {len(binding)} bind a Server, "
            f"{proven} of these are shown by a test.\n\n{table(rows, statements(standard), tests)}"
        )
    return "\n".join(parts)


def main() -> None:
    """Write the page that the command line names."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
