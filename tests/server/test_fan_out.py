"""One message to very many Subscribers: they are given it in slices, and it is as if it had been one."""

from collections.abc import Generator
from itertools import count

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.message import Message
from amqtt.server.line import LONGEST_TURN
from amqtt.server.runs import DELIVERIES
from amqtt.sessions.permissions import Permissions
from amqtt.topics.subscriptions import Subscriber, Subscription, Target
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Pubrec,
    Unsubscribe,
    WillFields,
)
from support.bench_server import Bench, BenchClient
from support.durable_server import DurableBench

AT_ONCE = 2


def slow(bench: Bench) -> None:
    """Every turn is over when somebody looks."""
    moments = count(bench.turn.now + LONGEST_TURN, LONGEST_TURN)
    bench.turn.present = lambda: next(moments)


class Unanswered:
    """Nobody awaits it here: the test says what the answer is."""

    def __await__(self) -> Generator[None, None, Accepted]:
        raise AssertionError("nobody awaits it")


class Thinking(Authenticator):
    """Answers later."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Unanswered()


class Crowd:
    """Clients that have subscribed to `t`, of which two are given a message in one turn."""

    def __init__(self, size: int, bench: Bench | None = None, qos: int = 2, **options: object) -> None:
        self.bench = bench or Bench(receivers_at_once=AT_ONCE)
        self.members = [self.bench.connected(f"m{n}", **options) for n in range(size)]  # type: ignore[arg-type]
        for member in self.members:
            member.subscribe("t", qos)
        self.publisher = self.connected("p", session_expiry_interval=100)
        slow(self.bench)

    def connected(self, client_id: str, version: int = MQTT_5, **options: object) -> BenchClient:
        """A Client that does not let turns pass by itself."""
        client = self.bench.connected(client_id, version, **options)  # type: ignore[arg-type]
        client.goes_on = False
        return client

    def comes_back(self, client_id: str, **options: object) -> BenchClient:
        """A Client connects while others are served; it stands in line for it, and is accepted."""
        client = self.bench.client()
        client.goes_on = False
        client.send(Connect(client_id, MQTT_5, **options))  # type: ignore[arg-type]
        while not (received := client.received()):
            self.next_turn()
        assert kinds(received) == [Connack]
        return client

    def next_turn(self) -> None:
        """The event loop comes round."""
        self.bench.turn.begin(self.bench.turn.present())
        self.bench.server.tick()
        self.bench.turn.flush()

    def rest(self) -> None:
        """Turns pass until nothing more is done in them."""
        while (when := self.bench.server.deadlines.next) is not None and when <= self.bench.turn.now:
            self.next_turn()

    def left(self) -> int:
        """How many are not given the message that is on its way."""
        (state,) = self.bench.server.realm.fan_outs.values()
        assert state.fan_out is not None
        return state.fan_out.left

    def have(self) -> list[list[bytes]]:
        """The payloads that each member was sent since the last time."""
        return [payloads(member) for member in self.members]


def payloads(client: BenchClient) -> list[bytes]:
    return [packet.payload for packet in client.received() if isinstance(packet, Publish)]


def kinds(packets: list[Packet]) -> list[type[Packet]]:
    return [type(packet) for packet in packets]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize(("qos", "answer"), [(0, []), (1, [Puback]), (2, [Pubrec])])
def test_others_are_served_between_the_slices_and_the_last_one_acknowledges(
    version: int, qos: int, answer: list[type[Packet]]
) -> None:
    crowd = Crowd(5)
    publisher, idle = crowd.connected("q", version), crowd.connected("idle")
    publisher.publish("t", b"1", qos)
    assert crowd.have() == [[b"1"], [b"1"], [], [], []]
    idle.send(Pingreq())
    assert kinds(idle.received()) == [Pingresp]
    crowd.next_turn()
    assert crowd.have() == [[], [], [b"1"], [b"1"], []]
    assert publisher.received() == []
    crowd.next_turn()
    assert crowd.have() == [[], [], [], [], [b"1"]]
    assert kinds(publisher.received()) == answer
    assert crowd.bench.server.realm.fan_outs == {}
    crowd.next_turn()
    assert crowd.bench.server.deadlines.next is None


def test_in_a_turn_that_is_not_long_all_have_it() -> None:
    crowd = Crowd(5)
    crowd.bench.turn.present = lambda: crowd.bench.turn.now
    crowd.publisher.publish("t", b"1", 1)
    assert crowd.have() == [[b"1"]] * 5
    assert kinds(crowd.publisher.received()) == [Puback]


def test_so_few_as_one_slice_are_not_sliced() -> None:
    crowd = Crowd(AT_ONCE)
    crowd.publisher.publish("t", b"1", 1)
    assert crowd.have() == [[b"1"]] * AT_ONCE
    assert kinds(crowd.publisher.received()) == [Puback]


def test_what_its_client_sends_next_waits_and_comes_next() -> None:
    crowd = Crowd(3)
    publisher = crowd.publisher
    publisher.publish("t", b"1", 1, packet_id=7)
    publisher.send(Publish("t", b"2", 2, packet_id=3), Pingreq(), Publish("t", b"3"))
    publisher.publish("t", b"4", 1, packet_id=9)
    assert crowd.have() == [[b"1"], [b"1"], []]
    assert publisher.link.paused
    crowd.rest()
    assert crowd.have() == [[b"2", b"3", b"4"], [b"2", b"3", b"4"], [b"1", b"2", b"3", b"4"]]
    assert kinds(publisher.received()) == [Puback, Pubrec, Pingresp, Puback]
    assert not publisher.link.paused


def test_a_run_of_messages_waits_behind_its_first_one() -> None:
    bench = Bench(receivers_at_once=DELIVERIES)
    received: list[bytes] = []
    for _ in range(DELIVERIES + 1):
        bench.server.subscribe("t", 1, lambda message, _: received.append(message.payload))
    publisher = bench.connected("p", MQTT_3_1_1)
    publisher.goes_on = False
    slow(bench)
    before = bench.server.counters.packets_received
    publisher.send(*[Publish("t", b"%d" % n, 1, packet_id=n + 1) for n in range(3)])
    assert received == [b"0"] * DELIVERIES
    publisher.goes_on = True
    publisher.send(Pingreq())
    assert received == [b"%d" % n for n in range(3) for _ in range(DELIVERIES + 1)]
    answers = publisher.received()
    assert [each.packet_id for each in answers if isinstance(each, Puback)] == [1, 2, 3]
    assert kinds(answers) == [Puback, Puback, Puback, Pingresp]
    assert bench.server.counters.packets_received - before == 4


# -- what changes meanwhile


def test_who_unsubscribes_meanwhile_is_not_given_it() -> None:
    crowd = Crowd(5)
    crowd.publisher.publish("t", b"1")
    crowd.members[3].send(Unsubscribe(2, ["t"]))
    crowd.rest()
    assert crowd.have() == [[b"1"], [b"1"], [b"1"], [], [b"1"]]


def test_who_subscribes_meanwhile_is_given_the_next_one() -> None:
    crowd = Crowd(5)
    crowd.publisher.publish("t", b"1")
    late = crowd.connected("late")
    late.subscribe("#")
    crowd.publisher.publish("t", b"2")
    crowd.rest()
    assert crowd.have() == [[b"1", b"2"]] * 5
    assert payloads(late) == [b"2"]


def test_who_subscribes_anew_is_given_it_as_granted_now() -> None:
    crowd = Crowd(5)
    crowd.publisher.publish("t", b"1", 2)
    crowd.members[4].subscribe("t", 0, packet_id=2)
    crowd.members[3].subscribe("+", 1, packet_id=2)
    crowd.members[3].send(Unsubscribe(3, ["t"]))
    crowd.rest()
    received = [member.received() for member in crowd.members]
    qos = [[packet.qos for packet in each if isinstance(packet, Publish)] for each in received]
    assert qos == [[2], [2], [2], [1], [0]]


def test_a_session_that_ends_meanwhile_is_not_given_it_nor_the_one_that_follows() -> None:
    crowd = Crowd(20)
    crowd.publisher.publish("t", b"1", 1)
    crowd.members[4].lose()
    crowd.members[3].lose()
    again = crowd.comes_back("m3")
    again.subscribe("t", 1)
    crowd.rest()
    assert crowd.have() == [[b"1"]] * 3 + [[]] * 2 + [[b"1"]] * 15
    assert payloads(again) == []
    assert crowd.bench.server.counters.inflight_out == 18


def test_a_session_that_is_resumed_meanwhile_is_given_it() -> None:
    crowd = Crowd(20, session_expiry_interval=100)
    crowd.publisher.publish("t", b"1", 1)
    crowd.members[19].lose()
    again = crowd.comes_back("m19", clean_start=False)
    assert crowd.left() > AT_ONCE
    crowd.rest()
    assert payloads(again) == [b"1"]


# -- its Client


def test_a_client_that_is_closed_by_its_own_message_has_it_delivered_to_all() -> None:
    crowd = Crowd(5)
    server, publisher = crowd.bench.server, crowd.publisher
    server.subscribe("#", 0, lambda message, _: server.lost(publisher.state))
    crowd.bench.connected("behind").subscribe("#")
    publisher.publish("t", b"1", 1)
    crowd.rest()
    assert crowd.have() == [[b"1"]] * 5
    assert publisher.received() == []
    assert server.realm.fan_outs == {}


@pytest.mark.parametrize("clean_start", [True, False])
@pytest.mark.parametrize("how", ["lost", "taken over"])
def test_the_messages_of_the_next_connection_come_behind_it(clean_start: bool, how: str) -> None:
    crowd = Crowd(20)
    crowd.publisher.publish("t", b"1", 1)
    if how == "lost":
        crowd.publisher.lose()
    again = crowd.comes_back("p", clean_start=clean_start)
    again.publish("t", b"2", 1)
    assert [b"2"] not in crowd.have()
    assert crowd.left() > AT_ONCE
    crowd.rest()
    assert {tuple(have[-1:]) for have in crowd.have()} == {(b"2",)}
    assert kinds(again.received()) == [Puback]
    assert kinds(crowd.publisher.received()) == ([Disconnect] if how == "taken over" else [])
    assert crowd.bench.server.realm.fan_outs == {}


def test_who_is_let_in_by_an_answer_that_came_later_waits_too() -> None:
    crowd = Crowd(20)
    crowd.publisher.publish("t", b"1")
    again = crowd.bench.client()
    again.goes_on = False
    crowd.bench.server.authenticator = Thinking()
    again.send(Connect("p", MQTT_5))
    while again.state.pending is None:
        crowd.next_turn()
    again.send(Publish("t", b"2"))
    crowd.bench.server.answered(again.state, Accepted(Permissions()))
    assert crowd.left() > AT_ONCE
    crowd.rest()
    assert crowd.have() == [[b"1", b"2"]] * 20


def test_a_will_message_comes_behind_it() -> None:
    crowd = Crowd(5)
    publisher = crowd.connected("w", will=WillFields("t", b"will"))
    publisher.publish("t", b"1")
    crowd.members[3].send(Unsubscribe(2, ["t"]))
    publisher.lose()
    crowd.rest()
    assert crowd.have() == [[b"1", b"will"] if number != 3 else [] for number in range(5)]


def test_at_qos_2_it_is_not_delivered_again_when_its_client_comes_back_and_repeats_it() -> None:
    crowd = Crowd(20)
    crowd.publisher.publish("t", b"1", 2)
    crowd.publisher.lose()
    again = crowd.comes_back("p", clean_start=False)
    again.publish("t", b"1", 2, dup=True)
    assert crowd.left() > AT_ONCE
    crowd.rest()
    assert crowd.have() == [[b"1"]] * 20
    assert kinds(again.received()) == [Pubrec]
    assert crowd.bench.server.counters.inflight_in == 1


def test_at_qos_2_nothing_is_kept_for_a_session_that_has_ended() -> None:
    crowd = Crowd(5)
    publisher = crowd.connected("w")
    publisher.publish("t", b"1", 2)
    publisher.lose()
    crowd.rest()
    assert crowd.have() == [[b"1"]] * 5
    assert crowd.bench.server.counters.inflight_in == 0


def test_a_broker_that_stops_gives_it_to_all_and_acknowledges_it_first() -> None:
    crowd = Crowd(5, qos=0)
    assert not crowd.bench.server.is_busy
    crowd.publisher.publish("t", b"1", 1)
    assert crowd.bench.server.is_busy
    crowd.bench.server.shut_down()
    assert crowd.have() == [[b"1"]] * 5
    assert kinds(crowd.publisher.received()) == [Puback, Disconnect]


class Broken(Subscriber):
    """Fails when it is given something."""

    def deliver(self, message: Message, target: Target) -> bool:
        raise RuntimeError("broken")


@pytest.mark.parametrize("place", [1, 3])
def test_a_fault_of_ours_on_its_way_costs_its_connection_and_nothing_of_the_next_one(place: int) -> None:
    crowd = Crowd(place)
    crowd.bench.server.realm.tree.add(Broken(), Subscription("t"))
    for number in range(5):
        crowd.bench.connected(f"n{number}").subscribe("t")
    crowd.publisher.publish("t", b"1", 1)
    crowd.rest()
    assert kinds(crowd.publisher.received()) == [Disconnect]
    assert [str(fault) for fault in crowd.bench.faults] == ["broken"]
    again = crowd.connected("p")
    again.publish("elsewhere", b"2", 1)
    assert kinds(again.received()) == [Puback]
    assert crowd.bench.server.realm.fan_outs == {}


def test_who_comes_back_does_not_wait_for_what_a_fault_has_ended() -> None:
    crowd = Crowd(20)
    crowd.bench.server.realm.tree.add(Broken(), Subscription("t"))
    crowd.bench.connected("last").subscribe("t")
    crowd.publisher.publish("t", b"1")
    again = crowd.comes_back("p")
    assert crowd.left() > AT_ONCE
    again.publish("elsewhere", b"2", 1)
    crowd.rest()
    assert kinds(again.received()) == [Puback] or again.closed
    once_more = crowd.comes_back("p")
    once_more.publish("elsewhere", b"3", 1)
    crowd.rest()
    assert kinds(once_more.received()) == [Puback]
    assert [str(fault) for fault in crowd.bench.faults] == ["broken"]


# -- what must last


def test_the_acknowledgement_waits_for_what_is_noted_in_the_last_slice() -> None:
    bench = DurableBench(receivers_at_once=AT_ONCE)
    crowd = Crowd(5, bench, session_expiry_interval=100)
    bench.commits_at_once = False
    crowd.publisher.publish("t", b"1", 1)
    first = bench.take()
    crowd.next_turn()
    crowd.next_turn()
    bench.finish(first)
    assert crowd.publisher.received() == []
    bench.commit()
    assert kinds(crowd.publisher.received()) == [Puback]
    crashed = bench.crashed()
    assert len(crashed.kept.entries) == 5


def test_at_qos_2_of_a_session_that_lasts_all_is_noted_in_one_batch() -> None:
    bench = DurableBench(receivers_at_once=AT_ONCE)
    crowd = Crowd(5, bench, session_expiry_interval=100)
    publisher = crowd.connected("w", session_expiry_interval=100)
    bench.commits_at_once = False
    publisher.publish("t", b"1", 2)
    batch = bench.take()
    assert len(batch.entries) == 5
    assert len(batch.received) == 1
    bench.finish(batch)
    assert kinds(publisher.received()) == [Pubrec]


def test_very_many_messages_one_behind_the_other_keep_their_order() -> None:
    crowd = Crowd(9)
    for number in range(20):
        crowd.publisher.publish("t", b"%d" % number, number % 3, packet_id=number + 1 if number % 3 else 0)
    crowd.rest()
    assert crowd.have() == [[b"%d" % number for number in range(20)]] * 9
    assert crowd.bench.faults == []
