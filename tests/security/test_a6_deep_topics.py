"""A6: topics of very many levels exhaust no stack, whatever is done with them."""

import pytest

from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.bench_server import Bench

DEEPEST = "/" * 65_535
VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


@VERSIONS
@pytest.mark.parametrize(("levels", "refused"), [(200, False), (201, True)])
def test_topics_may_have_so_many_levels(levels: int, refused: bool, version: int) -> None:
    topic = "/" * (levels - 1)
    bench = Bench()
    client = bench.connected("c", version)
    client.publish(topic, b"x", retain=True)
    assert client.state.closed is refused
    other = bench.connected("d", version)
    if refused:
        assert bench.server.realm.excess.counts == {"maximum_topic_levels": 1}
    else:
        assert other.subscribe(f"$share/g/{topic}") == 0


@VERSIONS
@pytest.mark.parametrize("wildcards", ["/", "+/"])
def test_the_deepest_that_there_can_be_are_published_subscribed_to_and_retained(
    wildcards: str, version: int
) -> None:
    bench = Bench(
        maximum_topic_levels=65_536, maximum_wildcard_levels=1_000_000, maximum_retained_messages=10_000
    )
    client, publisher = bench.connected("c", version), bench.connected("p", version)
    topic_filter = ("+/" * 32_767 + "+") if wildcards == "+/" else DEEPEST
    topic = "/" * 32_767 if wildcards == "+/" else DEEPEST
    filters = [topic_filter, "#", f"$share/g/{topic_filter[:60_000].rstrip('/')}/#"]
    publisher.publish(topic, b"retained", 1, retain=True)
    client.send(*(Subscribe(1, [SubscriptionRequest(each)]) for each in filters[:2]))
    publisher.publish(topic, b"live")
    client.send(Subscribe(1, [SubscriptionRequest(filters[2])]))
    bench.pass_time(1)
    arrived = client.received()
    payloads = [packet.payload for packet in arrived if isinstance(packet, Publish)]
    assert [packet.reason_codes for packet in arrived if isinstance(packet, Suback)] == [[0]] * 3
    assert payloads.count(b"live") == 1
    assert payloads.count(b"retained") == 2
    publisher.publish(topic, b"retained instead", 1, retain=True)
    assert [message.payload for message in bench.server.retained] == [b"retained instead"]
    assert bench.server.retained.get(topic) is not None
    publisher.publish(topic, b"", 1, retain=True)
    assert len(bench.server.realm.retained) == bench.server.realm.retained.nodes == 0
    client.lose()
    assert bench.server.realm.tree.nodes == 0
    assert bench.faults == []


@VERSIONS
def test_a_will_topic_is_bounded_too(version: int) -> None:
    bench = Bench()
    client = bench.client(version)
    client.send(Connect("c", version, will=WillFields("/" * 200, b"")))
    assert client.state.closed
    assert bench.server.realm.sessions == {}
    assert bench.connected("c", version, will=WillFields("/" * 199, b"")).state.session is not None
