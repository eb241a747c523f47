"""The classes that plugins written for aMQTT inherit from."""

from dataclasses import dataclass, is_dataclass
from typing import Any, ClassVar, Generic, TypeVar

from amqtt.compat.contexts import Action, BaseContext
from amqtt.compat.plugins.settled import Settled
from amqtt.compat.session import Session

Context = TypeVar("Context", bound=BaseContext)


class BasePlugin(Generic[Context]):
    """A plugin of aMQTT. Its methods `on_broker_…` and `on_mqtt_…` are told what happens.

    An inner dataclass `Config` names its options; `config` then holds them. Without it, or
    registered as an entry point, `config` is the whole configuration.
    """

    SECTION: ClassVar[str] = ""
    """The section of the configuration that its options were in before it had a `Config`."""

    @dataclass
    class Config:
        """No options."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.config: Any = context.config

    def _get_config_section(self, name: str) -> Any:
        """A section of the whole configuration, None without it."""
        if is_dataclass(self.context.config) or not self.context.config:
            return None
        section = self.context.config.get(name, None)
        return None if not section or isinstance(section, int) else section

    def _get_config_option(self, option_name: str, default: Any = None) -> Any:
        """One option, `-` and `_` being the same character in its name."""
        options = self.context.config
        if is_dataclass(options):
            return getattr(options, option_name.replace("-", "_"), default)
        if self.SECTION:
            options = self._get_config_section(self.SECTION)
        return options.get(option_name, default) if options else default

    def _knows_its_section(self) -> bool:
        section = self._get_config_section(self.SECTION)
        if not section and not is_dataclass(self.context.config):
            self.context.logger.warning("%r section not found in context configuration", self.SECTION)
        return bool(section) or is_dataclass(self.context.config)

    async def close(self) -> None:
        """The Broker has shut down."""


class BaseAuthPlugin(BasePlugin[BaseContext]):
    """A plugin that is asked at CONNECT. `auth_config` is the section `auth`."""

    SECTION = "auth"

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.auth_config: Any = self._get_config_section(self.SECTION)
        self._is_configured = self._knows_its_section()

    def authenticate(self, *, session: Session) -> Any:
        """Whether it is configured at all. A class that says no more than this is not asked.

        The answer may be awaited, as aMQTT has it, or not, as HBMQTT had it.
        """
        return Settled(self._is_configured)


class BaseTopicPlugin(BasePlugin[BaseContext]):
    """A plugin that is asked at PUBLISH and SUBSCRIBE. `topic_config` is the section `topic-check`."""

    SECTION = "topic-check"

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.topic_config: Any = self._get_config_section(self.SECTION)
        self._is_configured = self._knows_its_section()

    def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> Any:
        """Whether it is configured at all; see BaseAuthPlugin.authenticate."""
        return Settled(self._is_configured)
