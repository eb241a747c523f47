"""How records are written: as text that cannot be forged, or as JSON with every field."""

import json
import logging
import sys

import pytest

from amqtt.observe.lines import JournalLines, JsonLines, TextLines


def record(message: str, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("amqtt.x", level, __file__, 1, "%s", (message,), None)
    made.__dict__.update(fields)
    return made


def test_text_has_no_control_characters_and_indents_what_follows() -> None:
    lines = TextLines("%(name)s: %(message)s")
    written = lines.format(record("a\x1b[31m\r\u202eb\nforged"))
    assert written == "amqtt.x: a\\x1b[31m\\x0d\\u202eb\n    forged"


@pytest.mark.parametrize(("level", "priority"), [(logging.WARNING, 4), (logging.INFO, 6), (25, 5)])
def test_for_the_journal_each_line_has_its_priority(level: int, priority: int) -> None:
    lines = JournalLines("%(name)s: %(message)s")
    assert lines.format(record("a\nb", level)) == f"<{priority}>amqtt.x: a\n<{priority}>    b"


def test_json_is_one_line_with_the_fields_of_the_record() -> None:
    line = JsonLines().format(record("a\nb\x1b", event="e", client_id="c\n", reason_code=5))
    assert "\n" not in line
    assert line.isprintable()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info", "logger": "amqtt.x", "message": "a\nb\x1b", "event": "e", "client_id": "c\n",
        "reason_code": 5,
    }  # fmt: skip


def test_json_has_the_traceback_and_survives_any_object() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        made = record("a", thing=object())
        made.exc_info = sys.exc_info()
    found = json.loads(JsonLines().format(made))
    assert "RuntimeError: broken" in found["exception"]
    assert found["thing"].startswith("<object")
