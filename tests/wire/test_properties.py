"""The table of properties against the one that the reference decoder has from the standard."""

import pytest

from amqtt.wire.errors import MalformedPacket
from amqtt.wire.properties import BY_BEARER, TABLE, Properties, decode_properties
from support.reference_decoder import NAMES, PROPERTIES


def test_the_table_is_that_of_the_standard() -> None:
    names = ("Will", *NAMES[1:])
    ours = {
        row.identifier: (row.attribute, {names[bearer] for bearer in row.bearers}) for row in TABLE
    }
    assert ours == {
        identifier: (attribute, set(bearers.split()))
        for identifier, (attribute, _, bearers) in PROPERTIES.items()
    }


def test_every_property_is_absent_at_first_and_has_its_place_in_order() -> None:
    for row in TABLE:
        assert getattr(Properties(), row.attribute) in (None, ())
    assert [row.identifier for row in TABLE] == sorted(row.identifier for row in TABLE)


@pytest.mark.parametrize("bearer", [12, 13])
def test_pingreq_and_pingresp_bear_nothing(bearer: int) -> None:
    assert BY_BEARER[bearer] == []


@pytest.mark.parametrize("bearer", range(16))
def test_each_property_is_refused_where_it_does_not_belong(bearer: int) -> None:
    for identifier in range(256):
        if any(row.identifier == identifier for row in BY_BEARER[bearer]):
            continue
        data = bytes((8, identifier)) + b"\x00\x01a\x00\x01a\x00"
        with pytest.raises(MalformedPacket) as caught:
            decode_properties(data, 0, len(data), bearer)
        assert caught.value.reason_code == 0x81


def test_no_properties_are_none_and_end_behind_their_length() -> None:
    assert decode_properties(b"\xff\x00\xff", 1, 3, 3) == (None, 2)


def test_user_properties_keep_their_order_among_others() -> None:
    data = b"\x10" + b"\x26\x00\x01b\x00\x00" + b"\x0b\x07" + b"\x26\x00\x01a\x00\x00" + b"\x0b\x06"
    properties, after = decode_properties(data, 0, len(data), 3)
    assert properties is not None
    assert after == len(data)
    assert properties.user_properties == (("b", ""), ("a", ""))
    assert properties.subscription_identifiers == (7, 6)
