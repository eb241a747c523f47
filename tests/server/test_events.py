"""Events: told to those who want them, by their class."""

from amqtt.abc import Peer
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ClientSubscribed,
    ClientUnsubscribed,
    ConnectionRefused,
    Event,
    Events,
    Fault,
    LimitExceeded,
    MessagePublished,
    MessageQueued,
    MessageRetained,
    PacketReceived,
    PacketSent,
)
from amqtt.wire.packets import Connect, Disconnect, Pingreq, Unsubscribe
from support.bench_server import Bench


def test_an_event_is_told_to_those_who_listen_for_its_class_in_their_order() -> None:
    events = Events()
    told: list[tuple[str, object]] = []
    events.on(ClientSubscribed, lambda event: told.append(("first", event)))
    events.on(ClientSubscribed, lambda event: told.append(("second", event)))
    events.on(Fault, lambda event: told.append(("fault", event)))
    event = ClientSubscribed("c", "t", 1)
    events.tell(event)
    events.tell(ClientUnsubscribed("c", "t"))
    assert told == [("first", event), ("second", event)]


def test_only_what_somebody_listens_for_is_wanted() -> None:
    events = Events()
    events.on(ClientConnected, lambda event: None)
    assert events.wanted(ClientConnected)
    assert not events.wanted(ClientDisconnected)
    assert not events.wanted(Event)


KINDS: tuple[type[Event], ...] = (
    ClientConnected, ClientDisconnected, ClientSubscribed, ClientUnsubscribed, ConnectionRefused,
)


def listening() -> tuple[Bench, list[Event]]:
    bench = Bench()
    told: list[Event] = []
    for kind in KINDS:
        bench.server.events.on(kind, told.append)
    return bench, told


def told_as(events: list[Event]) -> list[tuple[object, ...]]:
    """Each event as its class and its attributes, in the order of their names."""
    told: list[tuple[object, ...]] = []
    for event in events:
        names = sorted(name for name in dir(event) if not name.startswith("_"))
        told.append((type(event), *(getattr(event, name) for name in names if name != "peer")))
    return told


def test_the_life_of_a_client_is_told_in_its_order() -> None:
    bench, told = listening()
    client = bench.connected("c", username="user", session_expiry_interval=9)
    client.subscribe("a/#", 2)
    client.subscribe("$share/g/a", 1)
    client.send(Unsubscribe(1, ["a/#", "never"]))
    client.send(Disconnect())
    bench.connected("c", 4, clean_start=False, username="user").lose()
    assert told_as(told) == [
        (ClientConnected, "c", False, "user", 5),
        (ClientSubscribed, "c", 2, "a/#"),
        (ClientSubscribed, "c", 1, "$share/g/a"),
        (ClientUnsubscribed, "c", "a/#"),
        (ClientDisconnected, "c", "the Client disconnected", 0),
        (ClientConnected, "c", True, "user", 4),
        (ClientDisconnected, "c", "the Network Connection was lost", 0x80),
    ]
    assert all(isinstance(event.peer, Peer) for event in told if hasattr(event, "peer"))


def test_what_never_became_a_client_is_told_as_refused() -> None:
    bench, told = listening()
    bench.client().lose()
    bench.client().send(b"\xff")
    bench.client(4).send(Connect("", 4, False, username="user"))
    kinds = [(kind, client_id, code, user) for kind, client_id, _, code, user in told_as(told)]
    assert kinds == [
        (ConnectionRefused, "", 0x80, None), (ConnectionRefused, "", 0x82, None),
        (ConnectionRefused, "", 0x85, "user"),
    ]


def test_who_listens_no_more_is_told_no_more() -> None:
    events = Events()
    told: list[Event] = []
    other: list[Event] = []
    for kind in (PacketReceived, PacketSent, MessagePublished):
        events.on(kind, told.append)
    events.on(PacketSent, other.append)
    assert (events.wants_packets, events.wants_sent_packets, events.wants_messages) == (True, True, True)
    for kind in (PacketReceived, PacketSent, MessagePublished):
        events.off(kind, told.append)
    assert (events.wants_packets, events.wants_sent_packets, events.wants_messages) == (False, True, False)
    assert not events.wanted(PacketReceived)
    events.off(Fault, told.append)
    events.tell(PacketSent("c", Pingreq(), Peer()))
    assert (told, len(other)) == ([], 1)


def test_a_take_over_is_told_as_the_end_of_one_and_the_beginning_of_another() -> None:
    bench, told = listening()
    bench.connected("c")
    bench.connected("c")
    assert [(type(event), getattr(event, "reason_code", None)) for event in told] == [
        (ClientConnected, None), (ClientDisconnected, 0x8E), (ClientConnected, None),
    ]


def test_whoever_listens_is_told_of_what_is_retained_and_of_what_waits_for_somebody_who_is_away() -> None:
    bench = Bench()
    told: list[Event] = []
    for kind in (MessageRetained, MessageQueued):
        bench.server.events.on(kind, told.append)
    away = bench.connected("away", session_expiry_interval=100, clean_start=False)
    away.subscribe("t", 1)
    away.lose()
    publisher = bench.connected("p")
    publisher.publish("t", b"x", 1, retain=True)
    publisher.publish("t", b"y", 0)
    publisher.publish("t", b"", 1, retain=True)
    retained = [event.message.payload for event in told if isinstance(event, MessageRetained)]
    queued = [(event.client_id, event.message.payload) for event in told if isinstance(event, MessageQueued)]
    assert retained == [b"x", b""]
    assert queued == [("away", b"x"), ("away", b"")]


def test_a_limit_is_told_with_its_client_and_where_that_is() -> None:
    bench = Bench(maximum_packet_size=200)
    told: list[LimitExceeded] = []
    bench.server.events.on(LimitExceeded, told.append)
    for _ in range(3):
        bench.connected("c").publish("t", bytes(300))
    assert [(event.limit, event.client_id) for event in told] == [("maximum_packet_size", "c")]
    assert told[0].peer is not None
    assert told[0].peer.address == "192.0.2.1"
    bench.turn.now += 60
    bench.connected("c").publish("t", bytes(300))
    assert len(told) == 2
