"""User Properties whose names are ours are taken out, and nothing else is touched."""

import pytest

from amqtt.server.reserved import strip_reserved
from support.raw_client import properties

Pairs = tuple[tuple[str, str], ...]
CASES: list[tuple[Pairs, Pairs]] = [
    ((), ()),
    ((("a", "1"),), (("a", "1"),)),
    ((("amqtt-x", "1"),), ()),
    ((("a", "1"), ("Amqtt-X", "2"), ("a", "3")), (("a", "1"), ("a", "3"))),
    ((("amqtt", "1"), ("amqttx", "2")), (("amqtt", "1"), ("amqttx", "2"))),
]


@pytest.mark.parametrize(("sent", "kept"), CASES)
def test_what_is_ours_is_taken_out_and_the_rest_keeps_its_order(sent: Pairs, kept: Pairs) -> None:
    given = properties(user_properties=sent, content_type="text")
    strip_reserved(given)
    assert given.user_properties == kept
    assert given.content_type == "text"


def test_without_properties_there_is_nothing_to_take_out() -> None:
    strip_reserved(None)
