"""What we have ourselves, as classes of aMQTT's kind, for those who inherit from them."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Peer
from amqtt.access.acl import AccessControlList, covers
from amqtt.access.anonymous import Anonymous
from amqtt.access.authenticators import Closable
from amqtt.access.password_file import NoUsers, PasswordFile
from amqtt.access.policy import TopicRules
from amqtt.access.taboo import TABOO, Taboo
from amqtt.compat.contexts import Action, BaseContext
from amqtt.compat.events import BrokerEvents
from amqtt.compat.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.compat.session import Session
from amqtt.config_file.values import switch

TOLD_OF: Final = (BrokerEvents.CLIENT_CONNECTED, BrokerEvents.CLIENT_DISCONNECTED)
"""The events that EventLoggerPlugin logs for everybody."""


def _request(session: Session | None) -> ConnectRequest:
    """A CONNECT that says what a Session says."""
    if session is None:
        return ConnectRequest("", None, None, Peer())
    password = None if session.password is None else session.password.encode("utf-8", "surrogateescape")
    return ConnectRequest(session.client_id or "", session.username, password, Peer())


def _opinion(answer: Answer) -> bool | None:
    return None if answer is None else isinstance(answer, Accepted)


class _Asking(BaseAuthPlugin):
    """An Authenticator of ours as a plugin."""

    _authenticator: Authenticator

    async def authenticate(self, *args: Any, session: Session | None = None, **kwargs: Any) -> bool | None:
        """Whether the Client may come in; None: not mine to say."""
        if not self._is_configured:
            return False
        answer = self._authenticator.authenticate(_request(session))
        return _opinion(await answer if isinstance(answer, Awaitable) else answer)


class AnonymousAuthPlugin(_Asking):
    """Accepts everyone, or else everyone who states a user name."""

    @dataclass
    class Config:
        """Its options."""

        allow_anonymous: bool = True

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._authenticator = Anonymous(switch(self._get_config_option("allow-anonymous", True)))


class FileAuthPlugin(_Asking):
    """Accepts the users of a password file, refuses others, has no opinion without a user name."""

    @dataclass
    class Config:
        """Its options."""

        password_file: str | Path | None = None

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        path = self._get_config_option("password-file", None)
        if not path:
            self.context.logger.warning("Configuration parameter 'password-file' not found")
        self._authenticator = PasswordFile(Path(path)) if path else NoUsers()

    async def close(self) -> None:
        """End its threads."""
        if isinstance(self._authenticator, Closable):
            await self._authenticator.close()


class _Checking(BaseTopicPlugin):
    """A TopicCheck of ours as a plugin."""

    def _rules(self, user: str | None) -> TopicRules:
        raise TypeError("it has no rules")

    async def topic_filtering(
        self, *args: Any, session: Session | None = None, topic: str | None = None, action: Any = None,
        **kwargs: Any,
    ) -> bool | None:
        """Whether the Client may do this with the topic; without an action, subscribe to it."""
        if not self._is_configured or not topic:
            return False
        rules = self._rules(None if session is None else session.username)
        if action == Action.PUBLISH:
            return rules.publish(topic)
        return rules.receive(topic) if action == Action.RECEIVE else rules.subscribe(topic)


class TopicTabooPlugin(_Checking):
    """Refuses three topics to whoever is not `admin`."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._taboo = sorted(TABOO)

    def _rules(self, user: str | None) -> TopicRules:
        return Taboo().rules(user)


class TopicAccessControlListPlugin(_Checking):
    """Lists of Topic Filters that each user may subscribe to, publish to and receive from."""

    @dataclass
    class Config:
        """Its options; `subscribe_acl` replaces `acl`."""

        acl: dict[str, list[str]] = field(default_factory=dict)
        publish_acl: dict[str, list[str]] | None = None
        subscribe_acl: dict[str, list[str]] | None = None
        receive_acl: dict[str, list[str]] | None = None

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        subscribe = self._get_config_option("subscribe-acl", None)
        self._lists = AccessControlList(
            (self._get_config_option("acl", None) if subscribe is None else subscribe) or {},
            self._get_config_option("publish-acl", None),
            self._get_config_option("receive-acl", None),
        )

    def _rules(self, user: str | None) -> TopicRules:
        return self._lists.rules(user)

    @staticmethod
    def topic_ac(topic_requested: str, topic_allowed: str) -> bool:
        """Whether a listed filter covers a requested one."""
        return covers(topic_allowed.split("/"), topic_requested.split("/"))


class BrokerSysPlugin(BasePlugin[BaseContext]):
    """Stands for what the Server does by itself: it publishes its figures under `$SYS/broker/`."""

    @dataclass
    class Config:
        """Its options; `sys_interval` in seconds, 0: never."""

        sys_interval: int = 20


class EventLoggerPlugin(BasePlugin[BaseContext]):
    """Logs the name of every event: at INFO which Clients come and go, at DEBUG the rest."""

    async def log_event(self, *args: Any, event_name: str = "", **kwargs: Any) -> None:
        """Log one."""
        level = logging.INFO if event_name.removeprefix("on_") in TOLD_OF else logging.DEBUG
        self.context.logger.log(level, "### '%s' EVENT FIRED ###", event_name)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("on_"):
            return partial(self.log_event, event_name=name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class PacketLoggerPlugin(BasePlugin[BaseContext]):
    """Logs every Control Packet, at the level DEBUG."""

    _SHOWN: ClassVar[str] = "%s %s %r"

    async def on_mqtt_packet_received(self, *args: Any, packet: Any = None, **kwargs: Any) -> None:
        """Log one that a Client sent."""
        self._log("<-in--", packet, kwargs.get("session"))

    async def on_mqtt_packet_sent(self, *args: Any, packet: Any = None, **kwargs: Any) -> None:
        """Log one that a Client is sent."""
        self._log("-out->", packet, kwargs.get("session"))

    def _log(self, direction: str, packet: Any, session: Session | None) -> None:
        if self.context.logger.isEnabledFor(logging.DEBUG):
            client_id = "" if session is None else session.client_id
            self.context.logger.debug(self._SHOWN, client_id, direction, packet)


class SQLitePlugin(BasePlugin[BaseContext]):
    """Keeps nothing, as in aMQTT since 0.11: `persistence` in the configuration says what is kept."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        context.logger.warning(
            "SQLitePlugin keeps nothing; Sessions and retained messages are kept where persistence.file says"
        )
