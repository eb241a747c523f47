"""Is the house built as ARCHITECTURE.md says: floors, sizes, names and marks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "amqtt"
MODULES = sorted(SOURCE.rglob("*.py"))
SANS_IO = [
    path for path in MODULES
    if path.relative_to(SOURCE).parts[0]
    in {"wire", "message.py", "topics", "sessions", "abc.py", "server", "client_session"}
]
LONGEST_MODULE = 600
BANNED_WORDS = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "core", "misc"}
AMQTTS_NAMES = {
    "BrokerProtocolHandler", "PluginManager", "ProtocolHandlerError", "broker_handler", "get_plugin_manager",
    "manager", "plugins_manager", "utils",
}
"""What programs written for aMQTT import and call; nothing of ours is called so."""
BANNED_BEGINNING = re.compile(r"_*(process|do)_")
MARK = re.compile(r"\[(MQTT-\d+\.\d+\.\d+-\d+)((?: (?:to|and|or) -\d+|, -\d+)*)( of 3\.1\.1)?\]")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def words(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in spaced.lower().split("_") if word]


def is_banned(name: str) -> bool:
    return not BANNED_WORDS.isdisjoint(words(name)) or BANNED_BEGINNING.match(name) is not None


def definitions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def names_used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]


def statements(file: str) -> set[str]:
    lines = (ROOT / "tests" / "conformance" / "spec" / file).read_text(encoding="utf-8").splitlines()
    return {line.split("\t")[0] for line in lines[1:] if line}


def marks(text: str) -> Iterator[tuple[str, bool]]:
    """The statements that a text names, and whether they are those of MQTT 3.1.1."""
    for match in MARK.finditer(text):
        first, more, old = match.groups()
        section, _, number = first.rpartition("-")
        numbers = [int(number)]
        for joint, another in re.findall(r"(to|and|or|,) -(\d+)", more):
            numbers += range(numbers[-1] + 1, int(another) + 1) if joint == "to" else [int(another)]
        for each in numbers:
            yield f"{section}-{each}", old is not None


def test_a_lower_floor_imports_no_upper_one_and_the_lowest_do_no_input_or_output() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", lint, "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_one_can_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_names_say_what_a_thing_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [path.stem, *path.relative_to(SOURCE).parts[:-1], *definitions(tree)]
    assert [name for name in names if is_banned(name) and name not in AMQTTS_NAMES] == []


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        ("SessionManager", True), ("packet_handler", True), ("MQTTHandler", True), ("utils", True),
        ("process_packet", True), ("do_connect", True), ("ProcessFigures", False), ("score", False),
        ("_do_it", True), ("done", False), ("Connection", False), ("__init__", False),
    ],
)
def test_the_words_of_a_name_are_told_apart(name: str, banned: bool) -> None:
    assert is_banned(name) is banned


@pytest.mark.parametrize("path", SANS_IO, ids=name_of)
def test_the_floors_without_input_and_output_are_typed_throughout(path: Path) -> None:
    assert "Any" not in set(names_used(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_mark_names_a_statement_of_the_standard(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {False: statements("mqtt-5.0.tsv"), True: statements("mqtt-3.1.1.tsv")}
    assert [mark for mark, old in marks(text) if mark not in known[old]] == []
    assert text.count("[MQTT-") == len(MARK.findall(text)), "a mark that cannot be read"


def test_marks_may_name_a_range_and_the_older_standard() -> None:
    text = "[MQTT-3.3.2-15 to -17] and [MQTT-3.1.2-2 of 3.1.1] and [MQTT-4.7.1-1, -3]"
    assert list(marks(text)) == [
        ("MQTT-3.3.2-15", False), ("MQTT-3.3.2-16", False), ("MQTT-3.3.2-17", False), ("MQTT-3.1.2-2", True),
        ("MQTT-4.7.1-1", False), ("MQTT-4.7.1-3", False),
    ]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\b(?:TODO|FIXME|XXX)\b|raise NotImplementedError|pragma: no cover", text) == []
