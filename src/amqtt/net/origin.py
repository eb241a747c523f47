"""Which web pages may open a WebSocket: the check of the Origin that their browsers state (RFC 6454)."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit


def may_come_from(origins: Sequence[str], hosts: Sequence[str], allowed: Sequence[str], local: str) -> bool:
    """Whether a request with these Origin and Host headers may open a WebSocket.

    It may without an Origin, because no browser sends it, from an Origin that is `allowed` (`*`: any),
    and from a page of the very host that it asks for. `local` is the address that it has reached: where
    that is this machine's own, a Host of another name is an attacker's who has it resolved to us.
    """
    if not origins:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].strip().lower()
    if "*" in allowed or origin in {one.strip().lower().rstrip("/") for one in allowed}:
        return True
    page = _name(origin)
    if not page or len(hosts) != 1 or page != _name("//" + hosts[0]):
        return False
    return _is_here(page) or not _is_here(local)


def _name(url: str) -> str:
    """The host of a URL, "" where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_here(host: str) -> bool:
    """Whether a name or an address is this machine's own, wherever it is said."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
