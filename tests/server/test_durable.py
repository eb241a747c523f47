"""What outlasts the Server, and what it promises when: every answer after the commit that makes it true."""

from collections.abc import Iterator
from typing import Any

import pytest

from amqtt.message import Message
from amqtt.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    WillFields,
)
from amqtt.wire.reasons import ReasonCode
from support.bench_server import BenchClient
from support.durable_server import GRACE, DurableBench
from support.raw_client import properties

FOR_EVER = 0xFFFFFFFF
LASTING: dict[str, Any] = {"clean_start": False, "session_expiry_interval": FOR_EVER}


@pytest.fixture
def bench() -> Iterator[DurableBench]:
    made = DurableBench()
    yield made
    assert made.faults == []


def away(bench: DurableBench, client_id: str, topic_filter: str, qos: int, **options: Any) -> None:
    """A Client that has subscribed and gone; what comes waits for it."""
    client = bench.connected(client_id, **{**LASTING, **options})
    assert client.subscribe(topic_filter, qos) == qos
    client.lose()
    bench.commit()


def kinds(client: BenchClient) -> list[type]:
    return [type(packet) for packet in client.received()]


def publishes(client: BenchClient) -> list[Publish]:
    found = []
    for packet in client.received():
        assert isinstance(packet, Publish), packet
        found.append(packet)
    return found


# -- promises


@pytest.mark.parametrize(("qos", "answer"), [(1, Puback), (2, Pubrec)])
def test_an_acknowledgement_leaves_after_the_commit_and_not_before(
    bench: DurableBench, qos: int, answer: type
) -> None:
    away(bench, "away", "t", 2)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", qos)
    assert publisher.received() == []
    batch = bench.take()
    assert publisher.received() == []
    bench.finish(batch)
    assert kinds(publisher) == [answer]


@pytest.mark.parametrize("topic", ["durable", "fleeting"])
def test_acknowledgements_of_what_came_in_one_go_leave_together_and_in_order(
    bench: DurableBench, topic: str
) -> None:
    away(bench, "away", "durable", 1)
    bench.connected("listener").subscribe("fleeting", 1)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("durable", b"x", 1, packet_id=1)
    publisher.send(*[Publish(topic, b"x", 1, packet_id=packet_id) for packet_id in range(2, 6)])
    assert publisher.received() == []
    bench.commit()
    assert [packet.packet_id for packet in publisher.received()] == [1, 2, 3, 4, 5]  # type: ignore[union-attr]


@pytest.mark.parametrize(("qos", "answer"), [(1, Puback), (2, Pubrec)])
def test_what_has_no_durable_destination_is_acknowledged_at_once_and_never_written(
    bench: DurableBench, qos: int, answer: type
) -> None:
    bench.connected("listener").subscribe("t", 2)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", qos)
    assert kinds(publisher) == [answer]
    assert not bench.journal.has_news


def test_a_retained_message_is_acknowledged_after_the_commit(bench: DurableBench) -> None:
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", 1, retain=True)
    assert publisher.received() == []
    bench.commit()
    assert kinds(publisher) == [Puback]


def test_acknowledgements_keep_their_order_and_a_ping_does_not_wait(bench: DurableBench) -> None:
    away(bench, "away", "durable", 1)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    for packet_id, topic in enumerate(("fleeting", "durable", "fleeting", "durable"), 1):
        publisher.publish(topic, b"x", 1, packet_id=packet_id)
    publisher.send(Pingreq())
    first, ping = publisher.received()
    assert isinstance(first, Puback)
    assert first.packet_id == 1
    assert isinstance(ping, Pingresp)
    bench.commit()
    assert [packet.packet_id for packet in publisher.received()] == [2, 3, 4]  # type: ignore[union-attr]


def test_a_suback_and_an_unsuback_of_a_lasting_session_leave_after_the_commit(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    bench.commits_at_once = False
    client.send(Subscribe(1, [SubscriptionRequest("t", 1)]))
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Suback]
    client.send(Unsubscribe(2, ["t"]))
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Unsuback]
    client.send(Unsubscribe(3, ["never"]))
    assert kinds(client) == [Unsuback]


def test_retained_messages_follow_the_suback_that_waits_for_the_disk(bench: DurableBench) -> None:
    bench.server.publish(Message("t/0", b"x", 0, retain=True))
    bench.server.publish(Message("t/1", b"x", 1, retain=True))
    client = bench.connected("c", **LASTING)
    client.send(Subscribe(1, [SubscriptionRequest("other", 1)]))
    bench.commits_at_once = False
    client.send(Subscribe(2, [SubscriptionRequest("t/+", 1)]))
    assert kinds(client) == [Suback]
    client.send(Subscribe(3, [SubscriptionRequest("t/0", 1)]))
    bench.pass_time(1)
    assert client.received() == []
    bench.finish(bench.take())
    assert kinds(client) == [Suback, Suback, Publish, Publish, Publish]


def test_retained_messages_that_wait_for_the_disk_come_when_their_client_is_back(bench: DurableBench) -> None:
    bench.server.publish(Message("t", b"x", 0, retain=True))
    client = bench.connected("c", **LASTING)
    bench.commits_at_once = False
    client.send(Subscribe(1, [SubscriptionRequest("t", 1)]))
    client.lose()
    back = bench.client()
    back.send(Connect("c", clean_start=False, properties=properties(session_expiry_interval=FOR_EVER)))
    assert back.received() == []
    bench.commit()
    assert kinds(back) == [Connack, Publish]


def test_a_connack_of_a_lasting_session_holds_everything_back_until_the_commit(bench: DurableBench) -> None:
    away(bench, "c", "t", 1)
    bench.connected("publisher").publish("t", b"x", 1)
    bench.commits_at_once = False
    client = bench.client()
    client.send(Connect("c", 5, False, 0, None, None, None, properties(session_expiry_interval=FOR_EVER)))
    client.send(Pingreq())
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Connack, Publish, Pingresp]


def test_a_clean_session_is_connected_at_once(bench: DurableBench) -> None:
    bench.commits_at_once = False
    client = bench.client()
    client.connect("c")
    assert not bench.journal.has_news


def test_a_qos_2_publish_leaves_when_its_packet_identifier_is_durable(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    client.subscribe("t", 2)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", 2)
    assert client.received() == []
    bench.commit()
    (publish,) = publishes(client)
    client.send(Pubrec(publish.packet_id))
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Pubrel]


def test_a_qos_1_publish_need_not_wait(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    client.subscribe("t", 1)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", 1)
    assert len(publishes(client)) == 1
    assert publisher.received() == []


def test_what_is_acknowledged_before_it_is_written_is_never_written(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    client.subscribe("t", 1)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    publisher.publish("t", b"x", 1)
    client.send(Puback(publishes(client)[0].packet_id))
    batch = bench.take()
    assert len(batch) == 0
    bench.finish(batch)
    assert kinds(publisher) == [Puback]


def test_a_pubcomp_leaves_when_its_packet_identifier_is_free_on_the_disk(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    client.publish("t", b"x", 2, packet_id=5)
    assert kinds(client) == [Pubrec]
    bench.commits_at_once = False
    client.send(Pubrel(5))
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Pubcomp]


def test_topic_aliases_are_not_used_before_the_packet_that_sets_them(bench: DurableBench) -> None:
    client = bench.connected("c", topic_alias_maximum=5, **LASTING)
    client.subscribe("t", 2)
    publisher = bench.connected("publisher")
    bench.commits_at_once = False
    for qos in (2, 0, 1):
        publisher.publish("t", b"%d" % qos, qos, packet_id=qos)
    assert client.received() == []
    bench.commit()
    found = publishes(client)
    assert [packet.payload for packet in found] == [b"2", b"0", b"1"]
    assert [packet.topic for packet in found] == ["t", "", ""]


def test_mqtt_3_publishers_that_are_ahead_of_the_disk_are_held_back(bench: DurableBench) -> None:
    away(bench, "away", "t", 1)
    publisher = bench.connected("publisher", 4)
    bench.commits_at_once = False
    most = bench.server.limits.receive_maximum
    for packet_id in range(1, most + 1):
        publisher.publish("t", b"x", 1, packet_id=packet_id)
    assert bench.turn.congested is None
    publisher.publish("t", b"x", 1, packet_id=most + 1)
    assert bench.turn.congested is publisher.link
    went_on: list[bool] = []
    publisher.link.waiting.add(lambda: went_on.append(True))
    bench.commit()
    assert went_on == [True]


@pytest.mark.parametrize("version", [4, 5])
def test_who_is_not_read_from_because_of_the_disk_is_not_held_to_its_keep_alive(version: int) -> None:
    bench = DurableBench(receive_maximum=3)
    away(bench, "away", "t", 1)
    publisher = bench.connected("publisher", version, keep_alive=10)
    bench.commits_at_once = False
    publisher.send(*[Publish("t", b"x", 1, packet_id=number) for number in range(1, 5)])
    bench.pass_time(100)
    assert not publisher.state.closed
    bench.commit()
    assert kinds(publisher) == [Puback] * 4
    bench.pass_time(100)
    assert publisher.state.closed


# -- what is there again


@pytest.mark.parametrize("ended", ["crashed", "stopped"])
def test_sessions_are_there_again_with_everything(bench: DurableBench, ended: str) -> None:
    client = bench.connected("c", username="user", **LASTING)
    client.subscribe("a/+", 2, identifier=7, no_local=True)
    client.subscribe("b/#", 1, retain_as_published=True)
    client.lose()
    publisher = bench.connected("publisher")
    for number in range(5):
        publisher.publish("a/1", b"a%d" % number, 2, packet_id=number + 1, content_type="text")
        publisher.publish("b/1", b"b%d" % number, 1, packet_id=number + 10, retain=True)
    again = getattr(bench, ended)()
    client = again.client()
    connack = client.connect("c", username="user", **LASTING)
    assert connack.session_present
    found = publishes(client)
    assert [packet.payload for packet in found] == [
        b"a0", b"b0", b"a1", b"b1", b"a2", b"b2", b"a3", b"b3", b"a4", b"b4",
    ]
    assert [packet.qos for packet in found] == [2, 1] * 5
    assert [packet.retain for packet in found] == [False, True] * 5
    assert found[0].properties is not None
    assert found[0].properties.content_type == "text"
    assert found[0].properties.subscription_identifiers == (7,)
    client.publish("a/1", b"my own", 0)
    again.connected("other").publish("a/2", b"live", 0)
    assert [packet.payload for packet in publishes(client)] == [b"live"]


def test_a_session_of_another_user_stays_his(bench: DurableBench) -> None:
    bench.connected("c", username="alice", **LASTING).lose()
    again = bench.crashed()
    connack = again.client().connect("c", username="mallory", **LASTING)
    assert connack.reason_code == ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
    assert again.client().connect("c", username="alice", **LASTING).session_present


def test_retained_messages_are_there_again_and_those_that_were_cleared_are_not(bench: DurableBench) -> None:
    publisher = bench.connected("publisher")
    publisher.publish("kept", b"1", 1, retain=True, content_type="text")
    publisher.publish("replaced", b"old", 1, retain=True)
    publisher.publish("replaced", b"new", 1, retain=True)
    publisher.publish("cleared", b"1", 1, retain=True)
    publisher.publish("cleared", b"", 1, retain=True)
    client = bench.crashed().connected("c")
    client.subscribe("#", 1)
    found = {packet.topic: packet.payload for packet in publishes(client)}
    assert found == {"kept": b"1", "replaced": b"new"}


def test_what_the_server_says_of_itself_is_not_stored(bench: DurableBench) -> None:
    bench.server.publish(Message("$SYS/broker/uptime", b"9", 1, True))
    assert not bench.journal.has_news


@pytest.mark.parametrize("ended", ["crashed", "stopped"])
def test_what_was_sent_and_not_acknowledged_is_sent_again(bench: DurableBench, ended: str) -> None:
    client = bench.connected("c", **LASTING)
    client.subscribe("t", 2)
    publisher = bench.connected("publisher")
    publisher.publish("t", b"1", 1, packet_id=1)
    publisher.publish("t", b"2", 2, packet_id=2)
    before = publishes(client)
    again = getattr(bench, ended)().client()
    again.connect("c", **LASTING)
    after = publishes(again)
    assert [packet.payload for packet in after] == [b"1", b"2"]
    assert [packet.packet_id for packet in after] == [packet.packet_id for packet in before]
    assert [packet.dup for packet in after] == [True, True]


def test_after_a_shutdown_what_was_queued_and_then_sent_keeps_its_packet_identifier(
    bench: DurableBench,
) -> None:
    away(bench, "c", "t", 1)
    bench.connected("publisher").publish("t", b"x", 1)
    client = bench.connected("c", **LASTING)
    (before,) = publishes(client)
    (crashed,) = publishes(connected_again(bench.crashed()))
    assert not crashed.dup
    (after,) = publishes(connected_again(bench.stopped()))
    assert after.dup
    assert after.packet_id == before.packet_id


def test_after_a_crash_what_was_queued_is_not_overtaken_by_what_was_sent_after_it(
    bench: DurableBench,
) -> None:
    away(bench, "c", "t", 1)
    publisher = bench.connected("publisher")
    publisher.publish("t", b"1", 1, packet_id=1)
    client = bench.connected("c", **LASTING)
    publisher.publish("t", b"2", 1, packet_id=2)
    assert [packet.payload for packet in publishes(client)] == [b"1", b"2"]
    again = bench.crashed()
    assert [packet.payload for packet in publishes(connected_again(again))] == [b"1", b"2"]
    again.connected("publisher").publish("t", b"3", 1)
    assert [packet.payload for packet in publishes(connected_again(again.crashed()))] == [b"1", b"2", b"3"]


def connected_again(bench: DurableBench) -> BenchClient:
    client = bench.client()
    assert client.connect("c", **LASTING).session_present
    return client


def test_a_qos_2_message_goes_on_with_pubrel_where_its_pubrec_had_come(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    client.subscribe("t", 2)
    bench.connected("publisher").publish("t", b"x", 2)
    (publish,) = publishes(client)
    client.send(Pubrec(publish.packet_id))
    client = connected_again(bench.crashed())
    (release,) = client.received()
    assert isinstance(release, Pubrel)
    assert release.packet_id == publish.packet_id
    client.send(Pubcomp(release.packet_id))
    again = connected_again(client.bench.crashed())  # type: ignore[attr-defined]
    assert again.received() == []


def test_a_qos_2_message_of_a_client_is_taken_once_over_a_crash(bench: DurableBench) -> None:
    away(bench, "away", "t", 2)
    client = bench.connected("c", **LASTING)
    client.publish("t", b"x", 2, packet_id=9)
    assert kinds(client) == [Pubrec]
    again = bench.crashed()
    client = connected_again(again)
    client.publish("t", b"x", 2, packet_id=9, dup=True)
    client.send(Pubrel(9))
    assert kinds(client) == [Pubrec, Pubcomp]
    client.publish("t", b"y", 2, packet_id=9)
    assert kinds(client) == [Pubrec]
    listener = again.client()
    listener.connect("away", **LASTING)
    assert [packet.payload for packet in publishes(listener)] == [b"x", b"y"]


def test_what_was_acknowledged_is_not_sent_again(bench: DurableBench) -> None:
    away(bench, "c", "t", 1)
    publisher = bench.connected("publisher")
    for number in range(3):
        publisher.publish("t", b"%d" % number, 1, packet_id=number + 1)
    client = connected_again(bench)
    first = publishes(client)[0]
    client.send(Puback(first.packet_id))
    assert [packet.payload for packet in publishes(connected_again(bench.crashed()))] == [b"1", b"2"]


def test_nothing_of_a_session_that_has_ended_is_left_on_the_disk(bench: DurableBench) -> None:
    will = WillFields("w", b"gone", 1, False, properties(will_delay_interval=100))
    client = bench.connected("c", will=will, **LASTING)
    client.subscribe("t", 2)
    client.publish("nobody", b"x", 2, packet_id=3)
    publisher = bench.connected("publisher")
    for packet_id in (1, 2, 3):
        publisher.publish("t", b"x", packet_id % 2 + 1, packet_id=packet_id)
    client.lose()
    bench.commit()
    assert len(bench.kept) > 5
    bench.connected("c", clean_start=True).send(Disconnect())
    bench.commit()
    assert len(bench.kept) == 0


def test_a_body_leaves_the_disk_with_the_last_who_waits_for_it(bench: DurableBench) -> None:
    for client_id in ("a", "b"):
        away(bench, client_id, "t", 1)
    bench.connected("publisher").publish("t", b"x", 1)
    assert len(bench.kept.messages) == 1
    assert len(bench.kept.entries) == 2
    for client_id, left in (("a", 1), ("b", 0)):
        client = bench.client()
        client.connect(client_id, **LASTING)
        client.send(Puback(publishes(client)[0].packet_id))
        assert len(bench.kept.messages) == left
        assert len(bench.kept.entries) == left


def test_shared_subscriptions_are_there_again(bench: DurableBench) -> None:
    for client_id in ("a", "b"):
        away(bench, client_id, "$share/g/t", 1)
    publisher = bench.connected("publisher")
    for number in range(4):
        publisher.publish("t", b"%d" % number, 1, packet_id=number + 1)
    again = bench.crashed()
    again.connected("publisher").publish("t", b"4", 1)
    client = again.client()
    client.connect("a", **LASTING)
    mine = [packet.payload for packet in publishes(client)]
    other = again.client()
    other.connect("b", clean_start=True)
    others = [packet.payload for packet in publishes(client)]
    assert sorted(mine + others) == [b"0", b"1", b"2", b"3", b"4"], "what b had is a's now"


# -- time goes on


def test_a_session_expires_while_the_server_is_down(bench: DurableBench) -> None:
    away(bench, "c", "t", 1, session_expiry_interval=60)
    again = bench.crashed(59)
    assert "c" in again.server.realm.sessions
    last = again.crashed(2)
    assert "c" not in last.server.realm.sessions
    assert last.kept.sessions == {}


def test_a_session_that_was_connected_at_the_crash_has_its_whole_interval(bench: DurableBench) -> None:
    bench.connected("c", clean_start=False, session_expiry_interval=60)
    again = bench.crashed(1000)
    again.pass_time(59)
    assert "c" in again.server.realm.sessions
    again.pass_time(2)
    assert "c" not in again.server.realm.sessions


def test_a_clock_that_was_set_back_does_not_prolong_a_session(bench: DurableBench) -> None:
    away(bench, "c", "t", 1, session_expiry_interval=60)
    again = bench.crashed(-500)
    again.pass_time(61)
    assert "c" not in again.server.realm.sessions


def test_a_session_that_should_have_ended_with_its_connection_is_not_there_after_a_crash(
    bench: DurableBench,
) -> None:
    away(bench, "c", "t", 1)
    bench.connected("c", clean_start=False)
    again = bench.crashed()
    assert not again.client().connect("c", **LASTING).session_present


def test_messages_expire_while_the_server_is_down(bench: DurableBench) -> None:
    away(bench, "c", "t", 1)
    publisher = bench.connected("publisher")
    publisher.publish("t", b"short", 1, message_expiry_interval=10, retain=True)
    publisher.publish("t", b"long", 1, message_expiry_interval=100)
    (found,) = publishes(connected_again(bench.crashed(50)))
    assert found.payload == b"long"
    assert found.properties is not None
    assert found.properties.message_expiry_interval == 50


def test_a_retained_message_that_expires_leaves_the_disk(bench: DurableBench) -> None:
    bench.connected("publisher").publish("t", b"x", 1, retain=True, message_expiry_interval=10)
    assert list(bench.kept.retained) == ["t"]
    bench.pass_time(11)
    bench.commit()
    assert bench.kept.retained == {}


WILL = {"topic": "w", "payload": b"gone", "qos": 1}


def test_a_will_is_published_after_a_crash_if_its_client_does_not_come_back(bench: DurableBench) -> None:
    away(bench, "listener", "w", 1)
    bench.connected("c", will=WillFields(**WILL), **LASTING)  # type: ignore[arg-type]
    again = bench.crashed(1000)
    again.pass_time(GRACE - 1)
    assert len(again.server.realm.sessions["listener"].backlog) == 0
    again.pass_time(2)
    assert len(again.server.realm.sessions["listener"].backlog) == 1
    again.commit()
    assert again.kept.wills == {}


@pytest.mark.parametrize("ended", ["crashed", "stopped"])
def test_a_client_that_comes_back_in_time_has_not_died(bench: DurableBench, ended: str) -> None:
    away(bench, "listener", "w", 1)
    bench.connected("c", will=WillFields(**WILL), **LASTING)  # type: ignore[arg-type]
    again = getattr(bench, ended)()
    client = again.client()
    assert client.connect("c", **LASTING).session_present
    again.pass_time(GRACE + 100)
    assert len(again.server.realm.sessions["listener"].backlog) == 0
    assert again.kept.wills == {}


def test_the_will_of_a_session_that_does_not_last_is_published_at_shutdown(bench: DurableBench) -> None:
    away(bench, "listener", "w", 1)
    bench.connected("c", will=WillFields(**WILL))  # type: ignore[arg-type]
    again = bench.stopped()
    assert len(again.server.realm.sessions["listener"].backlog) == 1


def test_a_will_delay_goes_on_while_the_server_is_down(bench: DurableBench) -> None:
    away(bench, "listener", "w", 1)
    will = WillFields("w", b"gone", 1, False, properties(will_delay_interval=100))
    bench.connected("c", will=will, **LASTING).lose()
    again = bench.stopped(99)
    assert len(again.server.realm.sessions["listener"].backlog) == 0
    again.pass_time(2)
    assert len(again.server.realm.sessions["listener"].backlog) == 1


def test_a_disconnect_discards_the_will_on_the_disk_too(bench: DurableBench) -> None:
    client = bench.connected("c", will=WillFields(**WILL), **LASTING)  # type: ignore[arg-type]
    assert len(bench.kept.wills) == 1
    client.send(Disconnect())
    assert bench.kept.wills == {}


# -- a store that fails


@pytest.fixture
def failing(bench: DurableBench) -> DurableBench:
    away(bench, "away", "t", 2)
    bench.journal.failing = True
    return bench


@pytest.mark.parametrize(("qos", "answer"), [(1, Puback), (2, Pubrec)])
def test_an_mqtt_5_client_is_told_that_a_message_cannot_be_kept(
    failing: DurableBench, qos: int, answer: type
) -> None:
    publisher = failing.connected("publisher")
    publisher.publish("t", b"x", qos)
    (refused,) = publisher.received()
    assert isinstance(refused, answer)
    assert refused.reason_code == ReasonCode.QUOTA_EXCEEDED  # type: ignore[attr-defined]
    publisher.publish("other", b"x", qos, retain=True)
    (refused,) = publisher.received()
    assert refused.reason_code == ReasonCode.QUOTA_EXCEEDED  # type: ignore[union-attr]
    assert len(failing.server.realm.sessions["away"].backlog) == 0
    assert failing.server.retained.get("other") is None


def test_a_client_of_mqtt_3_is_disconnected_instead(failing: DurableBench) -> None:
    publisher = failing.connected("publisher", 4)
    publisher.publish("t", b"x", 1)
    assert publisher.received() == []
    assert publisher.closed


def test_what_need_not_be_kept_goes_on(failing: DurableBench) -> None:
    listener = failing.connected("listener")
    listener.subscribe("t2", 1)
    publisher = failing.connected("publisher")
    publisher.publish("t", b"x", 0)
    publisher.publish("t2", b"x", 1)
    assert kinds(publisher) == [Puback]
    assert len(publishes(listener)) == 1


def test_a_lasting_session_cannot_begin(failing: DurableBench) -> None:
    assert failing.client().connect("new", **LASTING).reason_code == ReasonCode.SERVER_UNAVAILABLE
    assert failing.client().connect("new").reason_code == 0


def test_a_lasting_session_cannot_subscribe(bench: DurableBench) -> None:
    client = bench.connected("c", **LASTING)
    bench.journal.failing = True
    assert client.subscribe("t", 1) == ReasonCode.QUOTA_EXCEEDED
    bench.journal.failing = False
    assert client.subscribe("t", 1) == 1


def test_members_of_a_shared_group_are_asked_for(bench: DurableBench) -> None:
    away(bench, "away", "$share/g/t", 1)
    bench.journal.failing = True
    publisher = bench.connected("publisher")
    publisher.publish("t", b"x", 1)
    (refused,) = publisher.received()
    assert isinstance(refused, Puback)
    assert refused.reason_code == ReasonCode.QUOTA_EXCEEDED


def test_after_a_crash_messages_come_in_their_order_whichever_of_them_were_on_their_way() -> None:
    bench = DurableBench()
    slow = bench.connected("slow", receive_maximum=2, **LASTING)
    slow.subscribe("news", 1)
    for number in range(3):
        bench.server.publish(Message("news", b"%d" % number, 1))
        bench.commit()
    first, second = publishes(slow)
    slow.send(Puback(first.packet_id), Puback(second.packet_id))
    bench.server.publish(Message("news", b"3", 1))
    bench.commit()
    again = bench.crashed()
    back = again.connected("slow", **LASTING)
    assert [packet.payload for packet in publishes(back)] == [b"2", b"3"]
    assert again.faults == []


def test_a_connack_that_is_more_than_a_link_holds_at_ease_waits_for_the_commit_all_the_same() -> None:
    bench = DurableBench()
    bench.commits_at_once = False
    client = bench.client()
    client.link.pressure = 1
    client.send(Connect("c", clean_start=False, properties=properties(session_expiry_interval=FOR_EVER)))
    assert client.received() == []
    bench.commit()
    assert kinds(client) == [Connack]


def test_a_client_whose_own_acknowledgements_filled_its_link_is_sent_what_waits_when_they_are_out() -> None:
    bench = DurableBench()
    away(bench, "away", "kept", 1)
    busy = bench.connected("busy", **LASTING)
    busy.link.maximum, busy.link.pressure = 20, 5
    busy.subscribe("news", 1)
    bench.commits_at_once = False
    for packet_id in range(1, 11):
        busy.publish("kept", b"x", 1, packet_id=packet_id)
    bench.server.publish(Message("news", b"waits", 1))
    assert busy.received() == []
    bench.commit()
    received = busy.received()
    assert [type(packet) for packet in received] == [Puback] * 10 + [Publish]
    assert bench.faults == []


def test_the_will_of_a_user_who_may_not_come_any_more_leaves_the_disk(bench: DurableBench) -> None:
    bench.connected("c", will=WillFields("w", b"x"), **LASTING)
    assert len(bench.kept_copy().wills) == 1
    bench.server.review(lambda session: None)
    bench.commit()
    assert len(bench.kept_copy()) == 0
