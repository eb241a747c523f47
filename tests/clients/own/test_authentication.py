"""SCRAM-SHA-256 between our Client and our Broker: enhanced authentication, and the same again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amqtt.access.scram import credential_line
from amqtt.broker import Broker
from amqtt.clients import Client, ClientAuthentication, Reconnect, ScramAuthentication
from amqtt.errors import ConnectError


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    users = tmp_path / "scram"
    users.write_text(credential_line("me", "secret") + "\n", encoding="utf-8")
    config = {
        "listeners": {"default": {"bind": "127.0.0.1:0"}}, "sys_interval": 0,
        "auth": {"plugins": ["auth_scram"], "scram-file": str(users), "allow-anonymous": False},
    }
    async with Broker(config) as broker:
        yield f"mqtt://127.0.0.1:{broker.listeners['default'].addresses[0][1]}"


async def test_who_knows_the_password_comes_in_and_may_prove_it_again(url: str) -> None:
    async with Client(url, authentication=ScramAuthentication("me", "secret")) as client:
        await client.reauthenticate()
        await client.reauthenticate()
        await client.ping()


@pytest.mark.parametrize(("user", "password"), [("me", "wrong"), ("nobody", "secret")])
async def test_who_does_not_is_refused(url: str, user: str, password: str) -> None:
    client = Client(url, authentication=ScramAuthentication(user, password), reconnect=Reconnect(0.01, 0.1))
    with pytest.raises(ConnectError) as refused:
        await client.connect()
    assert refused.value.reason_code == 0x86


async def test_without_an_authentication_there_is_none_to_repeat(url: str) -> None:
    with pytest.raises(ValueError, match="no enhanced authentication"):
        await Client(url).reauthenticate()


async def test_another_method_is_refused(url: str) -> None:
    class Other(ClientAuthentication):
        method = "OTHER"

        def begin(self) -> bytes | None:
            return None

        def step(self, data: bytes | None) -> bytes | None:
            raise AssertionError("it was asked")

        def finish(self, data: bytes | None) -> None:
            raise AssertionError("it was accepted")

    with pytest.raises(ConnectError, match="bad authentication method"):
        await Client(url, authentication=Other()).connect()


async def test_one_that_fails_when_the_connection_is_made_anew_is_asked_again(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Unwell(ScramAuthentication):
        times = 0

        def begin(self) -> bytes | None:
            Unwell.times += 1
            if Unwell.times == 2:
                raise RuntimeError("the vault does not answer")
            return super().begin()

    async with asyncio.timeout(10):
        client = Client(url, authentication=Unwell("me", "secret"), reconnect=Reconnect(0.01, 0.01))
        async with client:
            assert client._lifeline._connection is not None
            client._lifeline._connection.abort()
            while Unwell.times < 3 or not client.is_connected:
                await client._lifeline.news()
    assert "RuntimeError('the vault does not answer')" in caplog.text
