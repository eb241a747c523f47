"""B6: more than Receive Maximum at once: MQTT 5.0 Clients are told, the others wait; nothing is lost."""

from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from support.bench_server import BenchClient
from support.durable_server import DurableBench
from support.exchange import lasting, leave, take
from support.gated_store import GatedStore, until
from support.opener import Opener
from support.raw_client import RawClient

MOST = 8
ANSWERS: dict[int, type[Packet]] = {1: Puback, 2: Pubrec}
QOS = pytest.mark.parametrize("qos", ANSWERS)
STEP = pytest.mark.parametrize("step", [1, 3])
"""From one Packet Identifier to the next: with 1 they are taken as a run, with 3 one by one."""


def segment(identifiers: range, qos: int, version: int) -> bytes:
    """A PUBLISH for each, which says its Packet Identifier, as one piece."""
    return b"".join(encode(Publish("t", b"%d" % n, qos, packet_id=n), version) for n in identifiers)


# -- with a store that commits when the test says so


def slow(version: int) -> tuple[DurableBench, BenchClient]:
    """A Server whose disk has something to do, a message for who is away; and a publisher."""
    bench = DurableBench(receive_maximum=MOST)
    away = bench.connected("away", MQTT_5, **lasting(MQTT_5))
    away.subscribe("t", 2)
    away.lose()
    publisher = bench.connected("publisher", version)
    bench.commits_at_once = False
    return bench, publisher


def waits(bench: DurableBench, client: BenchClient) -> list[bool]:
    """Hold it back as `net` does: True is in there as soon as it is read from again."""
    assert bench.turn.congested is client.link
    went_on: list[bool] = []
    client.link.waiting.add(lambda: went_on.append(True))
    return went_on


def kept(bench: DurableBench) -> list[bytes]:
    """What the disk has for who is away."""
    return [message.payload for message in bench.kept.messages.values() if message is not None]


@QOS
@STEP
def test_an_mqtt_3_client_is_held_back_at_one_more_and_goes_on_after_one_commit(qos: int, step: int) -> None:
    bench, publisher = slow(MQTT_3_1_1)
    identifiers = range(1, 1 + step * (MOST + 1), step)
    publisher.send(segment(identifiers, qos, MQTT_3_1_1))
    went_on = waits(bench, publisher)
    assert publisher.received() == []
    assert kept(bench) == went_on == []
    bench.finish(bench.take())
    assert went_on == [True]
    answers = publisher.received()
    assert [(type(each), each.packet_id) for each in answers] == [(ANSWERS[qos], n) for n in identifiers]  # type: ignore[union-attr]
    assert kept(bench) == [b"%d" % n for n in identifiers]
    assert bench.faults == []


@QOS
@STEP
def test_with_as_many_as_receive_maximum_it_is_read_from(qos: int, step: int) -> None:
    bench, publisher = slow(MQTT_3_1_1)
    publisher.send(segment(range(1, 1 + step * MOST, step), qos, MQTT_3_1_1))
    assert bench.turn.congested is None
    publisher.send(Pingreq())
    assert [type(each) for each in publisher.received()] == [Pingresp]
    bench.commit()
    assert [type(each) for each in publisher.received()] == [ANSWERS[qos]] * MOST


@STEP
def test_an_mqtt_5_client_is_told_of_the_ninth_message_of_qos_2(step: int) -> None:
    bench, publisher = slow(MQTT_5)
    identifiers = range(1, 1 + step * (MOST + 1), step)
    publisher.send(segment(identifiers, 2, MQTT_5))
    assert publisher.state.closed
    last = publisher.received()[-1]
    assert isinstance(last, Disconnect)
    assert last.reason_code == 0x93
    assert bench.server.realm.excess.counts == {"receive_maximum": 1}
    bench.commit()
    assert kept(bench) == [b"%d" % n for n in identifiers[:MOST]]


@STEP
def test_an_mqtt_5_client_waits_with_qos_1_too_for_a_disk_that_is_late(step: int) -> None:
    """It would have its PUBACK, if only the disk were faster: that is no fault of its own."""
    bench, publisher = slow(MQTT_5)
    identifiers = range(1, 1 + step * (MOST + 1), step)
    publisher.send(segment(identifiers, 1, MQTT_5))
    went_on = waits(bench, publisher)
    bench.finish(bench.take())
    assert went_on == [True]
    assert [type(each) for each in publisher.received()] == [Puback] * (MOST + 1)
    assert kept(bench) == [b"%d" % n for n in identifiers]


def test_an_mqtt_3_client_that_never_releases_is_read_from_as_soon_as_the_disk_has_all() -> None:
    """Its PUBREL would be what is not read."""
    bench, publisher = slow(MQTT_3_1_1)
    for first in range(1, 1 + 10 * (MOST + 1), MOST + 1):
        publisher.send(segment(range(first, first + MOST + 1), 2, MQTT_3_1_1))
        assert bench.turn.congested is publisher.link
        bench.commit()
        bench.turn.begin(bench.turn.now)
    assert not publisher.link.held
    identifiers = range(1, 1 + 10 * (MOST + 1))
    assert [type(each) for each in publisher.received()] == [Pubrec] * len(identifiers)
    publisher.send(*map(Pubrel, identifiers))
    bench.commit()
    assert [type(each) for each in publisher.received()] == [Pubcomp] * len(identifiers)
    assert kept(bench) == [b"%d" % n for n in identifiers]


# -- with a broker, SQLite and a disk that is slow


@QOS
@STEP
async def test_what_is_beyond_stays_in_the_socket_until_the_disk_has_the_rest(
    qos: int, step: int, tmp_path: Path, opener: Opener
) -> None:
    config: dict[str, Any] = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0,
        "limits": {"receive-maximum": MOST}, "persistence": {"file": str(tmp_path / "amqtt.db")},
    }
    identifiers = range(1, 1 + step * (MOST + 1), step)
    later = range(identifiers[-1] + step, identifiers[-1] + 1 + 5 * step, step)
    async with Broker(config) as broker:
        away = await opener(broker)
        await away.connect("away", **lasting(MQTT_5))
        await away.subscribe("t", 2)
        await leave(away)
        idle = await opener.connected(broker, "idle")
        publisher = await RawClient.open(broker.listeners["test"].addresses[0], MQTT_3_1_1)
        await publisher.connect("publisher")
        disk, counters = GatedStore(broker), broker.server.counters
        publisher.send(segment(identifiers, qos, MQTT_3_1_1))
        await until(lambda: counters.published == len(identifiers))
        publisher.send(segment(later, qos, MQTT_3_1_1))
        for _ in range(20):
            assert await idle.sync() == []
        assert counters.published == len(identifiers), "it reads on"
        disk.is_open.set()
        for number in (*identifiers, *later):
            answer = await publisher.receive()
            assert (type(answer), answer.packet_id) == (ANSWERS[qos], number)  # type: ignore[union-attr]
        await publisher.close()
    async with Broker(config) as broker:
        back = await opener(broker)
        await back.connect("away", **lasting(MQTT_5))
        arrived = await take(back, len(identifiers) + len(later))
        assert [int(message.payload) for message in arrived] == [*identifiers, *later]
        assert await back.sync() == []
