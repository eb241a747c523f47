"""The section `mdns`."""

import pytest

from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.net.settings import MdnsSettings


def test_without_the_section_nothing_is_announced() -> None:
    assert load({}).mdns == MdnsSettings(enabled=False)


def test_every_key_is_read() -> None:
    section = {"enabled": "off", "name": "kitchen", "interfaces": ["192.0.2.7", "::1"]}
    assert load({"mdns": section}).mdns == MdnsSettings(False, "kitchen", ("192.0.2.7", "::1"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"enabeld": True}, r"mdns\.enabeld: there is no such key \(did you mean 'enabled'"),
        ({"name": "é" * 32}, r"mdns\.name: it must have at most 63 bytes"),
        ({"name": "a\nb"}, r"mdns\.name: .*no control characters"),
        ({"interfaces": ["eth0"]}, r"mdns\.interfaces: 'eth0' is no IP address"),
        (True, r"mdns: it must be a section of keys and values, not on or off"),
    ],
)
def test_mistakes_are_named(section: object, message: str) -> None:
    with pytest.raises(BrokerError, match=message):
        load({"mdns": section})
