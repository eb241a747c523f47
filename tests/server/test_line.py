"""How much is subscribed to in one turn, and who goes on in the next one."""

from amqtt.server.deadlines import Deadlines
from amqtt.server.state import ConnectionState
from amqtt.server.subscribing import FILTERS_PER_TURN, Subscribing
from amqtt.wire.packets import Pingreq, Subscribe, SubscriptionRequest, Unsubscribe
from support.bench_server import Bench


def subscribe(count: int) -> Subscribe:
    return Subscribe(1, [SubscriptionRequest(f"a/{n}") for n in range(count)])


def unsubscribe(count: int) -> Unsubscribe:
    return Unsubscribe(1, [f"a/{n}" for n in range(count)])


class Line:
    """Clients whose packets of one kind are dealt with when it is their turn."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.subscribing = Subscribing(self.deadlines, self.go_on)
        self.waiting: dict[ConnectionState, list[int]] = {}
        self.done: list[int] = []

    def go_on(self, state: ConnectionState, now: float) -> None:
        counts = self.waiting[state]
        while counts:
            if not self.subscribing.may(subscribe(counts[0]), now):
                self.subscribing.wait(state, now)
                return
            self.done.append(counts.pop(0))


def test_a_turn_has_so_many_filters_and_the_next_one_as_many_again() -> None:
    line = Line()
    may = line.subscribing.may
    assert may(subscribe(FILTERS_PER_TURN - 1), 0.0)
    assert may(unsubscribe(1), 0.0)
    assert not may(unsubscribe(1), 0.0)
    assert not may(subscribe(1), 0.0)
    assert may(Pingreq(), 0.0)
    line.deadlines.tick(0.0)
    assert may(subscribe(FILTERS_PER_TURN), 0.0)


def test_a_packet_of_more_has_a_turn_for_itself() -> None:
    line = Line()
    assert line.subscribing.may(subscribe(FILTERS_PER_TURN + 1), 0.0)
    assert not line.subscribing.may(subscribe(1), 0.0)


def test_few_filters_make_no_work_for_the_end_of_the_turn() -> None:
    line = Line()
    assert line.subscribing.may(subscribe(1), 0.0)
    assert line.deadlines.next is None


def test_those_in_line_go_on_in_their_order_and_who_is_not_done_goes_to_its_end() -> None:
    bench, line = Bench(), Line()
    first, second = bench.connected("first").state, bench.connected("second").state
    half = FILTERS_PER_TURN // 2
    line.waiting = {first: [half, half + 1, 3], second: [half - 1, 4]}
    line.subscribing.wait(first, 0.0)
    line.subscribing.wait(second, 0.0)
    assert len(line.subscribing) == 2
    assert not line.subscribing.may(subscribe(1), 0.0), "who comes later stands behind"
    line.deadlines.tick(0.0)
    assert line.done == [half, half - 1]
    while line.deadlines.next is not None:
        line.deadlines.tick(0.0)
    assert line.done == [half, half - 1, half + 1, 3, 4]
    assert len(line.subscribing) == 0
