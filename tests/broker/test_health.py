"""A Broker with a Listener of type http: health, readiness and figures."""

import asyncio
import ssl
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.net import connection
from support.tls import Authority

HTTP = {"type": "http", "bind": "127.0.0.1:0"}
MQTT = {"bind": "127.0.0.1:0"}


async def asked(broker: Broker, path: str, header: str = "", tls: ssl.SSLContext | None = None) -> str:
    host, port = broker.http_listeners["http"].addresses[0]
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def test_it_says_that_it_lives_and_is_ready_and_what_it_counts() -> None:
    async with Broker({"listeners": {"default": MQTT, "http": HTTP}}) as broker:
        assert (await asked(broker, "/healthz")).endswith("\r\n\r\nok\n")
        assert (await asked(broker, "/readyz")).endswith("\r\n\r\nready\n")
        metrics = await asked(broker, "/metrics")
        assert 'amqtt_listener_connections{listener="default"} 0' in metrics
        assert "listener=\"http\"" not in metrics
        assert list(broker.listeners) == ["default"]


async def test_while_it_stops_it_lives_and_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 1000.0)
    broker = Broker({"listeners": {"default": MQTT, "http": HTTP}})
    await broker.start()
    _, port = broker.listeners["default"].addresses[0]
    answers, client = await asyncio.open_connection("127.0.0.1", port)
    client.write(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
    assert await answers.readexactly(4) == b"\x20\x02\x00\x00"
    # Until the Client closes its side, the Broker waits for it.
    stopping = asyncio.get_running_loop().create_task(broker.shutdown())
    health, readiness = await asyncio.gather(asked(broker, "/healthz"), asked(broker, "/readyz"))
    assert " 200 " in health
    assert " 503 " in readiness
    client.close()
    await stopping
    assert (broker.http_listeners, broker.ready) == ({}, False)


async def test_with_tls_and_a_token_other_machines_may_ask(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n", encoding="ascii")
    keys = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    http = {**HTTP, "bind": "0.0.0.0:0", "token-file": token, **keys}
    async with Broker({"listeners": {"default": MQTT, "http": http}}) as broker:
        tls = authority.client_context()
        tls.check_hostname = False
        assert " 401 " in await asked(broker, "/metrics", tls=tls)
        assert " 200 " in await asked(broker, "/healthz", tls=tls)
        assert " 200 " in await asked(broker, "/metrics", "Authorization: Bearer 0123456789abcdef\r\n", tls)


@pytest.mark.parametrize("content", [None, b"short\n", b"\xff" * 20])
async def test_a_token_that_cannot_be_read_or_guessed_easily_is_a_mistake(
    tmp_path: Path, content: bytes | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with pytest.raises(BrokerError, match="token-file"):
        await Broker({"listeners": {"default": MQTT, "http": {**HTTP, "token-file": token}}}).start()


async def test_a_port_that_is_taken_is_said_and_nothing_stays_open() -> None:
    async with Broker({"listeners": {"default": MQTT, "http": HTTP}}) as broker:
        _, port = broker.http_listeners["http"].addresses[0]
        other = Broker({"listeners": {"default": MQTT, "http": {**HTTP, "bind": f"127.0.0.1:{port}"}}})
        with pytest.raises(BrokerError, match=str(port)):
            await other.start()
        assert other.listeners == {}


@pytest.mark.parametrize(
    ("bind", "written"),
    [(9001, "localhost:9001"), (":9001", "localhost:9001"), ("", "localhost:9883"), ("*:9001", "*:9001"),
     ("0.0.0.0:9001", "0.0.0.0:9001")],
)  # fmt: skip
def test_without_a_host_it_is_for_this_machine_alone(bind: object, written: str) -> None:
    broker = Broker({"listeners": {"default": MQTT, "http": {"type": "http", "bind": bind}}})
    assert broker.config.listeners["http"].bind == written
    assert broker.config.notices == ()
