"""Permissions that must find something out first: their Client waits, and only he."""

from collections.abc import Awaitable, Generator, Sequence

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.message import Message
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.bench_server import Bench, BenchClient

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


class Finding(Awaitable[object]):
    """What is found out; nobody awaits it here."""

    def __await__(self) -> Generator[None, None, object]:
        yield


class Asking(Permissions):
    """Grants what is known; `prepare_…` says what has to be found out, and `asked` what was."""

    asks = True

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.asked: list[str] = []

    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic in self.known

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if topic_filter in self.known else -1

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        return self._prepare([topic])

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        return self._prepare(topic_filters)

    def _prepare(self, wanted: Sequence[str]) -> Awaitable[object] | None:
        if set(wanted) <= self.known:
            return None
        self.asked += wanted
        return Finding()


class Door(Authenticator):
    """Lets in everybody; who is called `asking` has Permissions that ask."""

    def __init__(self) -> None:
        self.permissions = Asking()

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(self.permissions if request.client_id == "asking" else Permissions())


class Place:
    """A Server, the Permissions that ask, their Client, and a Subscriber to everything."""

    def __init__(self, version: int = MQTT_5, **limits: object) -> None:
        door = Door()
        self.bench = Bench(door, **limits)
        self.permissions = door.permissions
        self.client = self.bench.connected("asking", version)
        self.witness = self.bench.connected("witness")
        self.witness.subscribe("#")

    def find(self, *known: str, answer: object = None) -> None:
        """Something was found out."""
        self.permissions.known |= set(known)
        self.bench.server.answered(self.client.state, answer)
        self.bench.turn.flush()

    def arrived(self) -> list[bytes]:
        return payloads(self.witness)


def payloads(client: BenchClient) -> list[bytes]:
    return [packet.payload for packet in client.received() if isinstance(packet, Publish)]


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_a_publish_and_all_behind_it_wait_until_it_is_known_whether_it_may(version: int, qos: int) -> None:
    place = Place(version)
    ids = (1, 2) if qos else (0, 0)
    place.client.send(
        Publish("a", b"1", qos, packet_id=ids[0]), Publish("a", b"2", qos, packet_id=ids[1]), Pingreq()
    )
    place.client.send(Pingreq())
    assert place.arrived() == []
    assert place.client.received() == []
    place.witness.send(Pingreq())
    assert [type(packet) for packet in place.witness.received()] == [Pingresp], "the others are served"
    place.find("a")
    assert place.arrived() == [b"1", b"2"]
    expected = [Puback] * 2 * qos + [Pingresp, Pingresp]
    assert [type(packet) for packet in place.client.received()] == expected
    assert place.permissions.asked == ["a"]


@BOTH
def test_packets_that_came_together_are_asked_about_topic_by_topic(version: int) -> None:
    place = Place(version)
    place.client.send(*(Publish(topic, topic.encode()) for topic in "aabca"))
    place.find("a")
    place.find("b")
    assert place.arrived() == [b"a", b"a", b"b"]
    place.find()
    assert place.arrived() == [b"a"], "c was found out not to be granted"
    assert place.permissions.asked == ["a", "b", "c"]


def test_the_topic_that_an_alias_stands_for_is_what_is_asked_about() -> None:
    place = Place()
    place.client.publish("a", b"1", topic_alias=1)
    place.find("a")
    place.client.publish("", b"2", topic_alias=1)
    assert place.arrived() == [b"1", b"2"]
    place.client.publish("b", b"3", topic_alias=1)
    place.find()
    place.client.publish("", b"4", topic_alias=1)
    place.find("b")
    assert place.arrived() == [b"4"]
    assert place.permissions.asked == ["a", "b", "b"]


@BOTH
def test_a_subscribe_asks_once_for_all_its_topic_filters(version: int) -> None:
    place = Place(version)
    wanted = ["a", "$share/g/b", "c"]
    place.client.send(Subscribe(1, [SubscriptionRequest(each) for each in wanted]))
    assert place.client.received() == []
    place.find("a", "b")
    (suback,) = place.client.received()
    assert isinstance(suback, Suback)
    assert suback.reason_codes == [0, 0, 0x80 if version == MQTT_3_1_1 else 0x87]
    assert place.permissions.asked == ["a", "b", "c"]


def test_what_could_not_be_found_out_is_told_of_and_asked_about_all_the_same() -> None:
    place = Place()
    place.client.publish("a", b"x", 1)
    place.find(answer=TimeoutError("the back end does not answer"))
    (puback,) = place.client.received()
    assert puback.reason_code == 0x87  # type: ignore[union-attr]
    assert [str(fault) for fault in place.bench.faults] == ["the back end does not answer"]
    assert not place.client.state.closed


def test_a_client_that_leaves_meanwhile_has_sent_nothing() -> None:
    place = Place()
    place.client.publish("a", b"x")
    place.client.lose()
    place.find("a")
    assert place.arrived() == []
    assert place.bench.faults == []


def test_what_the_program_publishes_waits_for_nobody() -> None:
    place = Place()
    place.client.publish("a", b"1")
    place.bench.server.publish(Message("a", b"2"))
    assert place.arrived() == [b"2"]
    place.find("a")
    assert place.arrived() == [b"1"]


def test_one_who_waits_takes_nothing_of_its_rate_twice() -> None:
    place = Place(maximum_publish_rate=2)
    place.client.send(*(Publish("a", b"%d" % n) for n in range(4)))
    place.find("a")
    assert place.arrived() == [b"0", b"1"]
    assert place.client.link.paused
    place.bench.pass_time(2)
    assert place.arrived() == [b"2", b"3"]
    assert not place.client.link.paused
