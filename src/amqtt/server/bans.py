"""Who comes too often, or guesses passwords: kept out for a while, before anybody is asked about it.

Nobody is ever kept out for a Client Identifier alone, which is not secret: somebody else could have
its owner kept out. It is always the address, and what was stated from there.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, TypeVar

from amqtt.abc import Peer
from amqtt.server.rates import Meter
from amqtt.wire.packets import Connect
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from amqtt.server.limits import Limits

WINDOW: Final = 60.0
"""Seconds in which failed logins, or reconnections, are counted together."""
MAXIMUM_REMEMBERED: Final = 10_000
"""Addresses, and (address, name) pairs, remembered: some 2 MB, three times that with long names. With more,
the oldest are forgotten."""
KEPT: Final = MAXIMUM_REMEMBERED * 3 // 4
"""How many of them stay when there is no room."""
LONGEST_NAME: Final = 64
"""Characters of a name that is remembered as it is. A user name may have 65,535 bytes, and whoever guesses
chooses it: it must not be him who says how much is remembered."""
_IPV6_SITE: Final = 64
"""Bits. Whoever has one IPv6 address mostly has all that begin with the same 64 bits."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Record:
    """What one party did since `since`, and until when it is kept out."""

    __slots__ = ("banned_until", "count", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.count = 0
        self.banned_until = 0.0


class Strikes:
    """Counts what a party does; with `maximum` of it in WINDOW seconds it is banned for `ban_time`.

    `maximum` 0 counts nothing.
    """

    __slots__ = ("_records", "ban_time", "maximum")

    def __init__(self, maximum: int, ban_time: float) -> None:
        self.maximum = maximum
        self.ban_time = ban_time
        self._records: dict[tuple[str, str], Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def strike(self, party: tuple[str, str], now: float) -> bool:
        """Count one more; whether that was one too many."""
        if not self.maximum:
            return False
        record = self._records.get(party)
        if record is None or now >= record.since + WINDOW:
            if record is None:
                _make_room(self._records, self._is_over, now)
            record = self._records[party] = Record(now)
        record.count += 1
        if record.count < self.maximum:
            return False
        record.banned_until = now + self.ban_time
        record.since = now
        record.count = 0
        return True

    def is_banned(self, party: tuple[str, str], now: float) -> bool:
        """Whether it is kept out at this moment."""
        record = self._records.get(party)
        return record is not None and now < record.banned_until

    def forgive(self, party: tuple[str, str]) -> None:
        """Forget what it did."""
        self._records.pop(party, None)

    def _is_over(self, record: Record, now: float) -> bool:
        return now >= record.since + WINDOW and now >= record.banned_until


class Bans:
    """Counts failed logins by (address, user), reconnections by (address, Client), CONNECTs by address."""

    __slots__ = ("_limits", "_meters", "logins", "reconnections")

    def __init__(self, limits: "Limits") -> None:
        self._limits = limits
        self.logins = Strikes(limits.maximum_failed_logins, limits.ban_time)
        self.reconnections = Strikes(limits.maximum_reconnections, limits.ban_time)
        self._meters: dict[str, Meter] = {}

    def adopt(self, limits: "Limits") -> None:
        """Go by other bounds; whoever is banned stays so."""
        self._limits = limits
        self._meters.clear()
        self.logins.maximum, self.logins.ban_time = limits.maximum_failed_logins, limits.ban_time
        self.reconnections.maximum = limits.maximum_reconnections
        self.reconnections.ban_time = limits.ban_time

    def refusal(self, peer: Peer, packet: Connect, now: float) -> tuple[int, str]:
        """The Reason Code to refuse a CONNECT with, and the Limit that it exceeds; 0: it is welcome."""
        address = site(peer)
        if self._limits.maximum_connection_rate and not self._meter(address, now).take(now):
            return ReasonCode.CONNECTION_RATE_EXCEEDED, "maximum_connection_rate"
        if self.logins.is_banned(party(address, claim(packet)), now):
            return ReasonCode.BANNED, "maximum_failed_logins"
        if packet.client_id and self.reconnections.is_banned(party(address, packet.client_id), now):
            return ReasonCode.BANNED, "maximum_reconnections"
        return 0, ""

    def bars(self, peer: Peer, user: str, now: float) -> bool:
        """Whether somebody who said only after his CONNECT who he is may not go on."""
        return self.logins.is_banned(party(site(peer), user), now)

    def failed(self, peer: Peer, packet: Connect, user: str | None, now: float) -> bool:
        """Somebody was refused for who he is; whether he is banned from now on.

        `user` is who he said he is while he authenticated himself, None: it is in his CONNECT.
        """
        stated = user or claim(packet)
        return stated != "" and self.logins.strike(party(site(peer), stated), now)

    def accepted(self, peer: Peer, packet: Connect, user: str | None, now: float) -> bool:
        """Somebody came in; whether he is banned from now on for coming again and again."""
        address = site(peer)
        self.logins.forgive(party(address, user or claim(packet)))
        return self.reconnections.strike(party(address, packet.client_id), now)

    def _meter(self, address: str, now: float) -> Meter:
        meter = self._meters.get(address)
        if meter is None:
            _make_room(self._meters, Meter.is_full, now)
            meter = self._meters[address] = Meter(self._limits.maximum_connection_rate, now)
        return meter


def site(peer: Peer) -> str:
    """Where a Network Connection comes from, as far as one party is concerned; "" for a Unix socket."""
    try:
        address = ip_address(peer.address)
    except ValueError:
        return peer.address
    if not isinstance(address, IPv6Address):
        return peer.address
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> _IPV6_SITE:x}::/{_IPV6_SITE}"


def party(address: str, name: str) -> tuple[str, str]:
    """Whom it is counted for: this name from there. A long one is remembered by its hash."""
    return address, name if len(name) <= LONGEST_NAME else f"\0{hash(name):x}"


def claim(packet: Connect) -> str:
    """Who a Client says it is: its user name, or that it will say so by an Authentication Method.

    Whoever has a method authenticates himself by that, and could put any user name beside it. "" where
    it says nothing, and so guesses nothing.
    """
    properties = packet.properties
    method = None if properties is None else properties.authentication_method
    return (packet.username or "") if method is None else f"\0{method}"


def _make_room(
    remembered: dict[Key, Value],
    is_over: Callable[[Value, float], bool],
    now: float,
) -> None:
    """Forget what is over where there is no room for another one, and of the oldest until many fit.

    To look at all of them for each newcomer would be an attack by itself.
    """
    if len(remembered) < MAXIMUM_REMEMBERED:
        return
    for key in [key for key, value in remembered.items() if is_over(value, now)]:
        del remembered[key]
    for key in list(remembered)[:max(0, len(remembered) - KEPT)]:
        del remembered[key]
