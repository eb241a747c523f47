"""The section `trace`."""

from pathlib import Path

import pytest

from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.observe.settings import TraceSettings


def test_each_item_is_a_trace() -> None:
    source = [{"file": "/t", "client": "c", "topic": "a/#", "address": "10.0.0.1/8"}, {"file": "/u"}]
    assert load({"trace": source}).traces == (
        TraceSettings(Path("/t"), "c", "a/#", "10.0.0.1/8"), TraceSettings(Path("/u")),
    )  # fmt: skip
    assert load({}).traces == ()


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({}, r"trace\[0\]: a trace needs a file"),
        ({"file": "/t", "topic": "a/#/b"}, r"trace\[0\]\.topic: The wildcard #"),
        ({"file": "/t", "address": "here"}, r"trace\[0\]\.address: it must be an IP address"),
        ({"file": "/t", "clint": "c"}, r"trace\[0\]\.clint: there is no such key \(did you mean 'client'"),
    ],
)
def test_its_mistakes_have_their_place(item: object, text: str) -> None:
    with pytest.raises(BrokerError, match=text):
        load({"trace": [item]})
