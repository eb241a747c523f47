"""The page of figures: its tables and pictures come from the figures and from nowhere else."""

import itertools
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import documents
from benchmarks.charts import Line, line_chart, short
from benchmarks.figures import Result, summary
from benchmarks.report import as_json
from benchmarks.shapes import SHAPES, SWEEPS, Memory, Shape
from benchmarks.verification import Faults

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def figures_of(tmp_path: Path, *shapes: Shape) -> documents.reach.Figures:
    one = summary([Result(7, 5000.0, 1.25, 1.0, 10, 20, 30, 4000.0)])
    wrong = summary([Result(9, 1.0, 25.0, 1.0, faults=Faults(lost=2))])
    each = {"amqtt uvloop": one, "mosquitto": wrong, "another": "no such command"}
    path = tmp_path / "figures.json"
    path.write_text(as_json(dict.fromkeys(shapes, each), {"processor": "a good one"}), encoding="utf-8")
    told, figures = documents.read(path)
    assert told == {"processor": "a good one"}
    return figures


def test_what_was_written_as_json_is_read_again(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, SHAPES[0])
    assert figures["flood"]["amqtt uvloop"] == summary([Result(7, 5000.0, 1.25, 1.0, 10, 20, 30, 4000.0)])
    assert figures["flood"]["another"] == "no such command"


def test_earlier_figures_of_other_shapes_may_be_kept() -> None:
    earlier = as_json({SHAPES[0]: {"mosquitto": "old"}, SHAPES[1]: {"mosquitto": "old"}}, {})
    shapes = json.loads(as_json({SHAPES[1]: {"mosquitto": "new"}}, {}, earlier))["shapes"]
    assert [shapes[shape.name]["brokers"]["mosquitto"]["error"] for shape in SHAPES[:2]] == ["old", "new"]


def test_each_shape_stands_in_a_table(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, *SHAPES)
    page = documents.page((ROOT / documents.PAGE).read_text(encoding="utf-8"), {}, figures)
    for shape in SHAPES:
        row = f"| {shape.title} | " + ("4,000 | 0 | - |" if isinstance(shape, Memory) else "")
        assert row in page
    assert "| 1.25 | 25 | - |" in page
    assert "5,000 · 10 · 20 · 30" in page


def test_what_went_wrong_is_told(tmp_path: Path) -> None:
    told = documents.faults(figures_of(tmp_path, SHAPES[0]))
    assert told == f"- mosquitto: 2 lost of 9 ({SHAPES[0].title})"
    assert documents.faults({}) == "There is no exception."


def test_a_section_that_the_page_has_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="figures: cost"):
        documents.with_section("nothing here", "cost", "text")


def test_writing_a_section_again_changes_nothing() -> None:
    page = "a\n<!-- figures: cost -->\nold\n<!-- end -->\nb"
    once = documents.with_section(page, "cost", "new")
    assert once == "a\n<!-- figures: cost -->\n\nnew\n\n<!-- end -->\nb"
    assert documents.with_section(once, "cost", "new") == once


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_a_picture_has_a_line_for_each_broker_and_a_tick_for_each_point(tmp_path: Path, sweep) -> None:
    figures = figures_of(tmp_path, *(stream for _, stream in sweep.points))
    drawn = ET.fromstring(documents.picture(sweep, figures))
    assert len(drawn.findall(f"{SVG}path[@class='line']")) == 2
    assert len(drawn.findall(f"{SVG}circle")) == 2 * len(sweep.points)
    texts = [text.text for text in drawn.findall(f"{SVG}text")]
    assert {short(x) for x, _ in sweep.points} <= set(texts)
    assert {"amqtt uvloop 1.2", "mosquitto 25", sweep.title} <= set(texts)


def test_names_at_the_ends_of_lines_do_not_lie_upon_another() -> None:
    lines = [Line(f"line {n}", [(1, 1.0), (10, 2.0 + n / 100)]) for n in range(4)]
    drawn = ET.fromstring(line_chart("t", "x", "y", lines))
    heights = sorted(
        float(text.attrib["y"]) for text in drawn.findall(f"{SVG}text") if str(text.text).startswith("line ")
    )
    assert all(lower - upper >= 15 for upper, lower in itertools.pairwise(heights))


@pytest.mark.parametrize(
    ("number", "text"),
    [(16, "16"), (300, "300"), (1000, "1k"), (1024, "1Ki"), (65536, "64Ki"), (1_000_000, "1M")],
)
def test_numbers_are_written_short(number: float, text: str) -> None:
    assert short(number) == text


def test_the_page_and_its_pictures_are_what_the_figures_say() -> None:
    told, figures = documents.read(ROOT / documents.FIGURES)
    text = (ROOT / documents.PAGE).read_text(encoding="utf-8")
    assert documents.page(text, told, figures) == text, "run python -m benchmarks.documents"
    for sweep in SWEEPS:
        drawn = (ROOT / documents.PAGE).with_name(f"performance-{sweep.name}.svg").read_text(encoding="utf-8")
        assert drawn == documents.picture(sweep, figures), "run python -m benchmarks.documents"


def test_the_figures_tell_what_they_were_measured_with() -> None:
    told = json.loads((ROOT / documents.FIGURES).read_text(encoding="utf-8"))["machine"]
    assert {"processor", "system", "amqtt", "mosquitto"} <= set(told)
