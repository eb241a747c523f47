"""The tables of the configuration page are those of the source."""

import dataclasses
from pathlib import Path

import pytest

from amqtt.config import Config
from amqtt.config_file.effective import _OTHERWISE
from tools.configuration_reference import MARKED, renewed, table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
GROUPS = [
    "listeners", "tls", "auth", "topic-check", "persistence", "limits", "trace", "mdns", "opentelemetry",
    "others",
]


def test_the_page_is_as_make_docs_writes_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page, "run make docs"


def test_the_page_has_every_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for _, name, _ in MARKED.findall(page)] == GROUPS


@pytest.mark.parametrize("group", GROUPS)
def test_every_key_is_explained(group: str) -> None:
    rows = [row.split(" | ") for row in table(group).splitlines()[2:]]
    assert len(rows) >= 2
    assert [key for key, _, text in rows if not text.rstrip(" |")] == []


def test_every_key_beside_the_sections_is_on_the_page() -> None:
    own = {field.name.replace("_", "-") for field in dataclasses.fields(Config)} - {
        name.replace("_", "-") for name in _OTHERWISE
    }
    listed = {row.split("`")[1] for row in table("others").splitlines()[2:]}
    assert own <= listed


def test_a_changed_default_is_seen() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page.replace("16777216", "1")) == page
