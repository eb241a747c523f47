"""Our Client with our Broker and with Mosquitto: every transport, every version, every QoS."""

from collections.abc import Callable
from typing import Any

import pytest

from amqtt.clients import Client, TlsOptions
from amqtt.errors import ConnectError
from support.served import Served
from support.tls import Authority

Url = Callable[[str], str]
Make = Callable[..., Client]


@pytest.mark.parametrize("version", [5, 4])
@pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss", "unix"])
async def test_messages_of_every_qos_go_there_and_back(
    server_url: Url, client_of: Make, name: str, transport: str, version: int
) -> None:
    async with client_of(server_url(transport), version=version) as client:
        assert await client.subscribe(f"{name}/#", qos=2) == [2]
        for qos in (0, 1, 2):
            await client.publish(f"{name}/{qos}", bytes(range(256)) * 20, qos)
        messages = client.messages()
        for qos in (0, 1, 2):
            message = await messages.get()
            assert (message.topic, message.qos) == (f"{name}/{qos}", qos)
            assert message.payload == bytes(range(256)) * 20
        assert await client.ping() >= 0
        assert len(await client.unsubscribe(f"{name}/#")) == 1
    assert not client.is_connected


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_many_messages_at_once_come_in_order(
    server_url: Url, client_of: Make, name: str, transport: str
) -> None:
    async with client_of(server_url(transport)) as client:
        await client.subscribe(name, qos=1)
        for number in range(500):
            await client.publish(name, str(number), qos=number % 2)
        seen: dict[int, list[int]] = {0: [], 1: []}
        for _ in range(500):
            message = await client.messages().get()
            seen[message.qos].append(int(message.text))
        assert seen == {0: list(range(0, 500, 2)), 1: list(range(1, 500, 2))}


async def test_an_mqtt_3_1_client_is_served(server_url: Url, client_of: Make, name: str) -> None:
    async with client_of(server_url("tcp"), version=3, client_id=name[:23]) as client:
        await client.subscribe(name, qos=1)
        await client.publish(name, "x", qos=1)
        assert (await client.messages().get()).text == "x"


@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_a_server_that_is_not_trusted_is_not_spoken_to(
    server_url: Url, client_of: Make, transport: str
) -> None:
    with pytest.raises(ConnectError, match="certificate is not trusted"):
        await client_of(server_url(transport), tls=TlsOptions()).connect()


@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_a_certificate_for_another_name_is_not_trusted(
    served: Served, client_of: Make, authority: Authority, transport: str
) -> None:
    # Another way to write 127.0.0.1, which is not in the certificate.
    url = f"{'mqtts' if transport == 'tls' else 'wss'}://127.1:{served.port(transport)}"
    with pytest.raises(ConnectError, match="certificate is not trusted"):
        await client_of(url).connect()
    for options in (TlsOptions(cafile=authority.cafile, check_hostname=False), TlsOptions(verify=False)):
        async with client_of(url, tls=options) as client:
            assert client.is_connected


async def test_a_client_shows_its_certificate(served: Served, authority: Authority) -> None:
    certfile, keyfile = authority.issue("somebody", common_name="somebody")
    url = f"mqtts://localhost:{served.port('certified')}"
    own: dict[str, Any] = {"certfile": certfile, "keyfile": keyfile}
    async with Client(url, tls=TlsOptions(cafile=authority.cafile, **own)) as client:
        assert client.is_connected
    with pytest.raises(ConnectError):
        await Client(url, tls=TlsOptions(cafile=authority.cafile)).connect()


async def test_a_websocket_needs_a_websocket_at_the_other_end(served: Served, client_of: Make) -> None:
    with pytest.raises(ConnectError, match=r"cannot connect to localhost.*is this a port for WebSocket"):
        await client_of(f"ws://localhost:{served.port('tcp')}", connect_timeout=5.0).connect()


@pytest.mark.parametrize(
    ("scheme", "port", "asked"),
    [("mqtt", "ws", "for WebSocket"), ("mqtt", "tls", "for TLS"), ("mqtts", "tcp", "port speak TLS")],
)
async def test_another_kind_of_port_is_suspected(
    served: Served, client_of: Make, scheme: str, port: str, asked: str
) -> None:
    with pytest.raises(ConnectError, match=asked):
        await client_of(f"{scheme}://localhost:{served.port(port)}", connect_timeout=5.0).connect()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mqtt://localhost:1", "connection refused"),
        ("unix:///nowhere/at/all", "no such file"),
        ("mqtt://nobody.invalid", "name cannot be found"),
    ],
)
async def test_where_nobody_is_the_reason_is_said(url: str, said: str) -> None:
    with pytest.raises(ConnectError, match=said):
        await Client(url).connect()
