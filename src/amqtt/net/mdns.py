"""Announces Listeners on the local network: multicast DNS (RFC 6762) and DNS-SD (RFC 6763)."""

import asyncio
import logging
import socket
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from amqtt.net.listener import Listener
from amqtt.net.settings import LONGEST_INSTANCE_NAME, ListenerSettings, MdnsSettings

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

logger = logging.getLogger("amqtt.broker")

SERVICES: Final = {
    ("tcp", False): "_mqtt._tcp",
    ("tcp", True): "_secure-mqtt._tcp",
    ("ws", False): "_mqtt-ws._tcp",
    ("ws", True): "_mqtt-wss._tcp",
}
"""Type of a Listener, and whether it speaks TLS → service. IANA has registered the first two; the others
are named after them. Whoever else listens is nobody's business on the network."""
FAREWELL: Final = 3.0
"""Seconds to take an announcement back; it says goodbye three times, an eighth of a second between."""
_DOMAIN: Final = "local."


class Service(NamedTuple):
    """What is announced of one Listener: an instance of a service, where it is, and its TXT record."""

    kind: str
    name: str
    addresses: tuple[str, ...]
    port: int
    text: tuple[tuple[str, str], ...] = ()


def services(listeners: Iterable[Listener], name: str, reachable: Collection[str]) -> Iterator[Service]:
    """What to announce of these Listeners, at those of their addresses that are `reachable`."""
    known = [each for each in listeners if _kind(each.settings) is not None]
    kinds = [_kind(each.settings) for each in known]
    for listener, kind in zip(known, kinds, strict=True):
        assert kind is not None
        own_name = name if kinds.count(kind) == 1 else f"{name} ({listener.name})"
        path = listener.settings.path if listener.settings.type == "ws" else None
        text = () if path is None else (("path", path),)
        for port, hosts in _hosts(listener).items():
            addresses = tuple(each for each in reachable if _is_served(each, hosts))
            if addresses:
                yield Service(kind, _cut(own_name), addresses, port, text)


def _kind(settings: ListenerSettings) -> str | None:
    return SERVICES.get((settings.type, settings.tls is not None))


def _hosts(listener: Listener) -> dict[int, set[str]]:
    """Port → the addresses that are listened on there."""
    found: dict[int, set[str]] = {}
    for address in listener.addresses:
        if not isinstance(address, str):
            host, port = address
            found.setdefault(port, set()).add(host)
    return found


def _is_served(address: str, hosts: set[str]) -> bool:
    anywhere = "::" if ip_address(address).version == 6 else "0.0.0.0"  # noqa: S104  # to compare with
    return address in hosts or anywhere in hosts


def _cut(name: str) -> str:
    return name.encode()[:LONGEST_INSTANCE_NAME].decode(errors="ignore")


def addresses_of_this_machine() -> list[str]:
    """Its addresses, without those that nobody else reaches, and those that need a scope."""
    import ifaddr

    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    written = [each if isinstance(each, str) else each[0] for each in found]
    return [each for each in dict.fromkeys(written) if _is_reached_by_others(ip_address(each))]


def _is_reached_by_others(address: IPv4Address | IPv6Address) -> bool:
    return not address.is_loopback and not (address.version == 6 and address.is_link_local)


class Announcement:
    """What is announced of a Broker, from `begin` to `end`. Where that fails, the log says so: it serves."""

    def __init__(self, settings: MdnsSettings, listeners: Iterable[Listener]) -> None:
        reachable = settings.interfaces or addresses_of_this_machine()
        host = socket.gethostname().partition(".")[0]
        self._settings = settings
        self._server = f"{host}.{_DOMAIN}"
        self._services = list(services(listeners, settings.name or f"amqtt on {host}", reachable))
        self._zeroconf: AsyncZeroconf | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Announce from now on. It takes a second, for which nobody has to wait."""
        if not self._services:
            logger.warning("mdns: no listener has an address that can be announced; nothing is")
            return
        self._task = asyncio.get_running_loop().create_task(self._announce())

    async def end(self) -> None:
        """Take it back, within FAREWELL seconds. Idempotent."""
        task, self._task = self._task, None
        zeroconf, self._zeroconf = self._zeroconf, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if zeroconf is None:
            return
        from zeroconf import Error

        try:
            try:
                async with asyncio.timeout(FAREWELL):
                    await zeroconf.async_unregister_all_services()
            finally:
                await zeroconf.async_close()
        except (TimeoutError, OSError, Error) as error:
            logger.warning("mdns: the announcement could not be taken back, and expires: %r", error)

    async def _announce(self) -> None:
        from zeroconf import Error, InterfaceChoice
        from zeroconf.asyncio import AsyncZeroconf

        try:
            self._zeroconf = AsyncZeroconf(list(self._settings.interfaces) or InterfaceChoice.All)
            for service in self._services:
                info = self._info(service)
                await (await self._zeroconf.async_register_service(info, allow_name_change=True))
                where = ", ".join(f"[{each}]" if ":" in each else each for each in service.addresses)
                logger.info("Announced by mDNS as %s, port %d of %s", info.name, service.port, where)
        except (OSError, Error) as error:
            logger.warning("mdns: cannot announce: %s; clients have to be told the address", error)

    def _info(self, service: Service) -> "AsyncServiceInfo":
        from zeroconf.asyncio import AsyncServiceInfo

        kind = f"{service.kind}.{_DOMAIN}"
        return AsyncServiceInfo(
            kind, f"{service.name}.{kind}", service.port, properties=dict(service.text), server=self._server,
            parsed_addresses=list(service.addresses),
        )
