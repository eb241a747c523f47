"""After the rules have changed: whoever is there, or was, may do what is granted now."""

from collections.abc import Mapping

import pytest

from amqtt.message import Message
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Publish, WillFields
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

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


def come_as(bench: Bench, client_id: str, user: str) -> BenchClient:
    return bench.connected(client_id, username=user, clean_start=False, session_expiry_interval=1000)


def review(bench: Bench, granted: Mapping[str, Permissions | None]) -> int:
    """Go by these Permissions; whoever is not among them keeps what he has."""
    return bench.server.review(lambda session: granted.get(session.client_id, session.permissions))


Asked = list[tuple[str, str]]


def review_all(bench: Bench, users: Mapping[str, Permissions | None]) -> Asked:
    """Go by these Permissions of users, with or without Sessions; who was asked about without one."""
    asked: Asked = []

    def of_user(client_id: str, owner: str) -> Permissions | None:
        asked.append((client_id, owner))
        return users[owner]

    bench.server.review(lambda session: users.get(session.owner or "", session.permissions), of_user)
    return asked


def retained(bench: Bench) -> list[str]:
    return sorted(message.topic for message in bench.server.retained)


def pass_by(bench: Bench, client_id: str, user: str | None, *topics: str, version: int = MQTT_5) -> None:
    """Retain something on these topics, and end the Session."""
    client = bench.connected(client_id, version, username=user)
    for topic in topics:
        client.publish(topic, b"x", 1, retain=True)
    client.send(Disconnect())
    assert client_id not in bench.server.realm.sessions


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


@BOTH
def test_what_somebody_retained_whose_session_has_ended_is_judged_by_his_name_and_client_identifier(
    version: int,
) -> None:
    bench = Bench()
    pass_by(bench, "c1", "alice", "mine", "yours", version=version)
    pass_by(bench, "c2", "alice", "too", version=version)
    pass_by(bench, "c3", "bob", "bobs", version=version)
    asked = review_all(bench, {"alice": Only("alice", "mine"), "bob": None})
    assert sorted(asked) == [("c1", "alice"), ("c2", "alice"), ("c3", "bob")], "each of them once"
    assert retained(bench) == ["mine"]
    assert bench.faults == []


def test_what_was_retained_without_a_name_is_judged_by_the_rules_for_those() -> None:
    bench = Bench()
    pass_by(bench, "c", None, "mine", "yours")
    assert review_all(bench, {"": Only("", "mine")}) == [("c", "")]
    assert retained(bench) == ["mine"]


def test_what_the_program_retained_is_nobodys_and_stays() -> None:
    bench = Bench()
    bench.server.publish(Message("the program's", b"x", 0, True))
    pass_by(bench, "c", "alice", "the program's too")
    bench.server.publish(Message("the program's too", b"y", 0, True))
    assert review_all(bench, {"alice": None, "": None}) == []
    assert retained(bench) == ["the program's", "the program's too"]


def test_what_a_client_sends_in_one_piece_is_its_users_packet_by_packet() -> None:
    bench = Bench()
    client = bench.connected("c", username="alice")
    client.send(*[Publish(f"t/{number}", b"x", 1, True, packet_id=number) for number in range(1, 9)])
    client.send(*[Publish("t/0", b"%d" % number, 0, True) for number in range(8)])
    assert [message.owner for message in bench.server.retained] == ["alice"] * 9


@pytest.mark.parametrize("delay", [0, 60])
def test_a_will_message_that_is_retained_is_that_of_the_owner_of_its_session(delay: int) -> None:
    bench = Bench()
    will = WillFields("w", b"x", 0, True, properties(will_delay_interval=delay))
    bench.connected("c", username="alice", will=will, session_expiry_interval=100).lose()
    bench.pass_time(101)
    (message,) = bench.server.retained
    assert (message.publisher, message.owner) == ("c", "alice")
    review_all(bench, {"alice": Only("alice")})
    assert retained(bench) == []


def test_another_user_who_has_the_client_identifier_now_neither_saves_nor_costs_what_is_retained() -> None:
    bench = Bench()
    pass_by(bench, "c", "alice", "allowed to alice", "allowed to bob")
    come_as(bench, "c", "bob")
    allowed = {name: Only(name, f"allowed to {name}") for name in ("alice", "bob")}
    assert review_all(bench, allowed) == [("c", "alice")]
    assert retained(bench) == ["allowed to alice"]


def test_a_session_that_keeps_its_permissions_keeps_what_it_retained() -> None:
    bench = Bench()
    come_as(bench, "c", "alice").publish("t", b"x", retain=True)
    bench.server.review(lambda session: session.permissions, lambda client_id, owner: None)
    assert retained(bench) == ["t"]


def test_who_cannot_answer_at_once_or_is_not_restricted_loses_nothing_of_what_he_retained() -> None:
    bench = Bench()
    pass_by(bench, "c1", "asks", "t")
    pass_by(bench, "c2", "free", "u")
    message = Message("$plugin/v", b"x", 0, True, publisher="c3")
    bench.server.realm.router.route(message, "free")
    review_all(bench, {"asks": Asks("asks"), "free": Permissions("free")})
    assert retained(bench) == ["$plugin/v", "t", "u"]


def test_permissions_that_raise_permit_nothing_and_it_is_told() -> None:
    class Broken(Only):
        def may_publish(self, topic: str, retain: bool) -> bool:
            raise RuntimeError(topic)

    bench = Bench()
    pass_by(bench, "c", "alice", "t")
    review_all(bench, {"alice": Broken("alice")})
    assert retained(bench) == []
    assert [str(fault) for fault in bench.faults] == ["t"]


def test_of_what_an_earlier_version_retained_the_client_identifier_is_all_that_is_known() -> None:
    """Its Session tells whose it is; without one it stays."""
    bench = Bench()
    come_as(bench, "c", "alice")
    for topic, client_id in (("t", "c"), ("u", "gone")):
        bench.server.realm.router.restore(Message(topic, b"x", 0, True, publisher=client_id))
    assert review_all(bench, {"alice": Only("alice")}) == []
    assert retained(bench) == ["u"]


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
