import pytest

from amqtt.net.settings import parse_bind


@pytest.mark.parametrize(("bind", "expected"), [
    ("127.0.0.1:1883", ("127.0.0.1", 1883)),
    ("localhost:1884", ("localhost", 1884)),
    ("0.0.0.0:1883", ("0.0.0.0", 1883)),
    (":1885", (None, 1885)),
    ("*:1885", (None, 1885)),
    ("*", (None, 8883)),
    ("1886", (None, 1886)),
    (1886, (None, 1886)),
    (0, (None, 0)),
    ("127.0.0.1:0", ("127.0.0.1", 0)),
    ("[::1]:1883", ("::1", 1883)),
    ("[::1]", ("::1", 8883)),
    ("::1", ("::1", 8883)),
    ("::", ("::", 8883)),
    ("[fe80::1%eth0]:1883", ("fe80::1%eth0", 1883)),
    ("broker.example.org", ("broker.example.org", 8883)),
    ("broker.example.org:", ("broker.example.org", 8883)),
    (" 127.0.0.1 : 1883 ", ("127.0.0.1", 1883)),
    ("", (None, 8883)),
    (None, (None, 8883)),
])
def test_every_form_of_bind_is_understood(bind, expected):
    assert parse_bind(bind, 8883) == expected


@pytest.mark.parametrize(("bind", "said"), [
    ("127.0.0.1:abc", "Invalid port value in bind value: 127.0.0.1:abc"),
    ("127.0.0.1:65536", "Invalid port value in bind value"),
    ("127.0.0.1:-1", "Invalid port value in bind value"),
    ("127.0.0.1:" + "9" * 5000, "Invalid port value in bind value"),
    ("-1", "Invalid port value in bind value"),
    (65536, "Invalid port value in bind value: 65536"),
    (-1, "Invalid port value in bind value"),
    ("[::1:1883", "an IPv6 address is written"),
    ("[::1]1883", "an IPv6 address is written"),
    ("[localhost]:1883", "an IPv6 address is written"),
    ("::1:1883x", "an IPv6 address is written"),
    ("a:b:1883", "an IPv6 address is written"),
    ("mqtt://localhost", "Invalid port value"),
    ("local host:1883", "Invalid host"),
    ("user@host:1883", "Invalid host"),
    (True, "bind is host:port or a port, not True"),
    (1.5, "bind is host:port or a port, not 1.5"),
    (["127.0.0.1"], "bind is host:port or a port"),
])
def test_what_is_no_bind_is_refused_with_a_sentence(bind, said):
    with pytest.raises(ValueError, match="bind") as caught:
        parse_bind(bind, 1883)
    assert said in str(caught.value)
