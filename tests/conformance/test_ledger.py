"""The ledger is whole: every statement has its row, and what binds a Server is shown by a test."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tools.conformance_reference import BINDS, STANDARDS, TESTS, by_statement, ledger, statements
from tools.conformance_reference import shown as read

MOST_EXCUSES = 5
STANDARD_OF_MARK = list(STANDARDS.items())
shown = cache(read)
"""All tests are read once: there are many."""


@pytest.mark.parametrize("standard", STANDARDS.values())
def test_every_statement_of_the_standard_has_one_row(standard: str) -> None:
    assert [row.statement for row in ledger(standard)] == list(statements(standard))


@pytest.mark.parametrize("standard", STANDARDS.values())
def test_every_row_says_whom_its_statement_binds(standard: str) -> None:
    assert [row.statement for row in ledger(standard) if row.binds not in BINDS] == []


@pytest.mark.parametrize(("mark", "standard"), STANDARD_OF_MARK)
def test_every_statement_that_binds_a_server_is_shown_by_a_test(mark: str, standard: str) -> None:
    tests = by_statement(mark, shown())
    rows = [row for row in ledger(standard) if row.binds_server and not row.is_excused]
    assert [row.statement for row in rows if row.statement not in tests] == []


@pytest.mark.parametrize(("mark", "standard"), STANDARD_OF_MARK)
def test_only_what_no_test_shows_is_excused(mark: str, standard: str) -> None:
    tests = by_statement(mark, shown())
    excused = [row for row in ledger(standard) if row.is_excused]
    assert [row.statement for row in excused if row.statement in tests or not row.binds_server] == []
    assert len(excused) <= MOST_EXCUSES


@pytest.mark.parametrize(("mark", "standard"), STANDARD_OF_MARK)
def test_no_test_names_a_statement_that_is_not_there(mark: str, standard: str) -> None:
    known = statements(standard)
    named = by_statement(mark, shown())
    assert named
    assert {number: tests for number, tests in named.items() if number not in known} == {}


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.stem)
def test_every_mark_stands_on_a_test(path: Path) -> None:
    """A mark elsewhere (on a class, a module, a fixture) would not be counted."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = sum(isinstance(node, ast.Attribute) and node.attr in STANDARDS for node in ast.walk(tree))
    on_tests = sum(
        isinstance(node, ast.Attribute) and node.attr in STANDARDS
        for test in ast.walk(tree)
        if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and test.name.startswith("test_")
        for decorator in test.decorator_list
        for node in ast.walk(decorator)
    )
    assert used == on_tests
