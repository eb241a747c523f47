"""One step each, of COUNT messages."""

import itertools
from collections.abc import Callable
from typing import Protocol

import pytest

from amqtt.message import Message
from amqtt.topics.subscriptions import Subscriber, Subscription, SubscriptionTree, Target
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET, MQTT_3_1_1, MQTT_5, Publish
from benchmarks.micro import COUNT
from benchmarks.packets import PUBACK, PUBCOMP, PUBREC, PUBREL, acknowledgement
from benchmarks.rings import Ring
from benchmarks.streams import other_filters
from support.bench_server import Bench, BenchClient


class Measure(Protocol):
    """The fixture of pytest-benchmark, as far as it is used here."""

    def __call__(self, step: Callable[[], object]) -> object:
        """Time the step."""


class Nobody(Subscriber):
    """Takes a Message and does nothing with it."""

    def deliver(self, message: Message, target: Target) -> bool:
        return True


def ring(qos: int, version: int = MQTT_3_1_1, topics: int = 1, payload_size: int = 64) -> Ring:
    return Ring(0, qos, payload_size, COUNT, topics, version)


@pytest.mark.parametrize(
    ("qos", "version", "topics"),
    [(0, MQTT_3_1_1, 1), (0, MQTT_3_1_1, 1000), (1, MQTT_3_1_1, 1), (1, MQTT_3_1_1, 1000), (0, MQTT_5, 1000)],
)
def test_decode(benchmark: Measure, qos: int, version: int, topics: int) -> None:
    data = ring(qos, version, topics).packets
    decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
    benchmark(lambda: decoder.feed(data))
    assert decoder.error is None


@pytest.mark.parametrize(("qos", "version"), [(0, MQTT_3_1_1), (1, MQTT_3_1_1), (0, MQTT_5)])
def test_encode(benchmark: Measure, qos: int, version: int) -> None:
    decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
    (packet,) = decoder.feed(ring(qos, version).packets[: ring(qos, version).size])
    assert isinstance(packet, Publish)

    def step() -> None:
        for _ in range(COUNT):
            encode(packet, version)

    benchmark(step)


@pytest.mark.parametrize("topics", [1, 100_000])
@pytest.mark.parametrize("others", [100, 100_000])
def test_match(benchmark: Measure, others: int, topics: int) -> None:
    tree = SubscriptionTree()
    for each in other_filters(others):
        tree.add(Nobody(), Subscription(each, 0))
    tree.add(Nobody(), Subscription("bench/0000/+", 0))
    names = [f"bench/0000/{number:05d}" for number in range(topics)] * (COUNT if topics == 1 else 1)
    turns = itertools.cycle(range(0, len(names), COUNT))

    def step() -> None:
        at = next(turns)
        for name in names[at : at + COUNT]:
            tree.match(name)

    assert len(tree.match(names[0])) == 1
    benchmark(step)


def clients(receivers: int, qos: int, topic_filter: str) -> tuple[BenchClient, list[BenchClient]]:
    """A publisher and its receivers on one Server."""
    bench = Bench(receive_maximum=COUNT, maximum_inflight=COUNT, maximum_unsent_bytes=1 << 30)
    connected = [bench.connected(f"receiver-{n}", MQTT_3_1_1) for n in range(receivers)]
    for client in connected:
        client.subscribe(topic_filter, qos)
    return bench.connected("publisher", MQTT_3_1_1), connected


@pytest.mark.parametrize("topics", [1, 1000])
@pytest.mark.parametrize("receivers", [1, 100])
def test_deliver_qos_0(benchmark: Measure, receivers: int, topics: int) -> None:
    published = ring(0, topics=topics)
    publisher, receiving = clients(receivers, 0, published.topic_filter)

    def step() -> int:
        publisher.send(published.packets)
        return sum(len(client.received_bytes()) for client in receiving)

    assert benchmark(step) == len(published.packets) * receivers


@pytest.mark.parametrize("topics", [1, 1000])
def test_a_round_of_qos_1(benchmark: Measure, topics: int) -> None:
    published = ring(1, topics=topics)
    publisher, (receiver,) = clients(1, 1, published.topic_filter)

    def step() -> None:
        publisher.send(published.packets)
        received = receiver.received_bytes()
        receiver.send(b"".join(_acknowledgements(received, published, PUBACK)))
        assert len(publisher.received_bytes()) == 4 * COUNT

    benchmark(step)


@pytest.mark.parametrize("topics", [1, 1000])
def test_a_round_of_qos_2(benchmark: Measure, topics: int) -> None:
    published = ring(2, topics=topics)
    publisher, (receiver,) = clients(1, 2, published.topic_filter)
    pubrels = b"".join(acknowledgement(PUBREL, n + 1) for n in range(COUNT))

    def step() -> None:
        publisher.send(published.packets)
        received = receiver.received_bytes()
        receiver.send(b"".join(_acknowledgements(received, published, PUBREC)))
        pubcomps = receiver.received_bytes().replace(bytes((PUBREL, 2)), bytes((PUBCOMP, 2)))
        receiver.send(pubcomps)
        publisher.send(pubrels)
        assert len(publisher.received_bytes()) == 8 * COUNT

    benchmark(step)


def _acknowledgements(data: bytes, published: Ring, kind: int) -> list[bytes]:
    at, head = published.form.identifier_at, bytes((kind, 2))
    return [head + data[n + at : n + at + 2] for n in range(0, len(data), published.size)]
