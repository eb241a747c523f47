"""What arrives from a Client: acted on in its order, at once or when it may be.

It may have to wait: for the answer of an Authenticator or of Permissions, for the rate of its Client, for
room in the turn, or because the Server is overloaded. Nothing is read from its Client meanwhile; what has
been read stays in `waiting`, as packets, and behind these in `held`, as bytes.
"""

from functools import partial

from amqtt.server.authentication import answered
from amqtt.server.disconnect import close
from amqtt.server.events import Fault, PacketReceived
from amqtt.server.fan_out import FanOut
from amqtt.server.overload import DROPS_QOS_0
from amqtt.server.publish import fan_out, resolved_topic
from amqtt.server.rates import Meter
from amqtt.server.realm import Realm
from amqtt.server.state import CLOSED, ConnectionState
from amqtt.server.stopping import without_messages
from amqtt.server.verbs import act_on_usual, verb_for
from amqtt.topics.names import split_shared
from amqtt.wire.errors import PeerError
from amqtt.wire.packets import MQTT_5, AcknowledgementRun, Arrived, Publish, PublishRun, Subscribe
from amqtt.wire.reasons import ReasonCode


def arrived(realm: Realm, state: ConnectionState, data: bytes) -> None:
    """Bytes arrived: act on every Control Packet that they complete."""
    realm.counters.bytes_received += len(data)
    state.bytes_received += len(data)
    if state.pending is not None or state.link.paused:
        state.held.append(data)
        if state.link.paused:
            realm.turn.congested = state.link
    else:
        _read(realm, state, data)


def _read(realm: Realm, state: ConnectionState, data: bytes) -> None:
    """Read what arrived, as runs where nobody wants to see each packet, and act on it."""
    events = realm.events
    if (
        events.wants_packets
        or events.wants_messages
        or state.meter is not None
        or realm.limits.validate_payload_format
    ):
        packets: list[Arrived] = [*state.decoder.feed(data)]
    else:
        packets = state.decoder.feed_joined(data)
    if packets:
        realm.counters.packets_received += len(packets)
        state.last_heard = realm.turn.now
    if realm.overload.level == DROPS_QOS_0:
        all_of_them, packets = packets, realm.overload.spared(packets)
        if len(packets) < len(all_of_them):
            realm.exceeded("lag_to_drop_qos_0", state.client_id, state.peer)
    if not realm.takes_messages:
        packets = without_messages(packets)
    if state.meter is None:
        _act(realm, state, packets)
    else:
        _act_at_rate(realm, state, state.meter, packets)


def _act_at_rate(realm: Realm, state: ConnectionState, meter: Meter, packets: list[Arrived]) -> None:
    """Act on as many packets as the publish rate allows now; the others wait, or end it."""
    fitting = meter.fitting(packets, realm.turn.now)
    now = packets[:fitting]
    state.waiting = packets[fitting:]
    _act(realm, state, now)
    if state.closed or not state.waiting:
        return
    if state.pending is not None or state.link.paused:
        # It goes through the meter again with those that follow it.
        unused = state.waiting[:len(state.waiting) - len(packets) + fitting]
        meter.put_back(sum(isinstance(packet, Publish) for packet in unused))
        return
    realm.exceeded("maximum_publish_rate", state.client_id, state.peer)
    if realm.limits.disconnect_above_publish_rate and state.version == MQTT_5:
        close(realm, state, ReasonCode.MESSAGE_RATE_TOO_HIGH, "more PUBLISH packets than its publish rate")
    else:
        pause(realm, state, meter.ready_at)


def _act(realm: Realm, state: ConnectionState, packets: list[Arrived]) -> None:
    try:
        for at, packet in enumerate(packets):
            if realm.events.wants_packets or state.asks or not act_on_usual(realm, state, packet):
                verb = verb_for(state, packet)
                if realm.events.wants_packets and not isinstance(packet, PublishRun | AcknowledgementRun):
                    realm.events.tell(PacketReceived(state.client_id, packet, state.peer))
                if _is_put_off(realm, state, packets, at):
                    return
                verb(realm, state, packets[at])  # noqa: PLR1736 - a run may have come apart
            if _is_enough(realm, state, packets, at):
                return
        if state.decoder.error is not None and not state.waiting:
            raise state.decoder.error
    except PeerError as error:
        # The Decoder keeps it, and with a traceback it would keep the Decoder.
        error.__traceback__ = None
        if error.limit:
            realm.exceeded(error.limit, state.client_id, state.peer)
        close(realm, state, error.reason_code, str(error))
    except Exception as fault:
        _fail(realm, state, fault)


def _is_enough(realm: Realm, state: ConnectionState, packets: list[Arrived], at: int) -> bool:
    """Whether nothing behind the packet at `at` is acted on now: it waits, or its Client is gone."""
    if state.fan_out is not None:
        _end_turn(realm, state, packets, at)
        return True
    if state.phase == CLOSED:
        return True
    if state.pending is not None:
        state.waiting = packets[at + 1 :] + state.waiting
        return True
    if (len(packets) > 1 or isinstance(packets[at], PublishRun)) and realm.line.is_over:
        _end_turn(realm, state, packets, at)
        return True
    return False


def report(realm: Realm, fault: Exception) -> None:
    """Tell of a fault of ours."""
    realm.events.tell(Fault("the Server", fault))


def _fail(realm: Realm, state: ConnectionState, fault: Exception) -> None:
    """A fault of ours costs one Network Connection, and nothing else."""
    report(realm, fault)
    if state.fan_out is not None:
        realm.fan_outs.pop(state.fan_out.message.publisher, None)
        state.fan_out.give_up()
        state.fan_out = None
    close(realm, state, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "an error of the Server")


# -- what must wait


def _is_put_off(realm: Realm, state: ConnectionState, packets: list[Arrived], at: int) -> bool:
    """Whether the packet at `at` must wait: for a turn with room for it, or for Permissions."""
    if realm.line.may(packets[at]):
        return state.asks and _must_ask(state, packets, at)
    stand_in_line(realm, state, packets[at:])
    return True


def _must_ask(state: ConnectionState, packets: list[Arrived], at: int) -> bool:
    """Whether the Client's Permissions want to find something out before the packet at `at` is acted on.

    It then waits, with those behind it. A run is asked about topic by topic, so it comes apart.
    """
    packet = packets[at]
    if isinstance(packet, PublishRun) and len(packet.topics) > 1:
        packets[at : at + 1] = [packet.take(last + 1) for last in range(len(packet.topics))]
        packet = packets[at]
    if state.prepared is packet:
        state.prepared = None
        return False
    session = state.session
    if session is None:
        return False
    if isinstance(packet, Publish):
        topic = packet.topic if state.version != MQTT_5 else resolved_topic(state, packet)
        state.pending = session.permissions.prepare_publish(topic)
    elif isinstance(packet, PublishRun):
        state.pending = session.permissions.prepare_publish(packet.topics[0])
    elif isinstance(packet, Subscribe):
        filters = [split_shared(request.topic_filter)[1] for request in packet.requests]
        state.pending = session.permissions.prepare_subscribe(filters)
    if state.pending is None:
        return False
    state.prepared = packet
    state.waiting = packets[at:] + state.waiting
    return True


def _end_turn(realm: Realm, state: ConnectionState, packets: list[Arrived], at: int) -> None:
    """Let those behind the packet at `at`, and what it has left itself, go on in the next turn."""
    others = packets[at + 1 :]
    packet = packets[at]
    if isinstance(packet, PublishRun):
        rest = packet.rest()
        for each in rest:
            if isinstance(each, PublishRun):
                realm.counters.packets_received -= each.count - 1  # which are counted when they are taken
        others = [*rest, *others]
    stand_in_line(realm, state, others)


def stand_in_line(realm: Realm, state: ConnectionState, packets: list[Arrived]) -> None:
    """These packets wait until it is their Client's turn; `go_on` is called then."""
    state.waiting = packets + state.waiting
    state.link.paused = True
    realm.turn.congested = state.link
    realm.line.wait(state)


def pause(realm: Realm, state: ConnectionState, until: float) -> None:
    """Read no more from a Client before this moment; what has arrived already waits."""
    if state.link.paused or state.closed:
        return
    state.link.paused = True
    realm.turn.congested = state.link
    realm.deadlines.at(until, partial(go_on, realm, state))


# -- and goes on


def go_on(realm: Realm, state: ConnectionState, now: float) -> None:
    """Act on what waits, and read again if that is all."""
    link = state.link
    link.paused = False
    if state.fan_out is not None:
        _go_on_giving(realm, state, state.fan_out)
    if state.pending is None:
        _catch_up(realm, state)
    if not link.paused:
        link.relieve()


def _go_on_giving(realm: Realm, state: ConnectionState, under_way: FanOut) -> None:
    """Its last message goes on to those who have not been given it, though it may be gone itself."""
    try:
        under_way.look_again(realm.tree)
        fan_out(realm, state)
    except Exception as fault:
        _fail(realm, state, fault)


def take_answer(realm: Realm, state: ConnectionState, answer: object) -> None:
    """What `state.pending` returned, or the exception that it raised; then act on what waits."""
    state.pending = None
    if state.closed:
        return
    if isinstance(answer, TimeoutError):
        realm.exceeded("authentication_timeout", state.client_id, state.peer)
    state.last_heard = realm.turn.now  # nothing could be heard of it while nothing was read
    try:
        if state.prepared is None:
            answered(realm, state, answer)
        elif isinstance(answer, Exception):
            report(realm, answer)
    except Exception as fault:
        _fail(realm, state, fault)
    _catch_up(realm, state)


def _catch_up(realm: Realm, state: ConnectionState) -> None:
    """Act on the packets that wait, then on the bytes behind them, until something must wait again."""
    if state.link.paused:
        return
    if state.fan_out is not None:
        stand_in_line(realm, state, [])
        return
    waiting, state.waiting = state.waiting, []
    if not realm.takes_messages:
        waiting = without_messages(waiting)
    if not state.closed:
        if state.meter is None:
            _act(realm, state, waiting)
        else:
            _act_at_rate(realm, state, state.meter, waiting)
    held, state.held = state.held, []
    for at, data in enumerate(held):
        if state.pending is not None or state.link.paused:
            state.held = held[at:]
            return
        if state.closed:
            return
        _read(realm, state, data)
