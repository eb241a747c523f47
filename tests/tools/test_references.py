"""The pages and pictures that are made from the source are as it is."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from amqtt.server import events
from amqtt.server.events import Event
from amqtt.wire.reasons import ReasonCode
from tools import command_reference, events_reference, pictures, reason_codes_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_commands_is_as_make_docs_writes_it() -> None:
    page = (DOCS / "reference" / "command.md").read_text(encoding="utf-8")
    assert command_reference.renewed(page) == page, "run make docs"


@pytest.mark.parametrize(
    ("name", "page"),
    [("events.md", events_reference.page), ("reason-codes.md", reason_codes_reference.page)],
)
def test_a_page_of_a_table_is_as_make_docs_writes_it(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == page(), "run make docs"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_as_make_docs_draws_it(name: str) -> None:
    drawn = pictures.PICTURES[name]()
    assert (DOCS / "pictures" / name).read_text(encoding="utf-8") == drawn, "run make docs"
    assert ET.fromstring(drawn).tag.endswith("svg")


def test_every_option_of_every_command_is_explained() -> None:
    names = dict(command_reference.commands())
    assert {"amqtt serve", "amqtt check", "amqtt acl test", "amqtt passwd add"} <= set(names)
    for name, command in names.items():
        text = command_reference.section(name, command)
        assert re.search(r"\n\n[A-Z].+\.", text), name
        assert " |  |" not in text, text


def test_every_event_is_on_its_page() -> None:
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    assert {name for name, _, _ in events_reference.events()} == {kind.__name__ for kind in kinds} - {"Event"}


def test_every_reason_code_is_on_its_page() -> None:
    page = reason_codes_reference.page()
    assert [value for value in {int(code) for code in ReasonCode} if f"| 0x{value:02X} |" not in page] == []
    assert "| 0x86 | Bad user name or password | CONNACK | return code 4 |" in page


def test_a_step_of_the_path_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PATH", (("x", "server/publish.py", "no_such", ""),))
    with pytest.raises(LookupError, match="no_such"):
        pictures.path_of_a_publish()


def test_phases_show_control_packets_alone() -> None:
    drawn = pictures.connection_states()
    assert ">UNSUBSCRIBE<" in drawn
    assert "PUBLISHRUN" not in drawn
