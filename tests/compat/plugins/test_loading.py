"""Plugins by entry point, dotted path, class and instance; and what is said of those that cannot be used."""

import gc
import logging
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from amqtt.access.hashes import new_hash
from amqtt.broker import Broker
from amqtt.errors import BrokerError, PluginImportError, PluginInitError, PluginLoadError
from amqtt.plugins.authentication import AnonymousAuthPlugin, FileAuthPlugin
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.plugins.manager import PluginManager, get_plugin_manager
from amqtt.plugins.topic_checking import TopicAccessControlListPlugin, TopicTabooPlugin
from amqtt.session import Session

SEED = '''
class MyPlugin:
    """As C9 of the compatibility cases has it: no base class, exact signatures."""
    told = []

    def __init__(self, context):
        self.context = context
        self.auth = context.config["auth"]

    async def authenticate(self, *args, **kwargs):
        return kwargs["session"].username == "x"

    async def on_broker_client_connected(self, client_id):
        self.told.append(client_id)

    async def on_broker_message_received(self, client_id, message):
        self.told.append((message.topic, message.data, message.publish_packet.retain_flag))

    async def on_broker_post_start(self, *a, **k):
        self.context.retain_message("t", b"d")      # not awaited
'''

LISTENER = {"listeners": {"default": {"bind": "127.0.0.1:0"}}}


async def test_a_seed_era_plugin_is_found_loaded_asked_and_told(
    start: Any, install: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "amqtt.broker.plugins")
    install("seedmod", SEED, my_auth="seedmod:MyPlugin")
    mine = {"url": "x", "some-key": 1}
    running = await start(auth={"plugins": ["my_auth"], "allow-anonymous": False}, mine=mine)
    assert "Plugins loaded: my_auth" in caplog.text
    plugin = running.broker.plugins_manager.get_plugin("my_auth").object
    assert plugin.auth["plugins"] == ["my_auth"]
    assert plugin.context.config["mine"] == mine
    assert plugin.context.logger.name == "amqtt.broker.plugins.my_auth"
    assert plugin.context.loop is not None
    assert await running.refused("other", username="y") == 0x87
    client = await running.connect("c", username="x")
    await client.subscribe("t")
    kept = await client.receive()
    assert (kept.topic, kept.payload, kept.retain) == ("t", b"d", True)
    client.publish("m", b"p")
    await client.sync()
    await running.broker.shutdown()
    assert plugin.told == ["c", ("m", b"p", False)]


async def test_with_no_word_on_auth_every_registered_plugin_is_asked(start: Any, install: Any) -> None:
    install("seedmod", SEED, my_auth="seedmod:MyPlugin")
    running = await start()
    assert await running.refused("c") == 0x87
    await running.connect("c", username="x")


async def test_a_configuration_of_dotted_paths_loads_those_alone(start: Any, install: Any) -> None:
    install("seedmod", SEED, my_auth="seedmod:MyPlugin")
    running = await start(plugins=["amqtt.plugins.authentication.AnonymousAuthPlugin"])
    await running.connect("c")
    assert running.broker.plugins_manager.plugins == []


async def test_a_plugin_is_loaded_by_its_dotted_path_with_its_options(start: Any, install: Any) -> None:
    install("seedmod", SEED)
    running = await start(plugins={"seedmod.MyPlugin": {"own-option": 5}})
    [plugin] = running.broker.plugins_manager.plugins
    assert plugin.context.config["own_option"] == 5
    await running.connect("c", username="x")


async def test_the_group_of_entry_points_may_be_another_one(install: Any) -> None:
    install("seedmod", SEED, group="my.plugins", mine="seedmod:MyPlugin")
    broker = Broker(LISTENER, plugin_namespace="my.plugins")
    assert [each.name for each in broker.plugins_manager.plugins] == ["mine"]
    assert get_plugin_manager("my.plugins") is broker.plugins_manager
    assert Broker(LISTENER).plugins_manager.plugins == []


def test_plugins_that_still_register_under_the_old_name_are_loaded(install: Any) -> None:
    install("seedmod", SEED, group="hbmqtt.broker.plugins", mine="seedmod:MyPlugin")
    assert [each.name for each in Broker(LISTENER).plugins_manager.plugins] == ["mine"]


def test_a_plugin_is_found_by_the_name_of_its_entry_point_and_of_its_class(install: Any) -> None:
    install("seedmod", SEED, my_auth="seedmod:MyPlugin")
    manager = Broker(LISTENER).plugins_manager
    assert isinstance(manager, PluginManager)
    [entry] = manager.plugins
    name, entry_point, plugin = manager.get_plugin("my_auth")
    assert (name, entry_point.value) == ("my_auth", "seedmod:MyPlugin")
    assert manager.get_plugin("MyPlugin") is plugin is entry.object
    # What later releases had in `plugins` is the plugin itself.
    assert entry.auth is plugin.auth
    assert isinstance(entry, type(plugin))
    assert entry.__class__.__name__ == "MyPlugin"
    assert manager.get_plugin("other") is None


def test_each_plugin_has_a_copy_of_the_context() -> None:
    class One:
        def __init__(self, context: Any) -> None:
            self.context = context

    class Two(One):
        pass

    auth = {"plugins": ["auth_anonymous"]}
    manager = Broker({**LISTENER, "auth": auth, "plugins": ["x", One, Two]}).plugins_manager
    one, two = manager.plugins
    assert one.context is not two.context
    assert (one.context.logger.name, two.context.logger.name) == (
        "amqtt.broker.plugins.One", "amqtt.broker.plugins.Two",
    )
    assert one.context.config is two.context.config is manager.app_context.config
    assert one.context.config["auth"]["plugins"] == ["auth_anonymous"]


@pytest.mark.parametrize(
    ("source", "entry", "error", "said"),
    [
        ("raise ImportError('no database')", "m:P", PluginImportError, "no database"),
        ("", "m:P", PluginImportError, "has no attribute 'P'"),
        ("def P(context): raise KeyError('dsn')", "m:P", PluginInitError, "KeyError: 'dsn'"),
        ("class P: pass", "m:P", PluginInitError, "TypeError"),
    ],
)
def test_a_registered_plugin_that_cannot_be_used_is_named(
    install: Any, source: str, entry: str, error: type[Exception], said: str
) -> None:
    install("m", source, broken=entry)
    with pytest.raises(error) as raised:
        Broker(LISTENER)
    assert isinstance(raised.value, BrokerError)
    assert "broken" in str(raised.value)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.to.be.Found", "there is no such module"),
        ("amqtt.contrib.http.UserAuthHttpPlugin", 'not in this package; the page "Move from aMQTT"'),
        ("amqtt.plugins.Nothing", "has no Nothing"),
        ("m.P", "no database"),
        ("n.P", "No module named 'missing_module'"),
    ],
)
def test_a_dotted_path_that_leads_nowhere_is_named(install: Any, path: str, said: str) -> None:
    install("m", "raise ValueError('no database')")
    install("n", "import missing_module")
    with pytest.raises(PluginImportError, match=said) as raised:
        Broker({**LISTENER, "plugins": [path]})
    assert path in str(raised.value)


def test_two_plugins_must_not_have_one_name(install: Any) -> None:
    install("m", SEED, mine="m:MyPlugin")
    install("n", SEED, mine="n:MyPlugin")
    with pytest.raises(BrokerError, match="two plugins are registered as mine"):
        Broker(LISTENER)


def test_a_stranger_must_not_have_the_name_of_a_plugin_of_ours(install: Any) -> None:
    install("m", SEED, auth_file="m:MyPlugin")
    with pytest.raises(BrokerError, match="registered as auth_file, a plugin of ours"):
        Broker(LISTENER)


def test_what_aMQTT_registers_of_its_own_is_no_stranger(install: Any) -> None:  # noqa: N802
    install("old", "", auth_file="amqtt.plugins.authentication:FileAuthPlugin")
    assert Broker(LISTENER).plugins_manager.plugins == []


def test_brokers_do_not_share_plugins() -> None:
    class Mine:
        def __init__(self, context: Any) -> None:
            self.context = context

    config = {**LISTENER, "plugins": ["x", Mine]}
    one, two = Broker(config), Broker(config)
    assert one.plugins_manager.get_plugin("Mine") is not two.plugins_manager.get_plugin("Mine")
    del two
    gc.collect()


# -- options


class Level(Enum):
    LOW = "low"


@dataclass
class Nested:
    path: Path


class WithConfig(BaseAuthPlugin):
    @dataclass
    class Config:
        dsn: str
        pool_size: int = 5
        verbose: bool = False
        level: Level = Level.LOW
        nested: Nested | None = None
        hosts: list[str] = field(default_factory=list)
        ratio: float = 0.5

    async def authenticate(self, *, session: Session) -> bool:
        return bool(session.username == self.config.dsn)


async def test_an_inner_config_is_filled_with_the_options(start: Any) -> None:
    options = {
        "dsn": "u", "pool-size": 7, "verbose": "on", "level": "low", "nested": {"path": "/x"},
        "hosts": ["a"], "ratio": 1,
    }
    running = await start(plugins=[{WithConfig: options}])
    plugin = running.broker.plugins_manager.get_plugin("WithConfig")
    assert (plugin.config.pool_size, plugin.config.verbose, plugin.config.level) == (7, True, Level.LOW)
    assert plugin.config.nested == Nested(Path("/x"))
    assert plugin._get_config_option("pool-size", 0) == 7
    assert plugin._get_config_option("absent", "default") == "default"
    assert await running.refused("c", username="v") == 0x87
    await running.connect("c", username="u")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "dsn: it is needed"),
        ({"dsn": "x", "pool": 1}, "pool: there is no such option; known are dsn, pool_size"),
        ({"dsn": 5}, "dsn: it must be str, not int"),
        ({"dsn": "x", "pool_size": "7"}, "pool_size: it must be int, not str"),
        ({"dsn": "x", "pool_size": True}, "pool_size: it must be a number"),
        ({"dsn": "x", "verbose": "maybe"}, "verbose: it must be on or off"),
        ({"dsn": "x", "level": "high"}, "level: it must be one of low"),
        ({"dsn": "x", "nested": {}}, "nested: it must not be"),
        ({"dsn": "x", "pool-size": 1, "pool_size": 2}, "two spellings"),
    ],
)
def test_options_that_a_plugin_does_not_take_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginLoadError, match=said):
        Broker({**LISTENER, "plugins": [{WithConfig: options}]})


def test_an_instance_takes_no_options_and_is_given_a_context() -> None:
    class Made:
        async def on_broker_post_start(self) -> None:
            """It is a plugin."""

    made = Made()
    broker = Broker({**LISTENER, "plugins": ["x", made]})
    assert broker.plugins_manager.get_plugin("Made") is made
    assert made.context.config["listeners"]


# -- classes to inherit from


async def test_subclasses_of_the_seed_era_read_their_sections(start: Any, install: Any) -> None:
    install("old", '''
from amqtt.plugins.authentication import BaseAuthPlugin
from amqtt.plugins.topic_checking import BaseTopicPlugin
class Auth(BaseAuthPlugin):
    async def authenticate(self, *args, **kwargs):
        if not await super().authenticate(*args, **kwargs):
            return False
        return kwargs["session"].password == self.auth_config.get("my-secret")
class Oldest(BaseAuthPlugin):
    def authenticate(self, *args, **kwargs):
        return super().authenticate(*args, **kwargs) and self._get_config_option("allow-anonymous")
class Topic(BaseTopicPlugin):
    async def topic_filtering(self, *args, **kwargs):
        if not await super().topic_filtering(*args, **kwargs):
            return False
        return kwargs["topic"] in self.topic_config["my_topics"]
''', one="old:Auth", two="old:Oldest", three="old:Topic")
    broker = Broker(LISTENER)
    assert broker.plugins_manager.get_plugin("Auth").auth_config["allow-anonymous"] is True
    assert broker.plugins_manager.get_plugin("Topic").topic_config is None


@pytest.mark.parametrize("kind", [AnonymousAuthPlugin, FileAuthPlugin])
async def test_our_own_authenticators_can_be_inherited_from(
    start: Any, tmp_path: Path, kind: Any
) -> None:
    (tmp_path / "passwd").write_text(f"u:{new_hash(b'p')}\n")

    class Mine(kind):  # type: ignore[misc]
        async def authenticate(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs["session"].client_id == "banned":
                return False
            return await super().authenticate(*args, **kwargs)

    options = {} if kind is AnonymousAuthPlugin else {"password-file": str(tmp_path / "passwd")}
    running = await start(plugins=[{Mine: options}])
    await running.connect("c", username="u", password=b"p")
    assert await running.refused("banned", username="u", password=b"p") == 0x87
    wrong = await running.refused("c", username="u", password=b"wrong")
    assert bool(wrong) is (kind is FileAuthPlugin)


async def test_our_own_topic_plugins_can_be_inherited_from(start: Any) -> None:
    class Acl(TopicAccessControlListPlugin):
        pass

    class Taboo(TopicTabooPlugin):
        pass

    running = await start(plugins=[
        {Acl: {"acl": {"anonymous": ["#"]}}}, Taboo, "amqtt.plugins.authentication.AnonymousAuthPlugin",
    ])
    client = await running.connect("c")
    assert list((await client.subscribe("free")).reason_codes) == [0]
    assert list((await client.subscribe("prohibited")).reason_codes) == [0x87]
    assert TopicAccessControlListPlugin.topic_ac("a/b", "a/+")
    assert not TopicAccessControlListPlugin.topic_ac("a/#", "a/+")


def test_the_base_classes_are_one() -> None:
    from amqtt.plugins import authentication, topic_checking

    assert issubclass(BaseAuthPlugin, BasePlugin)
    assert authentication.BaseAuthPlugin is BaseAuthPlugin
    assert topic_checking.BaseTopicPlugin is BaseTopicPlugin
