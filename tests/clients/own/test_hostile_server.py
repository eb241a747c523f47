"""Servers that are none: the Client ends in good order, in time, and leaves nothing behind."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from amqtt.clients import Client
from amqtt.errors import ConnectError, DisconnectedError
from support.served import DEADLINE


@asynccontextmanager
async def saying(*pieces: bytes, closes: bool = False) -> AsyncIterator[int]:
    """A server that says this to whoever connects; the port. It reads to the end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.append(task)
        try:
            for piece in pieces:
                await reader.read(1)
                writer.write(piece)
                await writer.drain()
            while not closes and await reader.read(65536):
                pass
        except OSError:
            pass
        finally:
            writer.close()

    answering: list[asyncio.Task[None]] = []
    async with asyncio.timeout(DEADLINE), await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        if answering:
            await asyncio.wait(answering)


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
@pytest.mark.parametrize(
    "said",
    [
        b"", b"\x20", b"\x20\x03\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 3000,
        b"\x20\xff\xff\xff\xff", b"\x30\x00" * 1000, b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
)
async def test_no_mqtt_at_the_other_end_is_said_in_time(scheme: str, said: bytes) -> None:
    async with saying(said) as port:
        with pytest.raises(ConnectError, match="cannot connect"):
            await Client(f"{scheme}://127.0.0.1:{port}", connect_timeout=0.2).connect()


async def test_a_server_that_hangs_up_at_once_is_told_from_one_that_refuses() -> None:
    async with saying(b"", closes=True) as port:
        with pytest.raises(ConnectError, match="closed the Network Connection") as failed:
            await Client(f"mqtt://127.0.0.1:{port}").connect()
        assert failed.value.reason_code is None


async def test_rubbish_after_connack_ends_what_the_program_waits_for() -> None:
    async with saying(b"\x20\x03\x00\x00\x00", b"\xff" * 100) as port:
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=False)
        await client.connect()
        with pytest.raises(DisconnectedError, match="is lost"):
            await client.subscribe("a")
        await client.disconnect()


async def refused_by(port: int) -> "weakref.ref[Client]":
    client = Client(f"mqtt://127.0.0.1:{port}")
    with pytest.raises(ConnectError):
        await client.connect()
    return weakref.ref(client)


async def test_clients_that_could_not_connect_are_not_kept() -> None:
    async with saying(b"\xff" * 100) as port:
        refused = [await refused_by(port) for _ in range(3)]
        await asyncio.sleep(0)
    gc.collect()
    assert [each() for each in refused] == [None, None, None]
