"""What a Service may change while it runs: who may come in and what they may do, certificates, limits."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from amqtt.abc import ConnectRequest, Peer, Permissions
from amqtt.access.authenticators import Closable
from amqtt.errors import BrokerError
from amqtt.server.realm import Realm
from amqtt.server.review import review
from amqtt.sessions.session import Session

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from amqtt.config import Config
    from amqtt.net.listener import Listener
    from amqtt.net.settings import ListenerSettings

logger = logging.getLogger("amqtt.broker")

_LISTENED: Final = (
    "type", "bind", "max_connections", "path", "mode", "owner", "group", "allowed_origins", "proxy_from",
)


@runtime_checkable
class Rules(Protocol):
    """An Authenticator that can say what becomes of Clients that are in already."""

    def keeps(self, user: str | None) -> bool:
        """Whether a Client of this user would still be let in."""

    def renewed(self, permissions: Permissions, request: ConnectRequest) -> Permissions:
        """What it may do by the present rules."""


def certificates(config: "Config", listeners: "Mapping[str, Listener]") -> "dict[str, ssl.SSLContext]":
    """The certificates of every open Listener, read anew; BrokerError where one cannot be."""
    from amqtt.net.listeners import ListenerError, tls_of

    found = {}
    for name, settings in config.listeners.items():
        if name in listeners and listeners[name].tls is not None:
            try:
                context = tls_of(settings)
            except ListenerError as error:
                raise BrokerError(str(error)) from None
            if context is not None:
                found[name] = context
    return found


def left_alone(old: "Config", new: "Config") -> list[str]:
    """What the new configuration says otherwise and only a restart changes, a sentence each."""
    found = [
        f"listeners.{name}: it is {'new' if name in new.listeners else 'gone'}"
        for name in sorted(set(old.listeners) ^ set(new.listeners))
    ]
    found += [
        f"listeners.{name}: where or how it listens has changed"
        for name in sorted(set(old.listeners) & set(new.listeners))
        if _is_moved(old.listeners[name], new.listeners[name])
    ]
    if old.persistence != new.persistence:
        found.append("persistence: it says something else")
    if old.mdns != new.mdns:
        found.append("mdns: it says something else")
    if (old.plugins, old.registered_plugins) != (new.plugins, new.registered_plugins):
        found.append("plugins: other ones are named, or they have other options")
    elif old.sections != new.sections:
        names = sorted({*old.sections, *new.sections})
        changed = [name for name in names if old.sections.get(name) != new.sections.get(name)]
        found.append(f"{', '.join(changed)}: plugins have read it when they started")
    return [f"{each}; that takes a restart" for each in found]


def _is_moved(old: "ListenerSettings", new: "ListenerSettings") -> bool:
    return (old.tls is None) != (new.tls is None) or any(
        getattr(old, name) != getattr(new, name) for name in _LISTENED
    )


def renew_permissions(realm: Realm, rules: object) -> int:
    """Hold every Session, and all that is retained, to the present rules; how many Clients had to leave.

    A Client whose user would not be let in any more is told so and disconnected; its Session, Will
    Message and retained messages go with it. What the others subscribed to and may not any more ends,
    what waits for them is looked at when it is sent. What a user retained and may not publish any more
    is retained no longer, whether he has a Session or not. Permissions that ask before they answer are
    left to themselves: they ask each time.
    """
    if not isinstance(rules, Rules):
        return 0
    sessions, retained = len(realm.sessions), len(realm.retained)
    present = _Present(realm, rules)
    left = review(realm, present.of_session, present.of_user)
    sessions -= len(realm.sessions)
    retained -= len(realm.retained)
    if sessions or retained:
        logger.warning(
            "By the present rules Sessions have ended (%d), and messages are retained no longer (%d): "
            "their users are gone, or may not publish them any more", sessions, retained,
        )
    return left


class _Present:
    """The present rules, asked about everybody; each user is looked up once."""

    def __init__(self, realm: Realm, rules: Rules) -> None:
        self._realm = realm
        self._rules = rules
        self._kept: dict[str, bool] = {}

    def of_session(self, session: Session) -> Permissions | None:
        """What the owner of a Session may do; None: he would not be let in any more."""
        old = session.permissions
        if session.owner is None:
            return old
        if not self._keeps(session.owner):
            return None
        if old.asks:
            return old
        state = self._realm.connected.get(session.client_id)
        peer = Peer() if state is None else state.peer
        request = ConnectRequest(session.client_id, session.owner or None, None, peer)
        new = self._rules.renewed(getattr(old, "inner", old), request)
        # Who was not restricted, and is not, goes on as he is.
        return old if new.asks or type(old) is type(new) is Permissions else new

    def of_user(self, client_id: str, owner: str) -> Permissions | None:
        """The same for a user who has no Session with this Client Identifier any more."""
        if not self._keeps(owner):
            return None
        user = owner or None
        return self._rules.renewed(Permissions(user), ConnectRequest(client_id, user, None, Peer()))

    def _keeps(self, owner: str) -> bool:
        if owner not in self._kept:
            self._kept[owner] = self._rules.keeps(owner or None)
        return self._kept[owner]


class Retired:
    """Authenticators that were replaced: they may answer what they were asked, and are closed then."""

    def __init__(self) -> None:
        self._waiting: dict[Closable, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, old: object, seconds: float) -> None:
        """Close it after so many seconds, if it can be closed."""
        if isinstance(old, Closable):
            self._waiting[old] = asyncio.get_running_loop().call_later(seconds, self._close, old)

    def _close(self, old: Closable) -> None:
        del self._waiting[old]
        closing = asyncio.get_running_loop().create_task(old.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all of them now."""
        for old, timer in list(self._waiting.items()):
            timer.cancel()
            self._close(old)
        await asyncio.gather(*self._closing, return_exceptions=True)


def files_of(config: "Config") -> "frozenset[Path]":
    """The files that the configuration names and that are read again by a reload."""
    names: list[object] = [config.auth.password_file, config.auth.scram_file, config.topic_check.acl_file]
    for listener in config.listeners.values():
        if listener.tls is not None:
            tls = listener.tls
            names += [tls.certfile, tls.keyfile, tls.cafile, tls.crlfile]
            names += [part for pair in tls.server_names.values() for part in (pair.certfile, pair.keyfile)]
    return _paths(names)


def _paths(names: Iterable[object]) -> "frozenset[Path]":
    from pathlib import Path

    return frozenset(Path(str(name)) for name in names if name)
