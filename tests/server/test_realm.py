"""What the verbs share: Sessions that end, and what is settled then (MQTT 5.0, 4.1)."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Connack, Puback, Unsubscribe, WillFields
from support.bench_server import Bench
from support.raw_client import properties


class Nothing(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return False

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return -1


class OnceEverything(Authenticator):
    """Grants everything to a Client's first CONNECT and nothing to the second."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def authenticate(self, request: ConnectRequest) -> Answer:
        known = request.client_id in self.seen
        self.seen.add(request.client_id)
        return Accepted(Nothing() if known else Permissions())


def test_a_will_message_that_may_not_be_published_any_more_is_dropped_and_counted() -> None:
    bench = Bench()
    receiver = bench.connected("receiver")
    receiver.subscribe("w")
    client = bench.connected("c", will=WillFields("w", b"gone", 0, True))
    bench.server.realm.sessions["c"].permissions = Nothing()
    client.lose()
    assert receiver.received() == []
    assert (bench.server.counters.dropped_refused, len(bench.server.retained)) == (1, 0)


def test_what_a_stored_session_may_not_subscribe_to_any_more_is_ended() -> None:
    bench = Bench(OnceEverything())
    first = bench.connected("c", session_expiry_interval=100)
    first.subscribe("a/#", 1)
    first.subscribe("$share/g/b", 1)
    first.lose()
    publisher = bench.connected("publisher")
    again = bench.connected("c", clean_start=False)
    assert bench.server.realm.sessions["c"].subscriptions == {}
    assert (len(bench.server.realm.tree), len(bench.server.realm.shared)) == (0, 0)
    publisher.publish("a/x", b"", 1)
    publisher.publish("b", b"", 1)
    assert again.received() == []


def test_a_client_that_is_back_keeps_its_new_will_message_to_itself() -> None:
    bench = Bench()
    receiver = bench.connected("receiver")
    receiver.subscribe("w")

    def will(payload: bytes) -> WillFields:
        return WillFields("w", payload, properties=properties(will_delay_interval=10))

    bench.connected("c", will=will(b"old"), session_expiry_interval=100).lose()
    bench.pass_time(5)
    again = bench.connected("c", clean_start=False, will=will(b"new"), session_expiry_interval=100)
    bench.pass_time(50)
    assert receiver.received() == []
    again.lose()
    bench.pass_time(10)
    assert [each.payload for each in receiver.received()] == [b"new"]


@pytest.mark.parametrize(("qos", "passed_on"), [(1, [b"sent", b"waits"]), (2, [b"waits"])])
def test_what_a_group_gave_a_session_that_ends_goes_to_others_unless_it_was_sent_at_qos_2(
    qos: int, passed_on: list[bytes]
) -> None:
    bench = Bench()
    member = bench.connected("member", session_expiry_interval=10, receive_maximum=1)
    member.subscribe("$share/g/t", 2)
    publisher = bench.connected("publisher")
    for number, payload in enumerate((b"sent", b"waits"), 1):
        publisher.publish("t", payload, qos, packet_id=number)
    member.lose()
    other = bench.connected("other")
    other.subscribe("$share/g/t", 1)
    bench.pass_time(9)
    assert other.received() == []
    bench.pass_time(1)
    packets = other.received()
    assert [each.payload for each in packets] == passed_on
    other.send(*(Puback(each.packet_id) for each in packets))
    counters = bench.server.counters
    assert (counters.queued_messages, counters.inflight_out, counters.queued_bytes) == (0, 0, 0)


def test_what_a_group_gave_before_it_was_left_goes_to_others_when_the_session_ends() -> None:
    bench = Bench()
    member = bench.connected("member", session_expiry_interval=10)
    member.subscribe("$share/g/t", 1)
    other = bench.connected("other")
    bench.connected("publisher").publish("t", b"never acknowledged", 1)
    other.subscribe("$share/g/t", 1)
    member.send(Unsubscribe(2, ["$share/g/t"]))
    assert other.received() == []
    member.lose()
    bench.pass_time(10)
    assert [each.payload for each in other.received()] == [b"never acknowledged"]


def test_the_connect_of_a_session_that_ended_begins_a_new_one() -> None:
    bench = Bench()
    first = bench.connected("c", session_expiry_interval=5)
    first.subscribe("t", 1)
    first.lose()
    bench.pass_time(5)
    assert len(bench.server.realm.tree) == 0
    connack = bench.client().connect("c", clean_start=False)
    assert isinstance(connack, Connack)
    assert connack.session_present is False
