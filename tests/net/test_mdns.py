"""What is announced of which Listener."""

from amqtt.net.listener import Listener
from amqtt.net.mdns import Service, services
from amqtt.net.settings import ListenerSettings, TlsSettings

HERE = ["192.0.2.7", "2001:db8::7"]
"""The addresses of this machine that others reach."""


def listener(settings: ListenerSettings, *addresses: tuple[str, int] | str) -> Listener:
    made = Listener(settings, None)
    made.addresses.extend(addresses)
    return made


def announced(*listeners: Listener) -> list[Service]:
    return list(services(listeners, "amqtt", HERE))


def test_a_listener_on_every_interface_has_all_addresses_of_its_families() -> None:
    plain = listener(ListenerSettings("default"), ("0.0.0.0", 1883), ("::", 1883))
    assert announced(plain) == [Service("_mqtt._tcp", "amqtt", tuple(HERE), 1883)]
    ipv4 = listener(ListenerSettings("default"), ("0.0.0.0", 1883))
    assert announced(ipv4) == [Service("_mqtt._tcp", "amqtt", ("192.0.2.7",), 1883)]


def test_one_that_only_this_machine_reaches_is_not_announced() -> None:
    assert announced(listener(ListenerSettings("default"), ("127.0.0.1", 1883), ("::1", 1883))) == []


def test_tls_and_websocket_have_services_of_their_own() -> None:
    everywhere = ("0.0.0.0", 1)
    found = announced(
        listener(ListenerSettings("a", tls=TlsSettings()), everywhere),
        listener(ListenerSettings("b", type="ws", path="/mqtt"), everywhere),
        listener(ListenerSettings("c", type="ws", tls=TlsSettings()), everywhere),
    )
    assert [(each.kind, each.text) for each in found] == [
        ("_secure-mqtt._tcp", ()), ("_mqtt-ws._tcp", (("path", "/mqtt"),)), ("_mqtt-wss._tcp", ()),
    ]


def test_unix_sockets_are_not_announced() -> None:
    assert announced(listener(ListenerSettings("local", type="unix"), "/run/mqtt.sock")) == []


def test_two_of_a_kind_are_told_apart_by_their_names() -> None:
    found = announced(
        listener(ListenerSettings("one"), ("0.0.0.0", 1)), listener(ListenerSettings("two"), ("0.0.0.0", 2))
    )
    assert [each.name for each in found] == ["amqtt (one)", "amqtt (two)"]


def test_a_name_is_cut_to_what_the_dns_takes() -> None:
    (found,) = services([listener(ListenerSettings("default"), ("0.0.0.0", 1))], "é" * 40, HERE)
    assert found.name == "é" * 31
