"""Graceful stop: nobody new, what is under way is finished, the disk, a word to every Client, a deadline."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from amqtt import stopping
from amqtt.broker import Broker
from amqtt.wire.packets import Disconnect, Puback, Publish, WillFields
from amqtt.wire.reasons import ReasonCode
from support.exchange import deliver, leave, take
from support.gated_store import ENOUGH, GatedStore
from support.opener import Opener
from support.raw_client import RawClient

FOR_EVER = 3000.0
"""Seconds of drain that no test waits for."""
PATIENT = 10_000.0
"""A timeout of a shutdown that leaves time for that."""
LASTING: dict[str, Any] = {"clean_start": False, "session_expiry_interval": 0xFFFFFFFF}


def draining(**more: object) -> dict[str, object]:
    return {"listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0, "drain": FOR_EVER, **more}


def keeping(file: Path, **more: object) -> dict[str, object]:
    return draining(persistence={"file": str(file), **more})


async def owing(broker: Broker, opener: Opener, client_id: str = "owing") -> tuple[RawClient, Publish]:
    """A Client with a message that it has not acknowledged."""
    client = await opener.connected(broker, client_id)
    await client.subscribe("t", 1)
    broker.publish("t", b"x", 1)
    return client, await client.expect(Publish)


async def until_closed(client: RawClient) -> list[object]:
    """The Reason Codes of what a Client is told until the end; it closes its side, too."""
    packets = await client.expect_closed()
    await client.close()
    return [packet.reason_code if isinstance(packet, Disconnect) else packet for packet in packets]


def begin(broker: Broker, timeout: float = PATIENT) -> asyncio.Task[None]:
    return asyncio.create_task(broker.shutdown(timeout))


async def test_with_nothing_under_way_it_does_not_wait(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client = await opener.connected(broker, "c")
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        assert await until_closed(client) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end


async def test_what_is_under_way_is_finished_first(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client, message = await owing(broker, opener)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        assert await client.sync() == []
        assert (broker.is_running, broker.ready) == (False, False)
        client.send(Puback(message.packet_id))
        assert await until_closed(client) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end


async def test_nobody_new_comes_in_while_those_who_are_there_are_served(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    where = broker.listeners["test"].addresses[0]
    owes, message = await owing(broker, opener)
    publisher = await opener.connected(broker, "publisher")
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        await publisher.sync()
        with pytest.raises(ConnectionError):
            await RawClient.open(where)
        await deliver(publisher, "t", b"while it drains", 1)
        owes.send(Puback(message.packet_id))
        last = await owes.expect(Publish)
        assert last.payload == b"while it drains"
        owes.send(Puback(last.packet_id))
        assert await until_closed(owes) == await until_closed(publisher)
        await end


async def test_when_it_has_drained_acknowledgements_are_taken_and_messages_are_not(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "LAST_ACKNOWLEDGEMENTS", FOR_EVER)
    broker = Broker(draining(drain=0))
    await broker.start()
    owes, message = await owing(broker, opener)
    publisher = await opener.connected(broker, "publisher")
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        await publisher.sync()
        publisher.publish("t", b"too late", 1)
        assert await publisher.sync() == []
        owes.send(Puback(message.packet_id))
        assert await until_closed(owes) == [ReasonCode.SERVER_SHUTTING_DOWN]
        assert await until_closed(publisher) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end


async def test_a_client_that_acknowledges_nothing_holds_it_up_no_longer_than_the_drain(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "LAST_ACKNOWLEDGEMENTS", 0.01)
    broker = Broker(draining(drain=0.01))
    await broker.start()
    client, _ = await owing(broker, opener)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        assert await until_closed(client) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end


async def test_the_drain_leaves_time_for_the_rest_of_a_shutdown(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client, _ = await owing(broker, opener)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker, 1.0)
        assert await until_closed(client) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end


async def test_a_second_call_shortens_the_first_and_both_return(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client, _ = await owing(broker, opener)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        await client.sync()
        longer = begin(broker, 2 * PATIENT)
        await client.sync()
        await broker.shutdown(0)
        await asyncio.gather(end, longer)
    assert (broker.transitions.state, dict(broker.listeners)) == ("stopped", {})


async def test_a_cancelled_shutdown_goes_on_and_can_be_shortened(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client, _ = await owing(broker, opener)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        await client.sync()
        end.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await end
        assert await client.sync() == []
        await broker.shutdown(0)
    assert not broker.is_running


async def test_it_serves_again_after_a_shutdown(opener: Opener) -> None:
    broker = Broker(draining())
    async with broker:
        await opener.connected(broker, "c")
        await broker.shutdown(0)
    async with broker:
        client = await opener.connected(broker, "c")
        await deliver(client, "t", b"x", 1)


async def test_what_waits_for_the_disk_is_acknowledged_before_the_end(tmp_path: Path, opener: Opener) -> None:
    broker = Broker(keeping(tmp_path / "amqtt.db"))
    await broker.start()
    away = await opener(broker)
    await away.connect("away", **LASTING)
    await away.subscribe("t", 1)
    await leave(away)
    publisher = await opener.connected(broker, "publisher")
    disk = GatedStore(broker)
    async with asyncio.timeout(ENOUGH):
        publisher.publish("t", b"x", 1, packet_id=9)
        assert await publisher.sync() == []
        end = begin(broker)
        assert await publisher.sync() == []
        disk.is_open.set()
        assert (await publisher.expect(Puback)).packet_id == 9
        assert await until_closed(publisher) == [ReasonCode.SERVER_SHUTTING_DOWN]
        await end
    async with Broker(keeping(tmp_path / "amqtt.db")) as again:
        away = await opener(again)
        await away.connect("away", **LASTING)
        assert [packet.payload for packet in await take(away, 1)] == [b"x"]


async def test_a_disk_that_does_not_answer_does_not_keep_it(tmp_path: Path, opener: Opener) -> None:
    broker = Broker(keeping(tmp_path / "amqtt.db"))
    await broker.start()
    client = await opener.connected(broker, "c")
    GatedStore(broker)
    client.publish("t", b"x", 1, retain=True)
    await client.sync()
    async with asyncio.timeout(ENOUGH):
        end = begin(broker, 0.1)
        packets = await until_closed(client)
        await end
    assert not any(isinstance(packet, Puback) for packet in packets)


async def test_the_log_of_the_store_is_in_the_file_afterwards(tmp_path: Path, opener: Opener) -> None:
    file = tmp_path / "amqtt.db"
    async with Broker(keeping(file)) as broker:
        client = await opener.connected(broker, "c")
        client.publish("t", b"kept", 1, retain=True)
        await client.expect(Puback)
    assert b"kept" in file.read_bytes()
    assert "amqtt.db-wal" not in os.listdir(tmp_path)


@pytest.mark.parametrize(("policy", "now", "later"), [
    ("defer", [b"passes"], [b"lasts"]), ("fire", [b"passes", b"lasts"], []), ("drop", [], []),
])
async def test_wills(
    policy: str, now: list[bytes], later: list[bytes], tmp_path: Path, opener: Opener
) -> None:
    config = keeping(tmp_path / "amqtt.db", **{"restart-grace": 0}) | {"wills-on-shutdown": policy}
    broker = Broker(config)
    await broker.start()
    hears = await opener.connected(broker, "hears")
    await hears.subscribe("w")
    for client_id, options in (("passes", {}), ("lasts", LASTING)):
        client = await opener(broker)
        await client.connect(client_id, will=WillFields("w", client_id.encode(), 1, True), **options)
    async with asyncio.timeout(ENOUGH):
        end = begin(broker)
        *heard, told = await hears.expect_closed()
        await hears.close()
        assert [packet.payload for packet in heard if isinstance(packet, Publish)] == now
        assert isinstance(told, Disconnect)
        await end
        async with Broker(config | {"wills-on-shutdown": "defer"}) as again:
            hears = await opener.connected(again, "hears")
            await hears.subscribe("w")
            for payload in later:
                while (await hears.expect(Publish)).payload != payload:
                    pass
            retained = {message.payload for message in again.server.retained}
            assert retained == set([*now, *later][-1:])


async def test_pings_are_answered_while_it_drains(opener: Opener) -> None:
    broker = Broker(draining())
    await broker.start()
    client, _ = await owing(broker, opener)
    end = begin(broker)
    for _ in range(3):
        assert await client.sync() == []
    await broker.shutdown(0)
    await end
