"""The conformance page is that of the ledger and of the marks on the tests."""

from pathlib import Path

import pytest

from tools.conformance_reference import Row, Shown, page, shortened, shown, table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
MARKED = '''
import pytest

@pytest.mark.mqtt5("3.1.0-1", "3.1.0-2")
@pytest.mark.mqtt311("3.1.0-2")
async def test_two_connects():
    """"""

@pytest.mark.mqtt5("3.1.0-2")
@pytest.mark.{unproven}
def test_another():
    """"""

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.mqtt5("3.2.0-1"))])
def test_by_parameter(x):
    """"""
'''


def test_the_page_is_as_make_docs_writes_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make docs"


@pytest.mark.parametrize(
    "unproven", ["xfail", "skip", 'xfail(reason="a")', 'skipif("a", reason="b")'], ids=["1", "2", "3", "4"]
)
def test_marks_are_found_on_tests_that_must_succeed(tmp_path: Path, unproven: str) -> None:
    path = tmp_path / "test_marked.py"
    path.write_text(MARKED.replace("{unproven}", unproven), encoding="utf-8")
    assert set(shown(tmp_path)) == {
        Shown("mqtt5", "MQTT-3.1.0-1", "test_two_connects", path),
        Shown("mqtt5", "MQTT-3.1.0-2", "test_two_connects", path),
        Shown("mqtt311", "MQTT-3.1.0-2", "test_two_connects", path),
        Shown("mqtt5", "MQTT-3.2.0-1", "test_by_parameter", path),
    }


def test_the_numbers_of_a_mark_must_be_readable(tmp_path: Path) -> None:
    path = tmp_path / "test_marked.py"
    path.write_text("@pytest.mark.mqtt5(NUMBER)\ndef test_it(): ...\n", encoding="utf-8")
    with pytest.raises(TypeError, match="test_it"):
        shown(tmp_path)


def test_a_text_fits_into_a_cell() -> None:
    assert shortened("a | b<br />· c $share/+/# \u200e1") == r"a \| b c $share/+/\# 1"
    assert shortened("word " * 100).endswith("word …")
    assert len(shortened("word " * 100)) <= 162


def test_a_row_names_its_tests_once() -> None:
    path = ROOT / "tests" / "conformance" / "test_x.py"
    tests = {"MQTT-1": [Shown("mqtt5", "MQTT-1", "test_it_is_so", path)] * 2}
    rows = [Row("MQTT-1", "both", "senders"), Row("MQTT-2", "client", "binds the Client")]
    assert table(rows, {"MQTT-1": "Do.", "MQTT-2": "Go."}, tests).splitlines()[2:] == [
        "| MQTT-1 | Do. | Client and Server: senders | [it is so](../../tests/conformance/test_x.py) |",
        "| MQTT-2 | Go. | Client |  |",
    ]
