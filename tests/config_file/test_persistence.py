from pathlib import Path

import pytest

from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.store.settings import PersistenceSettings


def test_without_the_section_there_is_no_file() -> None:
    assert load({}).persistence == PersistenceSettings()
    assert load({}).persistence.file is None


def test_every_key_is_read() -> None:
    section = {
        "file": "/var/lib/amqtt/a.db", "durability": "normal", "maximum-unwritten-records": 10,
        "maximum_unwritten_bytes": 2048, "commit-timeout": 2, "restart-grace": 0,
    }
    expected = PersistenceSettings(Path("/var/lib/amqtt/a.db"), "normal", 10, 2048, 2, 0)
    assert load({"persistence": section}).persistence == expected


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"durability": "ful"}, r"persistence\.durability: .*did you mean 'full'"),
        ({"file": ""}, r"persistence\.file: it is empty"),
        ({"flie": "x"}, r"persistence\.flie: there is no such key \(did you mean 'file'"),
        ({"maximum-unwritten-records": 0}, r"persistence\.maximum-unwritten-records: it must be from 1"),
        ("amqtt.db", r"persistence: it must be a section of keys and values, not text"),
    ],
)
def test_mistakes_are_named(section: object, message: str) -> None:
    with pytest.raises(BrokerError, match=message):
        load({"persistence": section})
