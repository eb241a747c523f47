"""A Broker that is announced by mDNS, and found by somebody who asks on loopback."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from support.commands import missing
from support.served import DEADLINE
from support.tls import Authority

if find_spec("zeroconf") is None:
    missing("zeroconf")

from zeroconf import NotRunningException, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

LOOPBACK = ["127.0.0.1"]
ANY_PORT = {"bind": "127.0.0.1:0"}


class Neighbour:
    """Somebody on the network who browses for one kind of service."""

    def __init__(self, kind: str) -> None:
        self._kind = f"{kind}.local."
        self._seen: asyncio.Queue[tuple[ServiceStateChange, str]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._zeroconf = AsyncZeroconf(LOOPBACK)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, self._kind, handlers=[self._changed])
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._browser.async_cancel()
        await self._zeroconf.async_close()

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        self._seen.put_nowait((state_change, name))

    async def sees(self, change: ServiceStateChange, name: str) -> None:
        """Wait until that has happened to the service of this instance name."""
        async with asyncio.timeout(DEADLINE):
            while await self._seen.get() != (change, f"{name}.{self._kind}"):
                pass

    async def resolved(self, name: str) -> AsyncServiceInfo:
        """Where it is, and its TXT record."""
        info = AsyncServiceInfo(self._kind, f"{name}.{self._kind}")
        assert await info.async_request(self._zeroconf.zeroconf, DEADLINE * 1000)
        return info


def announced(listener: dict[str, object], name: str) -> Broker:
    mdns = {"enabled": True, "name": name, "interfaces": LOOPBACK}
    return Broker({"listeners": {"default": {}, "found": {**ANY_PORT, **listener}}, "mdns": mdns})


@pytest.fixture
def name() -> str:
    return f"amqtt {uuid4()}"


async def test_a_listener_is_found_and_is_gone_after_the_shutdown(name: str) -> None:
    async with Neighbour("_mqtt._tcp") as neighbour:
        async with announced({}, name) as broker:
            await neighbour.sees(ServiceStateChange.Added, name)
            found = await neighbour.resolved(name)
            assert [(LOOPBACK[0], found.port)] == broker.listeners["found"].addresses
            assert found.parsed_addresses() == LOOPBACK
        await neighbour.sees(ServiceStateChange.Removed, name)


async def test_one_with_tls_is_another_service(name: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    async with Neighbour("_secure-mqtt._tcp") as neighbour, announced(tls, name):
        await neighbour.sees(ServiceStateChange.Added, name)


async def test_of_websocket_the_path_is_said(name: str) -> None:
    async with Neighbour("_mqtt-ws._tcp") as neighbour, announced({"type": "ws", "path": "/mqtt"}, name):
        await neighbour.sees(ServiceStateChange.Added, name)
        assert (await neighbour.resolved(name)).decoded_properties == {"path": "/mqtt"}


async def test_a_name_that_is_taken_gets_a_number(name: str) -> None:
    async with Neighbour("_mqtt._tcp") as neighbour, announced({}, name):
        await neighbour.sees(ServiceStateChange.Added, name)
        async with announced({}, name):
            await neighbour.sees(ServiceStateChange.Added, f"{name}-2")


async def test_a_broker_that_cannot_announce_serves_and_says_so(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = {"enabled": True, "interfaces": ["192.0.2.1"]}
    async with Broker({"listeners": {"default": ANY_PORT}, "mdns": elsewhere}) as broker:
        assert broker.ready
    assert "mdns: no listener has an address that can be announced" in caplog.text


async def test_an_announcement_that_cannot_be_taken_back_keeps_no_listener_open(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_back = AsyncZeroconf.async_unregister_all_services

    async def fail_once(self: AsyncZeroconf) -> None:
        monkeypatch.setattr(AsyncZeroconf, "async_unregister_all_services", take_back)
        raise NotRunningException

    async with Neighbour("_mqtt._tcp") as neighbour:
        broker = announced({}, name)
        await broker.start()
        await neighbour.sees(ServiceStateChange.Added, name)
        monkeypatch.setattr(AsyncZeroconf, "async_unregister_all_services", fail_once)
        await broker.shutdown()
    assert dict(broker.listeners) == {}
    assert "mdns: the announcement could not be taken back, and expires" in caplog.text


async def test_without_the_extra_it_does_not_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("amqtt.config_file.mdns.is_available", lambda: False)
    with pytest.raises(BrokerError, match=r"mdns\.enabled: .* pip install 'amqtt\[mdns\]'"):
        announced({}, name)


async def test_it_is_off_by_default() -> None:
    assert not Broker({}).config.mdns.enabled
