import pytest

from amqtt.net.origin import may_come_from

OUTSIDE, HERE = "192.0.2.1", "127.0.0.1"


@pytest.mark.parametrize(("origins", "host", "allowed", "local", "may"), [
    ([], "mqtt.example", [], OUTSIDE, True),
    ([], "", [], HERE, True),
    (["https://mqtt.example"], "mqtt.example", [], OUTSIDE, True),
    (["https://mqtt.example:8443"], "MQTT.example:9001", [], OUTSIDE, True),
    (["https://evil.example"], "mqtt.example", [], OUTSIDE, False),
    (["https://mqtt.example.evil.example"], "mqtt.example", [], OUTSIDE, False),
    (["https://evil.example"], "evil.example", [], HERE, False),
    (["http://evil.example:8080"], "evil.example:8080", [], "::1", False),
    (["http://localhost.evil.example"], "localhost.evil.example", [], HERE, False),
    (["http://localhost:3000"], "localhost:8080", [], HERE, True),
    (["http://app.localhost"], "app.localhost", [], HERE, True),
    (["http://127.0.0.1:3000"], "127.0.0.1:8080", [], HERE, True),
    (["http://[::1]:3000"], "[::1]:8080", [], "::1", True),
    (["http://localhost"], "127.0.0.1", [], HERE, False),
    (["null"], "localhost", [], HERE, False),
    ([""], "", [], OUTSIDE, False),
    (["http://[::1"], "[::1", [], HERE, False),
    (["file://"], "", [], OUTSIDE, False),
    (["https://App.example"], "mqtt.example", ["https://app.example/"], OUTSIDE, True),
    (["https://app.example:444"], "mqtt.example", ["https://app.example"], OUTSIDE, False),
    (["http://app.example"], "mqtt.example", ["https://app.example"], OUTSIDE, False),
    (["https://app.example"], "evil.example", ["https://app.example"], HERE, True),
    (["null"], "mqtt.example", ["*"], OUTSIDE, True),
    (["https://mqtt.example", "https://mqtt.example"], "mqtt.example", ["*"], OUTSIDE, False),
])
def test_a_page_may_come_from_its_own_host_and_from_where_it_is_allowed(origins, host, allowed, local, may):
    assert may_come_from(origins, [host], allowed, local) is may


def test_a_request_with_two_hosts_has_none():
    assert not may_come_from(["https://a.example"], ["a.example", "a.example"], [], OUTSIDE)
