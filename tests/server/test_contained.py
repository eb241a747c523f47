"""Permissions of a plugin that fail hurt nobody."""

from collections.abc import Sequence

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Puback, Publish, WillFields
from support.bench_server import Bench


class Failing(Permissions):
    """Raises at the question that it is named after."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.receives_everything = question != "receive"
        self._question = question

    def may_publish(self, topic: str, retain: bool) -> bool:
        if self._question == "publish":
            raise RuntimeError("publish")
        return True

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        if self._question == "subscribe":
            raise RuntimeError("subscribe")
        return 7 if self._question == "rubbish" else qos

    def may_receive(self, topic: str) -> bool:
        raise RuntimeError("receive")


class FailsToPrepare(Permissions):
    """Grants everything, and fails where it has something to find out before."""

    asks = True

    def prepare_publish(self, topic: str) -> None:
        raise RuntimeError("prepare_publish")

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> None:
        raise RuntimeError("prepare_subscribe")


class AnswersInstead(Permissions):
    """Grants everything, and says so where it is asked what is to be awaited."""

    asks = True

    def prepare_publish(self, topic: str) -> None:
        return True  # type: ignore[return-value]

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> None:
        return True  # type: ignore[return-value]


class ByUserName(Authenticator):
    """The user name says at which question the Permissions fail; none: they do not."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        if request.username == "prepare":
            return Accepted(FailsToPrepare())
        if request.username == "answers":
            return Accepted(AnswersInstead())
        return Accepted(Permissions() if request.username is None else Failing(request.username))


@pytest.fixture
def bench() -> Bench:
    return Bench(ByUserName())


def test_a_publish_that_cannot_be_judged_is_refused_and_its_client_stays(bench: Bench) -> None:
    publisher = bench.connected("publisher", username="publish")
    publisher.publish("a", b"x", 1)
    assert [packet.reason_code for packet in publisher.received()] == [0x87]  # type: ignore[union-attr]
    assert not publisher.closed
    assert [str(fault) for fault in bench.faults] == ["publish"]


@pytest.mark.parametrize("username", ["subscribe", "rubbish"])
def test_a_subscription_that_cannot_be_judged_is_refused(bench: Bench, username: str) -> None:
    client = bench.connected("client", username=username)
    assert client.subscribe("a", 1) == 0x87
    assert not client.closed


def test_a_receiver_that_cannot_be_judged_gets_nothing_and_the_others_do(bench: Bench) -> None:
    failing, honest = bench.connected("failing", username="receive"), bench.connected("honest")
    assert failing.subscribe("a") == honest.subscribe("a") == 0
    publisher = bench.connected("publisher")
    publisher.publish("a", b"x")
    assert not publisher.closed
    assert failing.received() == []
    assert [packet.payload for packet in honest.received() if isinstance(packet, Publish)] == [b"x"]


def test_a_will_that_can_no_longer_be_judged_is_dropped_and_the_session_ends(bench: Bench) -> None:
    client = bench.connected("client", username="fine", will=WillFields("w", b"x"))
    session = bench.server.realm.sessions["client"]
    session.permissions.inner._question = "publish"  # type: ignore[attr-defined]
    client.lose()
    assert "client" not in bench.server.realm.sessions
    assert [str(fault) for fault in bench.faults] == ["publish"]


def test_what_cannot_be_found_out_is_asked_about_all_the_same(bench: Bench) -> None:
    client = bench.connected("client", username="prepare")
    assert client.subscribe("a", 1) == 1
    client.publish("a", b"x", 1)
    assert {type(packet) for packet in client.received()} == {Publish, Puback}
    assert [str(fault) for fault in bench.faults] == ["prepare_subscribe", "prepare_publish"]


def test_what_cannot_be_awaited_is_told_of_and_not_waited_for(bench: Bench) -> None:
    client = bench.connected("client", username="answers")
    assert client.subscribe("a", 1) == 1
    client.publish("a", b"x", 1)
    assert {type(packet) for packet in client.received()} == {Publish, Puback}
    assert [type(fault) for fault in bench.faults] == [TypeError] * 2
