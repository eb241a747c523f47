"""The table of docs/explanation/security.md has each class of weakness, and its tests are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "security.md"
ROW = re.compile(
    r"^\| ([A-G]\d+(?:, [A-G]\d+)*|limits) \| [^|]+ \| ((?:`tests/[^`]+`(?:, )?)+) \|$", re.MULTILINE
)
TEST = re.compile(r"^(?:async )?def test_|^Test\w+ = |^class Test", re.MULTILINE)
FILES = {row: re.findall(r"`([^`]+)`", files) for row, files in ROW.findall(PAGE.read_text(encoding="utf-8"))}
CLASSES = {"A": range(1, 11), "B": range(1, 9), "C": (1, 2, 3, 4, 5, 9, 10), "D": (*range(1, 12), 13),
           "E": range(1, 10), "F": range(1, 11), "G": (1, 2, 3, 7, 8, 11)}
"""The gaps are the dashboard's, the cluster's and those of passwords and names that others look after."""


def test_every_class_has_a_row() -> None:
    rows = {row for written in FILES for row in written.split(", ")}
    assert {f"{letter}{number}" for letter, numbers in CLASSES.items() for number in numbers} <= rows


@pytest.mark.parametrize("row", FILES)
def test_the_tests_of_a_row_are_there_and_one_of_them_names_it(row: str) -> None:
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in FILES[row]]
    assert all(TEST.search(text) for text in texts)
    stands = [file for file in FILES[row] if not file.startswith("tests/security/")]
    for name in row.split(", "):
        named = any(re.search(rf"\b{name.lower()}\b|_{name.lower()}_", file) for file in FILES[row])
        assert named or stands or any(re.search(rf"\b{name}\b", text) for text in texts) or row == "limits"


def test_every_file_of_this_folder_is_in_the_table() -> None:
    own = Path(__file__)
    here = {f"tests/security/{file.name}" for file in own.parent.glob("test_*.py") if file.name != own.name}
    assert here <= {file for files in FILES.values() for file in files}
