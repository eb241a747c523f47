"""How much of one turn those get who send much, and who goes on in the next one."""

import pytest

from amqtt.abc import Answer, ConnectRequest
from amqtt.server.deadlines import Deadlines
from amqtt.server.line import FILTERS_PER_TURN, LONGEST_TURN, UNCOUNTED, UNNOTICED, Line
from amqtt.server.runs import DELIVERIES
from amqtt.server.state import ConnectionState
from amqtt.sessions.link import Turn
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
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient, Everybody


def subscribe(count: int) -> Subscribe:
    return Subscribe(1, [SubscriptionRequest(f"a/{n}") for n in range(count)])


def unsubscribe(count: int) -> Unsubscribe:
    return Unsubscribe(1, [f"a/{n}" for n in range(count)])


class Subscribers:
    """Clients whose packets of one kind are dealt with when it is their turn."""

    def __init__(self) -> None:
        self.turn = Turn(lambda: None)
        self.deadlines = Deadlines()
        self.line = Line(self.deadlines, self.turn, self.go_on)
        self.waiting: dict[ConnectionState, list[int]] = {}
        self.done: list[int] = []

    def go_on(self, state: ConnectionState, now: float) -> None:
        counts = self.waiting[state]
        while counts:
            if not self.line.may(subscribe(counts[0])):
                self.line.wait(state)
                return
            self.done.append(counts.pop(0))


def test_a_turn_has_so_many_filters_and_the_next_one_as_many_again() -> None:
    subscribers = Subscribers()
    may = subscribers.line.may
    assert may(subscribe(FILTERS_PER_TURN - 1))
    assert may(unsubscribe(1))
    assert not may(unsubscribe(1))
    assert not may(subscribe(1))
    assert may(Pingreq())
    subscribers.deadlines.tick(0.0)
    assert may(subscribe(FILTERS_PER_TURN))


def test_a_packet_of_more_has_a_turn_for_itself() -> None:
    subscribers = Subscribers()
    assert subscribers.line.may(subscribe(FILTERS_PER_TURN + 1))
    assert not subscribers.line.may(subscribe(1))


def test_few_filters_make_no_work_for_the_end_of_the_turn() -> None:
    subscribers = Subscribers()
    assert subscribers.line.may(subscribe(1))
    assert subscribers.deadlines.next is None


def test_those_in_line_go_on_in_their_order_and_who_is_not_done_goes_to_its_end() -> None:
    bench, subscribers = Bench(), Subscribers()
    line = subscribers.line
    first, second = bench.connected("first").state, bench.connected("second").state
    half = FILTERS_PER_TURN // 2
    subscribers.waiting = {first: [half, half + 1, 3], second: [half - 1, 4]}
    line.wait(first)
    line.wait(second)
    assert len(line) == 2
    assert line.may(subscribe(UNCOUNTED)), "few filters need not stand behind"
    assert not line.may(subscribe(UNCOUNTED + 1)), "who comes later with many stands behind"
    subscribers.deadlines.tick(0.0)
    assert subscribers.done == [half, half - 1]
    while subscribers.deadlines.next is not None:
        subscribers.deadlines.tick(0.0)
    assert subscribers.done == [half, half - 1, half + 1, 3, 4]
    assert len(line) == 0


class Working:
    """A Server for which each message that is delivered takes as long as one says."""

    def __init__(self, seconds: float) -> None:
        self.bench = Bench()
        self.moment = self.bench.turn.now
        self.bench.turn.present = lambda: self.moment
        self.delivered: list[tuple[str, bytes]] = []
        self.seconds = seconds
        self.bench.server.subscribe("#", 2, lambda message, _: self._deliver(message.topic, message.payload))

    def _deliver(self, topic: str, payload: bytes) -> None:
        self.delivered.append((topic, payload))
        self.moment += self.seconds

    def connected(self, client_id: str, version: int = MQTT_5) -> BenchClient:
        client = self.bench.connected(client_id, version)
        client.goes_on = False
        self.next_turn()
        return client

    def next_turn(self) -> None:
        """The event loop comes round."""
        self.bench.turn.begin(self.moment)
        self.bench.server.tick()
        self.bench.turn.flush()

    def hear(self, client: BenchClient, *packets: Packet) -> None:
        """Bytes arrive at the present moment."""
        self.bench.turn.begin(self.moment)
        client.send(*packets)

    def payloads(self) -> list[bytes]:
        found = [payload for _, payload in self.delivered]
        self.delivered.clear()
        return found


def is_paused(client: BenchClient) -> bool:
    """Whether nothing is read from this Client."""
    return client.link.paused


def is_closed(client: BenchClient) -> bool:
    """Whether the Server has closed its Network Connection."""
    return client.closed


def numbered(count: int, qos: int = 2, topic: str = "a") -> list[Publish]:
    """Messages with Packet Identifiers that make no run of them."""
    return [Publish(topic, b"%d" % n, qos, packet_id=2 * n + 1 if qos else 0) for n in range(count)]


def test_a_long_turn_ends_between_two_packets_and_the_others_follow_in_their_order() -> None:
    working = Working(0.3 * LONGEST_TURN)
    client = working.connected("c")
    working.hear(client, *numbered(10), Pingreq())
    assert working.payloads() == [b"0", b"1", b"2", b"3"]
    assert is_paused(client), "nothing more is read meanwhile"
    working.next_turn()
    assert working.payloads() == [b"4", b"5", b"6", b"7"]
    working.next_turn()
    assert working.payloads() == [b"8", b"9"]
    assert not is_paused(client)
    answers = client.received()
    assert [type(packet) for packet in answers] == [Pubrec] * 10 + [Pingresp]
    working.next_turn()
    assert working.bench.server.deadlines.next is None, "nobody looks for the end of a turn any more"


def test_a_turn_that_is_just_not_over_is_not_cut() -> None:
    working = Working(0.14 * LONGEST_TURN)
    client = working.connected("c")
    working.hear(client, *numbered(7))
    assert len(working.payloads()) == 7
    assert not is_paused(client)


def test_work_that_nobody_notices_makes_none_for_the_end_of_the_turn() -> None:
    working = Working(0.3 * UNNOTICED)
    working.hear(working.connected("c"), *numbered(3))
    assert working.bench.server.deadlines.next is None


def test_many_short_reads_that_nobody_comes_between_end_the_turn_too() -> None:
    working = Working(0.3 * UNNOTICED)
    client = working.connected("c")
    reads = 0
    while not is_paused(client):
        working.hear(client, *numbered(3, 0))
        reads += 1
    assert reads * 0.9 * UNNOTICED <= LONGEST_TURN + 3 * UNNOTICED
    working.next_turn()
    assert not is_paused(client)


def test_one_packet_by_itself_is_never_put_off_and_another_client_is_answered_at_once() -> None:
    working = Working(10 * LONGEST_TURN)
    busy, other, idle = (working.connected(name) for name in ("busy", "other", "idle"))
    working.hear(busy, *numbered(3))
    working.hear(other, *numbered(1))
    working.hear(idle, Pingreq())
    assert working.payloads() == [b"0", b"0"]
    assert not is_paused(other)
    assert [type(packet) for packet in idle.received()] == [Pingresp]


def test_who_comes_when_the_turn_is_over_has_one_packet_acted_on_and_goes_on_before_who_had_it() -> None:
    working = Working(0.6 * LONGEST_TURN)
    first, second, third = (working.connected(name) for name in ("first", "second", "third"))
    working.hear(first, *numbered(4, topic="first"))
    working.hear(second, *numbered(3, topic="second"))
    working.hear(third, *numbered(3, topic="third"))
    turns = []
    while working.delivered:
        turns.append([topic for topic, _ in working.delivered])
        working.delivered.clear()
        working.next_turn()
    assert turns == [
        ["first", "first", "second", "third"], ["second", "second"], ["third", "third"], ["first", "first"],
    ]


def test_a_run_is_cut_between_two_topics_and_the_rest_of_it_follows() -> None:
    working = Working(0.6 * LONGEST_TURN)
    even, odd = working.connected("even"), working.connected("odd")
    even.subscribe("even", 1)
    odd.subscribe("odd", 1)
    client = working.connected("c", MQTT_3_1_1)
    before = working.bench.server.counters.packets_received
    messages = [Publish(("even", "odd")[n % 2], b"%d" % n, 1, packet_id=n + 1) for n in range(5)]
    working.hear(client, *messages)
    assert working.payloads() == [b"0", b"1"]
    assert is_paused(client)
    working.next_turn()
    assert working.payloads() == [b"2", b"3"]
    working.next_turn()
    assert working.payloads() == [b"4"]
    assert not is_paused(client)
    assert [packet.packet_id for packet in client.received() if isinstance(packet, Puback)] == [1, 2, 3, 4, 5]
    assert [packet.payload for packet in even.received() if isinstance(packet, Publish)] == [b"0", b"2", b"4"]
    assert [packet.payload for packet in odd.received() if isinstance(packet, Publish)] == [b"1", b"3"]
    assert working.bench.server.counters.packets_received - before == len(messages)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_run_for_very_many_is_cut_between_messages(qos: int) -> None:
    receivers = 99
    each_turn = DELIVERIES // (receivers + 1)
    working = Working(1.01 * LONGEST_TURN / each_turn)
    others = [working.connected(f"r{n}", MQTT_3_1_1) for n in range(receivers)]
    for other in others:
        other.subscribe("#", qos)
    client = working.connected("c", MQTT_3_1_1)
    before = working.bench.server.counters.packets_received
    count = 2 * each_turn + 3
    messages = [Publish("a", b"%d" % n, qos, packet_id=n + 1 if qos else 0) for n in range(count)]
    working.hear(client, *messages)
    for many in (each_turn, each_turn, 3):
        assert len(working.payloads()) == many
        working.next_turn()
    assert not is_paused(client)
    answers = client.received()
    assert [getattr(each, "packet_id", 0) for each in answers] == [n + 1 for n in range(count) if qos]
    for other in others:
        assert [each.payload for each in other.received()] == [each.payload for each in messages]
    assert working.bench.server.counters.packets_received - before == count


def test_a_run_that_is_taken_packet_by_packet_is_cut_between_any_two() -> None:
    working = Working(0.6 * LONGEST_TURN)
    client = working.connected("c")
    messages = [Publish("a", b"%d" % n, 2, packet_id=n + 1) for n in range(3)]
    assert client.state.session is not None
    client.state.session.received.add(3)  # one that came before: each needs a closer look
    working.hear(client, *messages)
    assert working.payloads() == [b"0", b"1"]
    working.next_turn()
    assert working.payloads() == []
    assert [type(each) for each in client.received()] == [Pubrec] * 3


def test_a_client_that_leaves_while_it_stands_in_line_is_not_heard_any_more() -> None:
    working = Working(LONGEST_TURN)
    client, other = working.connected("c"), working.connected("other")
    working.hear(client, *numbered(3))
    working.hear(other, *numbered(2, topic="other"))
    client.lose()
    for _ in range(3):
        working.next_turn()
    assert working.delivered == [("a", b"0"), ("other", b"0"), ("other", b"1")]


def test_what_ends_a_connection_comes_when_what_is_before_it_was_acted_on() -> None:
    working = Working(LONGEST_TURN)
    client = working.connected("c")
    working.bench.turn.begin(working.moment)
    client.send(*numbered(2), b"\x00\x00")
    assert not is_closed(client)
    working.next_turn()
    assert working.payloads() == [b"0", b"1"]
    working.next_turn()
    assert is_closed(client)
    assert [type(packet) for packet in client.received()] == [Pubrec, Pubrec, Disconnect]


def test_what_waits_outside_the_server_has_its_place_in_the_line() -> None:
    working = Working(LONGEST_TURN)
    framed, other = working.connected("framed"), working.connected("other")
    server = working.bench.server
    assert not server.turn_is_over
    working.hear(other, *numbered(2, topic="other"))
    assert server.turn_is_over
    working.bench.turn.begin(working.moment)
    server.stand_in_line(framed.state)
    server.stand_in_line(framed.state)
    assert is_paused(framed)
    working.next_turn()
    assert not is_paused(framed)
    assert working.payloads() == [b"0", b"1"]


def test_who_is_gone_does_not_stand_in_line() -> None:
    working = Working(LONGEST_TURN)
    client = working.connected("c")
    client.lose()
    working.bench.server.stand_in_line(client.state)
    assert not is_paused(client)


class Slow(Everybody):
    """Lets everybody in, and takes its time for it."""

    def __init__(self, seconds: float) -> None:
        self.moment = 1000.0
        self.seconds = seconds

    def authenticate(self, request: ConnectRequest) -> Answer:
        self.moment += self.seconds
        return super().authenticate(request)


def crowd_of(slow: Slow, count: int) -> tuple[Bench, list[BenchClient]]:
    """So many who all sent CONNECT within one turn."""
    bench = Bench(slow)
    bench.turn.present = lambda: slow.moment
    crowd = []
    for number in range(count):
        bench.turn.begin(slow.moment)
        client = bench.client()
        client.goes_on = False
        client.send(Connect(f"c{number}", MQTT_5))
        crowd.append(client)
    return bench, crowd


def those_let_in(crowd: list[BenchClient]) -> list[int]:
    return [at for at, client in enumerate(crowd) if any(isinstance(p, Connack) for p in client.received())]


def test_a_crowd_of_newcomers_is_let_in_over_several_turns_in_its_order() -> None:
    slow = Slow(0.3 * LONGEST_TURN)
    bench, crowd = crowd_of(slow, 10)
    let_in = []
    for _ in range(3):
        let_in.append(those_let_in(crowd))
        bench.turn.begin(slow.moment)
        bench.server.tick()
    assert let_in == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert not any(map(is_paused, crowd))


def test_newcomers_who_make_less_work_than_a_turn_has_room_for_are_let_in_at_once() -> None:
    slow = Slow(0.09 * LONGEST_TURN)
    _, crowd = crowd_of(slow, 10)
    assert those_let_in(crowd) == list(range(10))


def test_whoever_is_first_in_line_is_let_in_however_late_it_is() -> None:
    slow = Slow(2 * LONGEST_TURN)
    bench, crowd = crowd_of(slow, 3)
    for late in (1, 2):
        those_let_in(crowd)
        bench.turn.begin(slow.moment)
        slow.moment += LONGEST_TURN  # something else has taken all of the turn
        bench.server.tick()
        assert those_let_in(crowd) == [late]
