"""After the rules have changed: whoever is there, or was, may do what is granted now."""

from collections.abc import Mapping

import pytest

from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Publish, WillFields
from support.bench_server import Bench, BenchClient

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


class Only(Permissions):
    """What is listed, each topic by itself."""

    receives_everything = False

    def __init__(self, user: str, *topics: str) -> None:
        super().__init__(user)
        self.topics = topics

    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic in self.topics

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if topic_filter in self.topics else -1

    def may_receive(self, topic: str) -> bool:
        return topic in self.topics


class Asks(Only):
    """Has something to find out before it answers."""

    asks = True


def come(bench: Bench, name: str, version: int = MQTT_5, **more: object) -> BenchClient:
    """A Client whose user is called as itself, and whose Session lasts."""
    if version == MQTT_5:
        more["session_expiry_interval"] = 1000
    return bench.connected(name, version, username=name, clean_start=False, **more)


def review(bench: Bench, granted: Mapping[str, Permissions | None]) -> int:
    """Go by these Permissions; whoever is not among them keeps what he has."""
    return bench.server.review(lambda session: granted.get(session.client_id, session.permissions))


def topics(client: BenchClient) -> list[str]:
    return [packet.topic for packet in client.received() if isinstance(packet, Publish)]


def test_whoever_keeps_the_permissions_that_he_has_notices_nothing() -> None:
    bench = Bench()
    client = come(bench, "a")
    client.subscribe("t", 1)
    before = bench.server.realm.sessions["a"].permissions
    assert review(bench, {}) == 0
    session = bench.server.realm.sessions["a"]
    assert session.permissions is before
    assert not session.inherited
    assert list(session.subscriptions) == ["t"]


@BOTH
def test_a_user_who_is_gone_leaves_with_all_that_was_his_and_is_counted(version: int) -> None:
    bench = Bench()
    witness = bench.connected("witness")
    witness.subscribe("#")
    here = come(bench, "here", version, will=WillFields("will", b"x"))
    here.publish("kept by here", b"x", retain=True)
    away = come(bench, "away", version)
    away.subscribe("t", 1)
    away.publish("kept by away", b"x", retain=True)
    away.send(Disconnect())
    topics(witness)
    assert review(bench, {"here": None, "away": None}) == 1, "who was connected"
    assert here.state.closed
    assert list(bench.server.realm.sessions) == ["witness"]
    assert len(bench.server.realm.tree) == 1
    assert len(bench.server.retained) == 0
    assert topics(witness) == [], "no Will Message, and nothing of what was taken back"
    if version == MQTT_5:
        assert here.received()[-1].reason_code == 0x87  # type: ignore[union-attr]


@BOTH
def test_what_is_not_granted_any_more_ends_and_what_is_goes_on(version: int) -> None:
    bench = Bench()
    client, other = come(bench, "a", version), come(bench, "b", version)
    for topic in ("mine", "yours"):
        client.subscribe(topic, 1)
        client.publish(topic, b"x", 1, retain=True)
        topics(client)
    other.publish("theirs", b"x", retain=True)
    assert review(bench, {"a": Only("a", "mine")}) == 0
    for topic in ("mine", "yours"):
        other.publish(topic, b"x", 1)
    assert topics(client) == ["mine"]
    assert sorted(message.topic for message in bench.server.retained) == ["mine", "theirs"]
    client.publish("yours", b"x", 1)
    if version == MQTT_5:
        assert client.received()[-1].reason_code == 0x87  # type: ignore[union-attr]
    assert bench.faults == []


@BOTH
def test_what_waits_for_somebody_who_is_away_is_judged_when_he_is_back(version: int) -> None:
    bench = Bench()
    client = come(bench, "a", version)
    for topic in ("mine", "yours"):
        client.subscribe(topic, 1)
    client.lose()
    publisher = bench.connected("p")
    for topic in ("mine", "yours"):
        publisher.publish(topic, b"x", 1)
    assert review(bench, {"a": Only("a", "mine")}) == 0
    assert list(bench.server.realm.sessions["a"].subscriptions) == ["mine"]
    bench.server.authenticator.authenticate = lambda request: _accepted(  # type: ignore[method-assign]
        Only(request.username or "", "mine")
    )
    assert topics(come(bench, "a", version)) == ["mine"]
    assert bench.server.counters.dropped_refused == 1


def test_permissions_that_ask_are_asked_from_the_next_packet_on() -> None:
    bench = Bench()
    client = come(bench, "a")
    assert not client.state.asks
    review(bench, {"a": Asks("a", "t")})
    assert client.state.asks
    review(bench, {"a": Only("a", "t")})
    assert not client.state.asks


def test_the_messages_of_somebody_who_is_not_judged_stay_retained() -> None:
    bench = Bench()
    come(bench, "a").publish("t", b"x", retain=True)
    bench.connected("passing").publish("u", b"x", retain=True)
    review(bench, {"a": Only("a")})
    assert [message.topic for message in bench.server.retained] == ["u"]


def test_a_session_that_ends_while_others_are_reviewed_is_no_fault() -> None:
    """A Will Message, or whoever hears of one, may end another Session meanwhile."""
    bench = Bench()
    for name in ("a", "b"):
        come(bench, name)

    def judge(session: Session) -> Permissions | None:
        other = bench.server.realm.sessions.get("b" if session.client_id == "a" else "a")
        if other is not None:
            bench.server.lost(bench.server.realm.connected[other.client_id])
            bench.server.realm.end_session(other)
        return None

    assert bench.server.review(judge) == 1
    assert bench.server.realm.sessions == {}


def _accepted(permissions: Permissions) -> object:
    from amqtt.abc import Accepted

    return Accepted(permissions)


def _end(bench: Bench, client_id: str) -> None:
    """The program has the rules changed, for a message that it was sent: this user is gone."""
    review(bench, {client_id: None})


def test_of_what_arrived_together_nothing_more_is_acted_on_when_its_client_has_left() -> None:
    bench = Bench()
    witness = bench.connected("witness")
    witness.subscribe("reload", 1)
    witness.subscribe("more/#", 1)
    bench.server.subscribe("reload", 0, lambda message, qos: _end(bench, "a"))
    client = bench.connected("a", MQTT_3_1_1)
    topics_sent = ["more/1", "reload", "more/2", "more/3"]
    client.send(*[Publish(topic, b"x", 1, packet_id=at + 1) for at, topic in enumerate(topics_sent)])
    assert client.closed
    assert topics(witness) == ["more/1", "reload"]


def test_a_session_that_ends_while_a_message_is_on_its_way_to_it_keeps_nothing_of_it() -> None:
    bench = Bench()
    bench.server.subscribe("t", 0, lambda message, qos: _end(bench, "away"))
    away = come(bench, "away")
    away.subscribe("t", 1)
    away.send(Disconnect())
    bench.connected("publisher").publish("t", b"x", 1)
    counters = bench.server.counters
    assert (counters.queued_messages, counters.queued_bytes, counters.held_bytes) == (0, 0, 0)
    assert counters.dropped_full == 1
    assert bench.server.realm.excess.counts == {}
