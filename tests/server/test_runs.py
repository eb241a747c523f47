"""Whatever arrives together has the outcome that it has packet by packet."""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions
from amqtt.sessions.journal import Batch
from amqtt.testing.store_contract import contents
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from support.bench_server import Bench, BenchClient
from support.durable_server import DurableBench
from support.packet_cases import described, properties_of


class Choosy(Permissions):
    """May not publish to one topic, nor receive another."""

    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic != "t/unwritten"

    def may_receive(self, topic: str) -> bool:
        return topic != "t/unread"


class Door(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Choosy() if request.client_id.startswith("choosy") else Permissions())


@dataclass
class Kind:
    """A receiver: how it connects, and what it subscribes to."""

    version: int
    topic_filter: str
    qos: int
    connect: dict[str, object]
    subscribe: dict[str, object]


RECEIVERS = {
    "older": Kind(MQTT_3_1_1, "t/#", 1, {}, {}),
    "newer": Kind(MQTT_5, "t/#", 1, {}, {}),
    "another": Kind(MQTT_5, "#", 1, {}, {}),
    "of one topic": Kind(MQTT_5, "t/a", 1, {}, {}),
    "at QoS 0": Kind(MQTT_3_1_1, "t/+", 0, {}, {}),
    "at QoS 2": Kind(MQTT_5, "t/+", 2, {}, {}),
    "older, at QoS 2": Kind(MQTT_3_1_1, "t/#", 2, {}, {}),
    "a few at a time, at QoS 2": Kind(MQTT_5, "t/#", 2, {"receive_maximum": 3}, {}),
    "with aliases": Kind(MQTT_5, "t/#", 1, {"topic_alias_maximum": 2}, {}),
    "with an identifier": Kind(MQTT_5, "t/#", 1, {}, {"identifier": 7}),
    "of small packets": Kind(MQTT_5, "t/#", 1, {"maximum_packet_size": 40}, {}),
    "a few at a time": Kind(MQTT_5, "t/#", 1, {"receive_maximum": 3}, {}),
    "choosy": Kind(MQTT_5, "t/#", 1, {}, {}),
    "shared 1": Kind(MQTT_5, "$share/g/t/#", 1, {}, {}),
    "shared 2": Kind(MQTT_3_1_1, "$share/g/t/#", 1, {}, {}),
}
TOPICS = ["t/a", "t/b", "t/unread", "t/unwritten", "nobody", "$t"]
PROPERTIES = [
    None, properties_of(content_type="t"), properties_of(user_properties=(("a", "b"),) * 2),
    properties_of(message_expiry_interval=100), properties_of(payload_format_indicator=1),
]
packets = st.builds(
    Publish, st.sampled_from(TOPICS), st.binary(max_size=30), st.sampled_from([0, 0, 1, 1, 1, 2, 2, 2]),
    st.sampled_from([False] * 9 + [True]), properties=st.sampled_from(PROPERTIES),
)
rounds = st.lists(st.lists(packets, min_size=1, max_size=12), min_size=1, max_size=4)


class House:
    """A Server, a publisher and all RECEIVERS, the publisher among them.

    Where it is `durable` all Sessions outlast it, and each piece is committed when it was acted on.
    """

    def __init__(self, publisher: str, version: int, at_once: bool, durable: bool = False) -> None:
        self.bench = DurableBench() if durable else Bench()
        self.bench.server.authenticator = Door()
        self.version = version
        self.at_once = at_once
        self.clients = {
            name: self.bench.connected(
                name, kind.version, clean_start=False, **lasting(kind.version), **kind.connect
            )
            for name, kind in RECEIVERS.items()
        }
        for name, kind in RECEIVERS.items():
            self.clients[name].subscribe(kind.topic_filter, kind.qos, **kind.subscribe)
        kept: dict[str, object] = {"clean_start": False, **lasting(version)} if durable else {}
        self.publisher = self.clients[publisher] = self.bench.connected(publisher, version, **kept)
        self.publisher.subscribe("t/b", 1, **({"no_local": True} if version == MQTT_5 else {}))
        if isinstance(self.bench, DurableBench):
            self.bench.commits_at_once = False
        self.seen: dict[tuple[str, type[Packet]], list[object]] = {}
        self.under_way: dict[str, dict[int, type[Packet] | None]] = {name: {} for name in self.clients}
        """By Packet Identifier, what the Client answers next; None: it waits for PUBREL."""
        self.unreleased: list[int] = []

    def say(self, client: BenchClient, some: list[Packet]) -> None:
        parts = [encode(packet, client.version) for packet in some]
        for part in [b"".join(parts)] if self.at_once else parts:
            client.send(part)
        self.commit()

    def commit(self) -> None:
        if isinstance(self.bench, DurableBench):
            self.bench.commit()

    def publish(self, some: list[Publish]) -> None:
        several: list[Packet] = []
        for number, each in enumerate(some, 1):
            given = each.properties if self.version == MQTT_5 else None
            packet_id = number if each.qos else 0
            several.append(
                Publish(each.topic, each.payload, each.qos, each.retain, False, packet_id, given)
            )
        self.say(self.publisher, several)

    def read(self) -> None:
        """See what all have got; a Packet Identifier is any that is not in use."""
        for name, client in self.clients.items():
            mine = self.under_way[name]
            for packet in client.received():
                if isinstance(packet, Publish) and packet.qos:
                    assert packet.packet_id not in mine
                    mine[packet.packet_id] = Puback if packet.qos == 1 else Pubrec
                    packet.packet_id = len(mine)
                elif isinstance(packet, Pubrel):
                    mine[packet.packet_id] = Pubcomp
                    packet.packet_id = list(mine).index(packet.packet_id)
                elif isinstance(packet, Pubrec):
                    self.unreleased.append(packet.packet_id)
                # Acknowledgements may overtake messages; each kind keeps its order [MQTT-4.6.0-2].
                self.seen.setdefault((name, type(packet)), []).append(described(packet))

    def acknowledge(self, share: int) -> None:
        """Everybody acknowledges a part of what it has; the publisher releases a part."""
        for name, client in self.clients.items():
            mine = self.under_way[name]
            ready = [packet_id for packet_id, answer in mine.items() if answer is not None]
            answers: list[Packet] = []
            for packet_id in ready[: len(ready) * share // 4]:
                answer = mine[packet_id]
                answers.append(answer(packet_id))
                if answer is Pubrec:
                    mine[packet_id] = None
                else:
                    del mine[packet_id]
            self.say(client, answers)
        count = len(self.unreleased) * share // 4
        self.say(self.publisher, [Pubrel(packet_id) for packet_id in self.unreleased[:count]])
        del self.unreleased[:count]

    def come_back(self) -> None:
        """All that were not acknowledged are sent again, to whoever takes its Session over."""
        for name, kind in RECEIVERS.items():
            if kind.qos and kind.version == MQTT_5:
                mine = self.under_way[name]
                self.under_way[name] = {n: mine[n] for n in mine if mine[n] not in (Puback, Pubrec)}
                self.clients[name] = client = self.bench.client(kind.version)
                values = {**lasting(kind.version), **kind.connect}
                client.send(Connect(name, clean_start=False, properties=properties_of(**values)))
                self.commit()

    def outcome(self) -> object:
        assert self.bench.faults == []
        counters = self.bench.server.counters
        counted = {name: getattr(counters, name) for name in dir(counters) if name[0] != "_"}
        counted.pop("bytes_received")
        under_way = {name: list(each.values()) for name, each in self.under_way.items()}
        kept = stored(self.bench.kept) if isinstance(self.bench, DurableBench) else None
        return self.seen, counted, under_way, kept


def stored(kept: Batch) -> dict[str, object]:
    """What is on the disk: of each Session its messages in their order, whatever numbers they have."""
    found = contents(kept)
    messages = found.pop("messages")
    assert isinstance(messages, dict)
    entries: dict[int, list[object]] = {}
    for _, entry in sorted(kept.entries.items()):
        assert entry is not None
        entries.setdefault(entry.session, []).append(
            (messages[entry.message], entry.qos, entry.retain, entry.state, entry.identifiers, entry.group)
        )
    return {**found, "entries": entries, "bodies": sorted(map(repr, messages.values()))}


def lasting(version: int) -> dict[str, object]:
    """What a Client says whose Session is to be kept when it is gone."""
    return {"session_expiry_interval": 1000} if version == MQTT_5 else {}


def outcomes(houses: list[House], published: list[list[Publish]], shares: list[int]) -> list[object]:
    """What came of these messages, and of acknowledging a share of them after each round."""
    for house in houses:
        for some, share in zip(published, shares, strict=False):
            house.publish(some)
            house.read()
            for _ in range(2):
                house.acknowledge(share)
                house.read()
        house.come_back()
        house.read()
    return [house.outcome() for house in houses]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    publisher=st.sampled_from(["choosy publisher", "publisher"]),
    version=st.sampled_from([MQTT_3_1_1, MQTT_5]),
    published=rounds,
    shares=st.lists(st.integers(0, 4), min_size=4, max_size=4),
)
def test_packets_that_arrive_together_do_what_they_do_one_by_one(
    publisher: str, version: int, published: list[list[Publish]], shares: list[int]
) -> None:
    houses = [House(publisher, version, at_once) for at_once in (True, False)]
    together, one_by_one = outcomes(houses, published, shares)
    assert together == one_by_one


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    publisher=st.sampled_from(["choosy publisher", "publisher"]),
    version=st.sampled_from([MQTT_3_1_1, MQTT_5]),
    published=rounds,
    shares=st.lists(st.integers(0, 4), min_size=4, max_size=4),
)
def test_so_they_do_where_all_sessions_last_and_that_is_what_is_stored(
    publisher: str, version: int, published: list[list[Publish]], shares: list[int]
) -> None:
    houses = [House(publisher, version, at_once, durable=True) for at_once in (True, False)]
    together, one_by_one = outcomes(houses, published, shares)
    assert together == one_by_one


def of_qos_2(count: int) -> bytes:
    return b"".join(encode(Publish("t/a", b"x", 2, packet_id=n + 1), MQTT_5) for n in range(count))


def test_as_many_messages_of_qos_2_as_receive_maximum_come_at_once_and_no_more() -> None:
    bench = Bench(receive_maximum=5)
    some, more = bench.connected("some"), bench.connected("more")
    some.send(of_qos_2(5))
    assert [type(packet) for packet in some.received()] == [Pubrec] * 5
    more.send(of_qos_2(6))
    *answers, farewell = more.received()
    assert [type(packet) for packet in answers] == [Pubrec] * 5
    assert isinstance(farewell, Disconnect)
    assert farewell.reason_code == 0x93
    assert bench.server.counters.inflight_in == 5, "the Session of the other has ended"
