"""D10: Permissions see the topic that an alias stands for, and an alias is of one connection only."""

import pytest

from amqtt.access.acl import AccessControlList
from amqtt.access.anonymous import Anonymous
from amqtt.access.authenticators import Authenticators
from amqtt.access.policy import Policy
from amqtt.wire.packets import Publish
from support.bench_server import Bench


def bench() -> tuple[Bench, list[str]]:
    """A Server whose Clients may publish to `open` alone, and what arrived."""
    lists = AccessControlList({}, {"anonymous": ["open"]})
    made = Bench(Authenticators({"who": Anonymous()}, Policy([lists])))
    seen: list[str] = []
    made.server.subscribe("#", 0, lambda message, _: seen.append(message.topic))
    return made, seen


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_alias_is_resolved_before_permissions_are_asked(qos: int) -> None:
    made, seen = bench()
    client = made.connected("c")
    ids = iter(range(1, 100))

    def publish(topic: str, alias: int) -> None:
        client.publish(topic, b"x", qos, packet_id=next(ids) if qos else 0, topic_alias=alias)

    publish("open", 1)
    publish("", 1)
    publish("secret", 1)
    publish("", 1)
    publish("open", 1)
    publish("", 1)
    assert seen == ["open"] * 4
    codes = [packet.reason_code for packet in client.received()]  # type: ignore[union-attr]
    assert codes == ([] if not qos else [0, 0, 0x87, 0x87, 0, 0])
    assert made.server.counters.dropped_refused == 2


@pytest.mark.parametrize("alias", [17, 65_535])
def test_an_alias_beyond_the_maximum_is_refused(alias: int) -> None:
    made, seen = bench()
    client = made.connected("c")
    client.publish("open", b"x", topic_alias=alias)
    assert client.received()[-1].reason_code == 0x94  # type: ignore[union-attr]
    assert client.state.closed
    assert seen == []


def test_the_highest_alias_is_taken_and_so_is_one_of_a_maximum_of_its_own() -> None:
    made, seen = bench()
    client = made.connected("c")
    for topic in ("open", ""):
        client.publish(topic, b"x", topic_alias=16)
    assert seen == ["open"] * 2
    assert not client.state.closed


@pytest.mark.parametrize("maximum", [0, 1, 20])
def test_the_maximum_is_what_was_announced(maximum: int) -> None:
    made = Bench(topic_alias_maximum=maximum)
    client = made.client()
    connack = client.connect("c")
    assert connack.properties is not None
    assert (connack.properties.topic_alias_maximum or 0) == maximum
    if maximum:
        client.publish("a", b"x", topic_alias=maximum)
        assert not client.state.closed
    client.publish("a", b"x", topic_alias=maximum + 1)
    assert client.state.closed
    assert made.server.realm.excess.counts == {"topic_alias_maximum": 1}


def test_an_alias_is_gone_with_its_connection_and_is_nobody_elses() -> None:
    made, seen = bench()
    first = made.connected("c", session_expiry_interval=100)
    first.publish("open", b"x", topic_alias=1)
    other = made.connected("o")
    other.publish("", b"x", topic_alias=1)
    assert other.state.closed
    assert other.received()[-1].reason_code == 0x82  # type: ignore[union-attr]
    first.lose()
    again = made.connected("c", clean_start=False, session_expiry_interval=100)
    again.publish("", b"x", topic_alias=1)
    assert again.state.closed
    assert seen == ["open"]


def test_aliases_that_we_set_are_of_one_connection_too() -> None:
    made = Bench()
    client = made.connected("c", topic_alias_maximum=1, session_expiry_interval=100)
    client.subscribe("#")
    publisher = made.connected("p")
    publisher.publish("a", b"1")
    publisher.publish("a", b"2")
    assert [p.topic for p in client.received() if isinstance(p, Publish)] == ["a", ""]
    client.lose()
    again = made.connected("c", clean_start=False, topic_alias_maximum=1, session_expiry_interval=100)
    publisher.publish("a", b"3")
    assert [p.topic for p in again.received() if isinstance(p, Publish)] == ["a"]
