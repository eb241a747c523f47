"""A Service with aMQTT's plugins: made with it, asked and told while it runs, closed with it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from amqtt.abc import Authenticator
from amqtt.access.assembly import AUTHENTICATORS, TOPIC_CHECKS, build_authenticator
from amqtt.access.policy import TopicCheck
from amqtt.compat.contexts import BrokerContext
from amqtt.compat.plugins.access import (
    PluginAuthenticator,
    PluginTopics,
    PreparedAccess,
    auth_call,
    knows_receiving,
    topic_call,
)
from amqtt.compat.plugins.base import BasePlugin
from amqtt.compat.plugins.calls import Call
from amqtt.compat.plugins.deliveries import Deliveries
from amqtt.compat.plugins.faults import logger
from amqtt.compat.plugins.feed import POST_SHUTDOWN, POST_START, PRE_SHUTDOWN, PRE_START, Feed, Told, call_of
from amqtt.compat.plugins.loaded import LoadedPlugins
from amqtt.compat.plugins.loading import GROUP, Loaded, load_chosen, load_registered, registered
from amqtt.compat.plugins.options import whole_configuration
from amqtt.compat.plugins.rounds import FAREWELL
from amqtt.compat.session import SessionViews
from amqtt.errors import BrokerError
from amqtt.service import Service

if TYPE_CHECKING:
    from pathlib import Path

    from amqtt.access.settings import AuthSettings, TopicCheckSettings
    from amqtt.config import Config

PREPARATION: Final = 30.0
"""Seconds that the start waits for `on_broker_pre_start`."""
GREETING: Final = 0.5
"""Seconds that it waits for `on_broker_post_start`, which in aMQTT's time may go on for ever."""

Settings = TypeVar("Settings", "AuthSettings", "TopicCheckSettings")


class PluginHost(Service):
    """A Service with plugins. `plugins_manager` has them; `plugin_namespace` is where they are registered.

    A configuration that chooses plugins by dotted path has those. With any other, as in aMQTT,
    every registered plugin is loaded and told what happens, and the configuration says which of
    them are asked.
    """

    plugin_namespace: str = GROUP

    def __init__(self, config: "Config | Mapping[str, object] | str | Path | None" = None) -> None:
        self._registered = registered(self.plugin_namespace)
        super().__init__(config)
        context = BrokerContext(self)  # type: ignore[arg-type]
        context.config = whole_configuration(self.config)
        context.loop = _running_loop()
        namespace = self.plugin_namespace
        loaded = load_chosen(self.config.plugins, context, namespace, self.config.registered_plugins)
        if self.config.registered_plugins:
            loaded = [*load_registered(self._registered, context, namespace), *loaded]
        self.plugins_manager = LoadedPlugins(namespace, context, loaded)
        self._auth_calls = _asked(loaded, auth_call)
        self._topic_calls = _asked(loaded, topic_call)
        self._check_names()
        self._told = [Told(each) for each in loaded]
        Feed(self.server.realm, self.session_views, self._told)

    @cached_property
    def session_views(self) -> SessionViews:
        """The Sessions as plugins know them."""
        return SessionViews(self.server.realm)

    @cached_property
    def deliveries(self) -> Deliveries:
        """What has plugins asked ahead of deliveries."""
        return Deliveries(self.server.realm)

    def _read_config(self, source: "Config | Mapping[str, object] | str | Path | None") -> "Config":
        from amqtt.config_file import load

        return load(source, (*AUTHENTICATORS, *self._registered), (*TOPIC_CHECKS, *self._registered))

    def _check_names(self) -> None:
        """Raise BrokerError for a plugin that is to be asked what it has no answer to."""
        auth, topics = {*AUTHENTICATORS, *self._auth_calls}, {*TOPIC_CHECKS, *self._topic_calls}
        for key, asked, known, method in (
            ("auth", self.config.auth.asked, auth, "authenticate"),
            ("topic-check", self.config.topic_check.asked, topics, "topic_filtering"),
        ):
            for name in asked:
                if name not in known:
                    raise BrokerError(f"{key}.plugins: {name} cannot be asked: it has no {method} of its own")

    # -- asked

    def _access(self) -> Authenticator:
        checked = self.config.topic_check.enabled or not self.config.registered_plugins
        auth = self._asking(self.config.auth, self._auth_calls)
        topic_check = self.config.topic_check
        if checked and self._topic_calls:
            from amqtt.access.settings import TopicCheckSettings

            stated = topic_check if topic_check.enabled else TopicCheckSettings(enabled=True, plugins=())
            topic_check = self._asking(stated, self._topic_calls)
        authenticators = {name: partial(_authenticator, call) for name, (_, call) in self._auth_calls.items()}
        checks = {
            name: partial(_topic_check, loaded, call, self.deliveries)
            for name, (loaded, call) in self._topic_calls.items()
        }
        inner = build_authenticator(
            auth, topic_check, {**AUTHENTICATORS, **authenticators}, {**TOPIC_CHECKS, **checks}
        )
        return PreparedAccess(inner, self.server.realm, self.deliveries) if checks else inner

    def _asking(self, settings: Settings, plugins: Mapping[str, Any]) -> Settings:
        """The settings with those plugins that are asked although they are not named."""
        if settings.plugins is not None and self.config.registered_plugins:
            return settings
        return replace(settings, plugins=tuple(dict.fromkeys((*settings.asked, *plugins))))

    # -- told

    async def _open(self) -> None:
        self.plugins_manager.run_in(asyncio.get_running_loop())
        for each in self._told:
            each.rounds.begin()
        try:
            await self._tell_all(PRE_START, PREPARATION)
            await super()._open()
        except BaseException:
            await self._end_rounds()
            raise

    async def start(self) -> None:
        """Open every Listener, and tell the plugins before and after; see Service.start."""
        await super().start()
        await self._tell_all(POST_START, GREETING)

    def _announce(self) -> None:
        super()._announce()
        names = [each.name for each in self.plugins_manager.loaded]
        if names:
            logger.info("Plugins loaded: %s", ", ".join(names))

    async def _shut_down(self) -> None:
        patience = self._patience
        assert patience is not None
        try:
            await self._tell_all(PRE_SHUTDOWN, min(FAREWELL, patience.left))
            await super()._shut_down()
        finally:
            await _all(each.rounds.catch_up(patience.left) for each in self._told)
            await self._tell_all(POST_SHUTDOWN, min(FAREWELL, patience.left))
            await _all(_close(each, min(FAREWELL, patience.left)) for each in self._told)
            await self._end_rounds()

    async def _tell_all(self, name: str, seconds: float) -> None:
        await _all(each.tell_now(name, seconds) for each in self._told)

    async def _end_rounds(self) -> None:
        await _all(each.rounds.end() for each in self._told)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _asked(
    loaded: list[Loaded], find: Callable[[Loaded], Call | None]
) -> dict[str, tuple[Loaded, Call]]:
    """Those that can be asked something, by name."""
    found = {each.name: (each, find(each)) for each in loaded}
    return {name: (each, call) for name, (each, call) in found.items() if call is not None}


def _authenticator(call: Call, _settings: "AuthSettings") -> Authenticator:
    return PluginAuthenticator(call)


def _topic_check(
    loaded: Loaded, call: Call, deliveries: Deliveries, _settings: "TopicCheckSettings"
) -> TopicCheck:
    return PluginTopics(loaded.name, call, call.takes("action") and knows_receiving(loaded), deliveries)


async def _close(told: Told, seconds: float) -> None:
    plugin = told.loaded.plugin
    if getattr(type(plugin), "close", None) is BasePlugin.close:
        return
    call = call_of(told.loaded, "close", ())
    if call is not None:
        await told.rounds.tell_now(call, seconds)


async def _all(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*parts)
