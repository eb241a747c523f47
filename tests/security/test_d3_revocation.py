"""D3: what is revoked while the Server runs is revoked: live, queued, in flight, retained, as a Will."""

from collections.abc import Sequence

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions
from amqtt.message import Message
from amqtt.sessions.session import Session
from amqtt.topics.names import covers
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Puback, Publish, Unsubscribe, WillFields
from support.bench_server import Bench, BenchClient

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


class Listed(Permissions):
    """What some Topic Filters cover."""

    receives_everything = False

    def __init__(self, user: str | None, filters: Sequence[str]) -> None:
        super().__init__(user)
        self.filters = tuple(filters)

    def may_publish(self, topic: str, retain: bool) -> bool:
        return any(covers(each, topic) for each in self.filters)

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if any(covers(each, topic_filter) for each in self.filters) else -1

    def may_receive(self, topic: str) -> bool:
        return any(covers(each, topic) for each in self.filters)


class Rules(Authenticator):
    """Users and what they may use; to be changed by the test."""

    def __init__(self) -> None:
        self.users: dict[str, list[str]] = {"alice": ["#"], "bob": ["#"]}
        self.kind: type[Listed] = Listed

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(self.kind(request.username, self.users[request.username or ""]))

    def of(self, session: Session) -> Permissions | None:
        filters = self.users.get(session.owner or "")
        return None if filters is None else self.kind(session.owner, filters)


class Office:
    def __init__(self, version: int) -> None:
        self.version = version
        self.rules = Rules()
        self.bench = Bench(self.rules)

    def come(self, user: str, **more: object) -> BenchClient:
        if self.version == MQTT_5:
            more["session_expiry_interval"] = 1000
        return self.bench.connected(user, self.version, username=user, clean_start=False, **more)

    def allow(self, user: str, *filters: str) -> None:
        self.rules.users[user] = list(filters)
        self.bench.server.review(self.rules.of)

    def dismiss(self, user: str) -> None:
        del self.rules.users[user]
        self.bench.server.review(self.rules.of)


def topics(client: BenchClient) -> list[str]:
    return [packet.topic for packet in client.received() if isinstance(packet, Publish)]


@BOTH
@pytest.mark.parametrize("shared", ["", "$share/g/"])
def test_a_live_subscription_ends_and_one_that_is_still_granted_stays(version: int, shared: str) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe(f"{shared}secret/#", 1)
    alice.subscribe(f"{shared}news", 1)
    office.allow("alice", "news")
    bob.publish("secret/1", b"x", 1)
    bob.publish("news", b"x", 1)
    assert topics(alice) == ["news"]
    assert alice.subscribe("secret/#") >= 0x80
    assert list(office.bench.server.realm.sessions["alice"].subscriptions) == [f"{shared}news"]


@BOTH
def test_a_wider_subscription_than_the_grant_ends_though_part_of_it_is_granted(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    office.allow("alice", "news")
    bob.publish("news", b"x", 1)
    assert topics(alice) == []


@BOTH
def test_what_was_queued_for_a_client_that_is_away_is_not_sent(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    alice.lose()
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    office.allow("alice", "news")
    assert topics(office.come("alice")) == ["news"]


@BOTH
def test_what_was_in_flight_is_not_sent_again(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    assert topics(alice) == ["secret", "news"]
    alice.lose()
    office.allow("alice", "news")
    assert topics(office.come("alice")) == ["news"]


@BOTH
def test_what_waits_behind_a_full_window_is_not_sent(version: int) -> None:
    office = Office(version)
    office.bench = Bench(office.rules, maximum_inflight=1)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("news", "secret", "news"):
        bob.publish(topic, b"x", 1)
    office.allow("alice", "news")
    (first,) = [packet for packet in alice.received() if isinstance(packet, Publish)]
    alice.send(Puback(first.packet_id))
    assert topics(alice) == ["news"]


class Uncensored(Listed):
    """Lists what may be subscribed to, and leaves what comes by it free."""

    receives_everything = True


@BOTH
def test_what_waits_of_a_subscription_that_was_ended_before_is_permitted_anew(version: int) -> None:
    office = Office(version)
    office.rules.kind = Uncensored
    office.bench = Bench(office.rules, maximum_inflight=1)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("news", "secret", "news"):
        bob.publish(topic, b"x", 1)
    alice.send(Unsubscribe(1, ["#"]))
    office.allow("alice", "news")
    (first,) = [packet for packet in alice.received() if isinstance(packet, Publish)]
    alice.send(Puback(first.packet_id))
    assert topics(alice) == ["news"]


@BOTH
def test_what_a_client_retained_and_may_not_publish_any_more_is_retained_no_longer(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    for topic in ("secret", "news"):
        alice.publish(topic, b"x", retain=True)
    bob.publish("bobs", b"x", retain=True)
    office.bench.server.publish(Message("the program's", b"x", 0, True))
    office.allow("alice", "news")
    bob.subscribe("#")
    assert sorted(topics(bob)) == ["bobs", "news", "the program's"]


@BOTH
def test_a_user_who_comes_back_with_less_is_not_sent_what_waits_for_a_subscription_that_ends(
    version: int,
) -> None:
    """Nobody has reviewed anything: what is granted now is what the Authenticator says at CONNECT."""
    office = Office(version)
    office.rules.kind = Uncensored
    alice, bob = office.come("alice"), office.come("bob")
    for topic in ("secret", "news"):
        alice.subscribe(topic, 1)
    alice.lose()
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    office.rules.users["alice"] = ["news"]
    again = office.come("alice")
    assert topics(again) == ["news"]
    assert list(office.bench.server.realm.sessions["alice"].subscriptions) == ["news"]


@BOTH
def test_a_will_message_is_judged_when_it_is_to_be_published(version: int) -> None:
    office = Office(version)
    bob = office.come("bob")
    bob.subscribe("#")
    alice = office.come("alice", will=WillFields("secret", b"x"))
    office.allow("alice", "news")
    alice.lose()
    assert topics(bob) == []
    assert office.bench.server.counters.dropped_refused == 1


@BOTH
@pytest.mark.parametrize("is_there", [True, False])
def test_a_user_who_is_no_more_loses_connection_session_will_and_retained(
    version: int, is_there: bool
) -> None:
    office = Office(version)
    bob = office.come("bob")
    bob.subscribe("#")
    alice = office.come("alice", will=WillFields("w", b"x"))
    alice.subscribe("#")
    alice.publish("news", b"x", retain=True)
    assert topics(bob) == ["news"]
    if not is_there:
        alice.send(Disconnect())
    office.dismiss("alice")
    assert alice.state.closed
    realm = office.bench.server.realm
    assert list(realm.sessions) == ["bob"]
    assert len(realm.retained) == 0
    assert topics(bob) == []
    if is_there and version == MQTT_5:
        assert alice.received()[-1].reason_code == 0x87  # type: ignore[union-attr]


@BOTH
def test_publishing_is_judged_by_the_permissions_of_today(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    bob.subscribe("#")
    office.allow("alice", "news")
    alice.publish("secret", b"x")
    alice.publish("news", b"x")
    assert topics(bob) == ["news"]
    office.allow("alice", "#")
    alice.publish("secret", b"x")
    assert topics(bob) == ["secret"]
