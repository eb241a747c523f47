"""Floor 4: the doors that a plugin or an adapter may fill."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import TypeAlias

from amqtt.sessions.journal import Batch
from amqtt.sessions.permissions import Permissions
from amqtt.topics.subscriptions import Subscriber
from amqtt.wire.packets import WillFields
from amqtt.wire.reasons import ReasonCode

__all__ = [
    "Accepted", "Answer", "AuthenticationExchange", "Authenticator", "Batch", "Challenge",
    "ConnectRequest", "Password", "Peer", "Permissions", "Refusal", "SessionStore", "Subscriber",
]


class Peer:
    """Who is at the other end of a Network Connection, as far as the transport knows.

    `address` is its IP address ("" on a Unix socket), `port` its port, `listener` the name of the
    Listener that accepted it, `certificate` the verified TLS client certificate as
    `ssl.SSLSocket.getpeercert()` returns it, None without one. `tls` is the `ssl.SSLObject`, for
    those who need more than that; None where there is no TLS.

    `secure` says that nobody on the network can listen. `proxied` says that it came through a proxy
    (PROXY protocol), whose word `address` is then; `secure` is too, or is of the way from there.
    """

    __slots__ = (
        "__weakref__", "address", "certificate", "listener", "port", "proxied", "secure", "tls", "transport",
    )

    def __init__(
        self,
        address: str = "",
        port: int = 0,
        listener: str = "",
        transport: str = "tcp",
        secure: bool = False,
        certificate: dict[str, object] | None = None,
        tls: object = None,
        proxied: bool = False,
    ) -> None:
        self.address = address
        self.port = port
        self.listener = listener
        self.transport = transport
        self.secure = secure
        self.certificate = certificate
        self.tls = tls
        self.proxied = proxied


class Password(bytes):
    """A password as its Client sent it. It can be compared and decoded, and is never shown by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Password(…)"

    def __str__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> str:
        return "…"


class ConnectRequest:
    """What an Authenticator is asked about: the CONNECT, and who sent it.

    `client_id` is the Client Identifier (the assigned one when the Client left it empty),
    `password` may be any bytes; it does not show in a log or a traceback. `authentication_method` and
    `authentication_data` are those of enhanced authentication (MQTT 5.0, 4.12), None without it. `will`
    is the Will Message.
    """

    __slots__ = (
        "authentication_data", "authentication_method", "clean_start", "client_id", "keep_alive",
        "password", "peer", "username", "version", "will",
    )

    def __init__(
        self,
        client_id: str,
        username: str | None,
        password: bytes | None,
        peer: Peer,
        version: int = 5,
        clean_start: bool = True,
        keep_alive: int = 0,
        authentication_method: str | None = None,
        authentication_data: bytes | None = None,
        will: WillFields | None = None,
    ) -> None:
        self.client_id = client_id
        self.username = username
        self.password = None if password is None else Password(password)
        self.peer = peer
        self.version = version
        self.clean_start = clean_start
        self.keep_alive = keep_alive
        self.authentication_method = authentication_method
        self.authentication_data = authentication_data
        self.will = will


class Accepted:
    """The Client may come in, with these Permissions; `data` is the last Authentication Data for it."""

    __slots__ = ("data", "permissions")

    def __init__(self, permissions: Permissions, data: bytes | None = None) -> None:
        self.permissions = permissions
        self.data = data


class Refusal:
    """The Client may not come in, and why: a CONNACK Reason Code of 0x80 or greater (3.2.2.2)."""

    __slots__ = ("reason", "reason_code")

    def __init__(self, reason_code: int = ReasonCode.NOT_AUTHORIZED, reason: str = "") -> None:
        self.reason_code = reason_code
        self.reason = reason


class Challenge:
    """The Client must answer this Authentication Data with an AUTH packet (4.12)."""

    __slots__ = ("data",)

    def __init__(self, data: bytes | None = None) -> None:
        self.data = data


Answer: TypeAlias = Accepted | Refusal | None
"""Of an Authenticator: yes, no, or None: not mine to say."""


class AuthenticationExchange(ABC):
    """One enhanced authentication of one Client, from its first data to its end (4.12).

    The same exchange serves CONNECT and re-authentication: each starts a new one.
    """

    @property
    def user(self) -> str | None:
        """Who the Client says it is, as soon as its data tell; failed logins count by this name."""
        return None

    @abstractmethod
    def step(
        self, data: bytes | None
    ) -> Accepted | Refusal | Challenge | Awaitable[Accepted | Refusal | Challenge]:
        """Answer the Client's Authentication Data; `data` of the CONNECT or AUTH comes first."""


class Authenticator(ABC):
    """Decides at CONNECT who may come in. It may answer at once, or with an awaitable.

    An exception, a hang beyond `Limits.authentication_timeout` or anything but an Answer is a
    refusal. It must never block the event loop.
    """

    methods: Sequence[str] = ()
    """The Authentication Methods of enhanced authentication that it serves (4.12)."""

    @abstractmethod
    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        """Answer a CONNECT without an Authentication Method."""

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        """Begin enhanced authentication for one of `methods`; None: the method is not mine."""
        return None


class SessionStore(ABC):
    """Keeps Session State, retained messages and Wills while no Server runs.

    A Server opens it once, commits Batches one after the other, and closes it. What `open` returns is
    the sum of all Batches that were committed, whatever happened to the process since.
    `amqtt.testing.store_contract` are the tests that every adapter has to pass.
    """

    @abstractmethod
    async def open(self) -> Batch:
        """All that is kept, entries in the order of their numbers.

        Raises StoreError, which says what to do, when it cannot be used.
        """

    @abstractmethod
    async def commit(self, batch: Batch) -> None:
        """Make all of this Batch durable, or nothing of it; durable is what it is on return.

        Raises StoreError when it could not be done; the same Batch is then given again, later.
        A Batch that was made durable although its commit failed may be given again, too.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of it. Idempotent; also after a failed `open`."""
