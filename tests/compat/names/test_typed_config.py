"""The configuration as dataclasses."""

import pytest

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import BrokerError

NOBODY = {"allow-anonymous": False, "plugins": ["auth_anonymous"]}


def test_a_configuration_is_read_by_attribute_and_by_key() -> None:
    config = BrokerConfig(timeout_disconnect_delay=2)
    assert config["timeout-disconnect-delay"] == config["timeout_disconnect_delay"] == 2
    assert config.get("sys-interval", 7) == 7
    assert "timeout-disconnect-delay" in config
    assert "sys_interval" not in config
    assert "elsewhere" not in config
    assert config["sys_interval"] is None
    config["sys-interval"] = 10
    assert config.sys_interval == 10
    assert set(config) == set(config.keys()) >= {"listeners", "plugins", "auth"}
    with pytest.raises(KeyError):
        config["elsewhere"]
    with pytest.raises(KeyError):
        config["elsewhere"] = 1
    assert config.copy() == config
    assert config.copy() is not config


def test_a_certificate_and_its_key_come_together() -> None:
    with pytest.raises(ValueError, match="both are required"):
        ListenerConfig(certfile="a.pem")


def test_listeners_take_from_default_what_they_do_not_say() -> None:
    listeners = {
        "default": ListenerConfig(bind="127.0.0.1:0", max_connections=7),
        "web": ListenerConfig(type=ListenerType.WS, bind="127.0.0.1:8080"),
    }
    opened = Broker(BrokerConfig(listeners=listeners)).config.listeners
    assert {name: (one.type, one.bind, one.max_connections) for name, one in opened.items()} == {
        "default": ("tcp", "127.0.0.1:0", 7), "web": ("ws", "127.0.0.1:8080", 7),
    }


def test_a_dictionary_is_read_and_left_as_it_is() -> None:
    given = {
        "listeners": {"default": {"type": "tcp"}, "test": {"bind": "127.0.0.1:0", "max-connections": 5}},
        "topic-check": {"enabled": False}, "timeout-disconnect-delay": 2, "my-plugin": {"key": 1},
    }
    before = repr(given)
    config = BrokerConfig.from_dict(given)
    assert repr(given) == before
    assert (config.topic_check, config.timeout_disconnect_delay) == ({"enabled": False}, 2)
    assert (config.plugins, config.sections) == (None, {"my-plugin": {"key": 1}})
    broker = Broker(config)
    assert {name: one.max_connections for name, one in broker.config.listeners.items()} == {"test": 5}
    assert broker.config["my-plugin"] == {"key": 1}
    assert BrokerConfig.from_dict(None) == BrokerConfig()
    assert BrokerConfig.from_dict({"listeners": {"default": ListenerConfig(bind="127.0.0.1:0")}}).listeners[
        "default"
    ].bind == "127.0.0.1:0"


def test_an_unknown_key_of_a_listener_is_named() -> None:
    with pytest.raises(BrokerError, match=r"listeners\.default.*max_conections"):
        BrokerConfig.from_dict({"listeners": {"default": {"max-conections": 5}}})


def test_auth_is_not_overruled_by_plugins_that_nobody_wrote() -> None:
    config = BrokerConfig(auth=NOBODY)
    assert config.plugins is None
    broker = Broker(config)
    assert not broker.config.auth.admits_anonymous
    assert BrokerConfig.from_dict({"listeners": {}, "auth": NOBODY}).plugins is None
    assert BrokerConfig(plugins={}, auth=NOBODY).plugins == {}


def test_a_configuration_that_says_nothing_is_amqtts() -> None:
    broker = Broker(BrokerConfig())
    assert {name: one.bind for name, one in broker.config.listeners.items()} == {"default": "0.0.0.0:1883"}
    assert broker.config.auth.admits_anonymous
    assert broker.config.sys_interval == 20
