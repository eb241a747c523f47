"""A broker for the tests of a program, and the messages that it saw."""

import base64
import hashlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from amqtt.broker import Broker
from amqtt.message import Message
from amqtt.threaded import ServiceThread
from amqtt.topics.names import matches

PATIENCE: Final = 5.0
"""Seconds to wait for a message, if nothing else is said."""
_MOST_CAPTURED: Final = 100_000


class CapturedMessages:
    """The Messages that a broker routed since this was made, without those below `$SYS`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._arrived = threading.Condition()

    @property
    def topics(self) -> list[str]:
        """Their Topic Names."""
        with self._arrived:
            return [message.topic for message in self.messages]

    def clear(self) -> None:
        """Forget those that came so far."""
        with self._arrived:
            self.messages.clear()

    def matching(self, topic_filter: str) -> list[Message]:
        """Those whose topic this filter matches."""
        with self._arrived:
            return [message for message in self.messages if matches(topic_filter, message.topic)]

    def wait_for(self, topic_filter: str = "#", count: int = 1, timeout: float = PATIENCE) -> Message:
        """Wait until so many were published that match; the last of them. AssertionError says what came."""

        def last() -> Message | None:
            found = [message for message in self.messages if matches(topic_filter, message.topic)]
            return found[count - 1] if len(found) >= count else None

        with self._arrived:
            found = self._arrived.wait_for(last, timeout)
        if found is None:
            seen = ", ".join(self.topics) or "nothing"
            text = f"message {count} on {topic_filter!r} did not come within {timeout:g} s; there was {seen}"
            raise AssertionError(text)
        return found

    def take(self, message: Message) -> None:
        """One more was routed."""
        with self._arrived:
            if len(self.messages) < _MOST_CAPTURED:
                self.messages.append(message)
            self._arrived.notify_all()


class MqttBroker(ServiceThread):
    """A broker in a thread of this process, on a free port of 127.0.0.1; it runs when it is made.

    `folder` is where its password file goes, `certificates` a folder as `amqtt certs dev` makes it,
    None: without TLS.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        auth: Mapping[str, str] | None = None,
        certificates: Path | None = None,
        websocket: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._scheme = ("ws" if websocket else "mqtt") + ("s" if certificates is not None else "")
        self.cafile = None if certificates is None else certificates / "ca.pem"
        listener: dict[str, object] = {"type": "ws" if websocket else "tcp", "bind": f"{self.host}:0"}
        if certificates is not None:
            keys = {"certfile": certificates / "server.pem", "keyfile": certificates / "server.key"}
            listener |= {"ssl": True, **keys}
        sections: dict[str, object] = {
            "listeners": {"default": listener}, "auth": {"allow-anonymous": True}, "sys-interval": 0,
        }
        if auth is not None:
            file = _password_file(folder / f"passwd-{os.urandom(4).hex()}", auth)
            sections["auth"] = {"allow-anonymous": False, "password-file": file}
        super().__init__(Broker({**sections, **(config or {})}))
        self.start()

    @property
    def url(self) -> str:
        """Where clients connect, such as `mqtt://127.0.0.1:40001`."""
        return f"{self._scheme}://{self.host}:{self.port}"

    def captured(self) -> CapturedMessages:
        """What is published from now on."""
        captured = CapturedMessages()
        self.subscribe("#", captured.take, qos=2)
        return captured


def _password_file(path: Path, auth: Mapping[str, str]) -> Path:
    """Quickly made hashes: these passwords are in the source of the test."""
    lines = [f"{user}:{_quick_hash(password)}\n" for user, password in auth.items()]
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def _quick_hash(password: str) -> str:
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 1, 64)
    return f"$7$1${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
