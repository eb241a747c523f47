"""The parts of our Client that need no network: addresses, waits, TLS files, SCRAM."""

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from amqtt.abc import Accepted, Challenge, ConnectRequest, Peer, Refusal
from amqtt.access.scram import Scram, new_credential
from amqtt.clients import Reconnect, ScramAuthentication, TlsOptions
from amqtt.clients.address import parse_address
from amqtt.clients.backoff import Backoff
from amqtt.clients.tls import client_context
from support.tls import Authority


@pytest.mark.parametrize(
    ("url", "transport", "secure", "shown"),
    [
        ("mqtt://host", "tcp", False, "host:1883"),
        ("host", "tcp", False, "host:1883"),
        ("host:99", "tcp", False, "host:99"),
        ("mqtts://host", "tcp", True, "host:8883"),
        ("mqtt://[::1]:7", "tcp", False, "[::1]:7"),
        ("ws://host", "ws", False, "host:80/mqtt"),
        ("wss://host/path?a=b", "ws", True, "host:443/path?a=b"),
        ("unix:///run/m.sock", "unix", False, "/run/m.sock"),
    ],
)
def test_an_address_is_read_as_people_write_it(url: str, transport: str, secure: bool, shown: str) -> None:
    address = parse_address(url)
    assert (address.transport, address.secure, str(address)) == (transport, secure, shown)


def test_user_name_and_password_may_stand_in_the_address_and_are_not_shown() -> None:
    address = parse_address("mqtt://u%40x:p%3Aw@host")
    assert (address.username, address.password) == ("u@x", "p:w")
    assert "p:w" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://host", "'http' is not one of MQTT's"),
        ("mqtt://", "names no host"),
        ("mqtt://host/topic", "'/topic' has no meaning"),
        ("mqtt://u:secret@host:port", "no URL of an MQTT server"),
        ("unix://relative", "whole path"),
    ],
)
def test_what_is_no_address_is_said_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as wrong:
        parse_address(url)
    assert "secret" not in str(wrong.value)


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_good_while() -> None:
    backoff = Backoff(Reconnect(1, 10), lambda: 1.0)
    assert [backoff.next_wait() for _ in range(5)] == [1, 2, 4, 8, 10]
    backoff.connected(100)
    backoff.lost(105)
    assert backoff.next_wait() == 10
    backoff.connected(100)
    backoff.lost(111)
    assert backoff.next_wait() == 1


def test_waits_are_at_random() -> None:
    assert Backoff(Reconnect(1, 10), lambda: 0.0).next_wait() == 0.5


def test_attempts_are_bounded_where_that_is_wanted() -> None:
    backoff = Backoff(Reconnect(1, 1, attempts=2))
    assert not backoff.exhausted
    backoff.next_wait()
    backoff.next_wait()
    assert backoff.exhausted
    for _ in range(2000):
        assert Backoff(Reconnect()).next_wait() <= 1


@pytest.mark.parametrize("wrong", [{"first": 0}, {"first": 5, "longest": 4}, {"attempts": -1}])
def test_waits_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not"):
        Reconnect(**wrong)


def test_tls_is_as_strict_as_it_can_be_unless_it_is_told() -> None:
    context = client_context(TlsOptions(), False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    loose = client_context(TlsOptions(verify=False, minimum_version="1.3"), True)
    assert (loose.verify_mode, loose.check_hostname) == (ssl.CERT_NONE, False)
    assert loose.minimum_version is ssl.TLSVersion.TLSv1_3


def test_tls_files_that_are_not_what_they_should_be_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish", encoding="utf-8")
    missing = tmp_path / "missing.pem"
    for options, said in [
        (TlsOptions(cafile=missing), "missing.pem: no such file"),
        (TlsOptions(cafile=rubbish), "rubbish.pem"),
        (TlsOptions(certfile=authority.certfile), "no certificate with its key"),
        (TlsOptions(keyfile=authority.keyfile), "needs its certificate"),
        (TlsOptions(minimum_version="1.0"), "1.2 or 1.3"),
        (TlsOptions(ciphers="NONE-SUCH"), "NONE-SUCH"),
    ]:
        with pytest.raises(ValueError, match=said):
            client_context(options, False)


def exchange(ours: ScramAuthentication, user: str, password: str) -> object:
    """Run SCRAM against our own Server's side; what it ends with."""
    theirs = Scram({user: new_credential(password)}).exchange(
        ConnectRequest("me", None, None, Peer(), authentication_method="SCRAM-SHA-256")
    )
    assert theirs is not None
    answer = theirs.step(ours.begin())
    assert isinstance(answer, Challenge)
    answer = theirs.step(ours.step(answer.data))
    if isinstance(answer, Accepted):
        ours.finish(answer.data)
    return answer


@pytest.mark.parametrize(("user", "password"), [("u", "p"), ("a,b=c", "\u017fecret"), ("jürgen", "päss")])
def test_scram_proves_the_password_both_ways(user: str, password: str) -> None:
    ours = ScramAuthentication(user, password)
    for _ in range(2):
        assert isinstance(exchange(ours, user, password), Accepted)


def test_scram_with_a_wrong_password_is_refused() -> None:
    assert isinstance(exchange(ScramAuthentication("u", "wrong"), "u", "right"), Refusal)


@pytest.mark.parametrize(
    ("server_first", "said"),
    [
        (b"r=mine+,s=c2FsdHNhbHQ=,i=4095", "4095 iterations"),
        (b"r=mine+,s=c2FsdHNhbHQ=,i=999999999", "iterations"),
        (b"r=mine+,s=c2FsdHNhbHQ=,i=x", "no number"),
        (b"r=other,s=c2FsdHNhbHQ=,i=4096", "does not continue ours"),
        (b"r=mine,s=c2FsdHNhbHQ=,i=4096", "does not continue ours"),
        (b"r=mine+,s=*,i=4096", "Base64"),
        (b"s=c2FsdA==,r=mine+,i=4096", "r= is missing"),
        (b"r=mine+", "cut off"),
        (b"\xff", "UTF-8"),
        (None, "cut off"),
    ],
)
def test_scram_does_not_believe_a_server_that_cheats(server_first: bytes | None, said: str) -> None:
    ours = ScramAuthentication("u", "p", lambda: "mine")
    ours.begin()
    with pytest.raises(ValueError, match=said):
        ours.step(server_first)


@pytest.mark.parametrize("said", [b"v=AAAA", b"", None, b"e=other"])
def test_scram_wants_the_servers_proof(said: bytes | None) -> None:
    ours = ScramAuthentication("u", "p", lambda: "mine")
    ours.begin()
    ours.step(b"r=mine+,s=c2FsdHNhbHQ=,i=4096")
    with pytest.raises(ValueError, match=r"SCRAM|prove"):
        ours.finish(said)


def test_a_program_with_a_client_loads_no_server() -> None:
    program = "import sys, amqtt; amqtt.Client; print([name for name in sys.modules if name in %r])"
    unwanted = ("amqtt.server.server", "amqtt.access", "websockets", "typer", "yaml", "sqlite3")
    out = subprocess.run(
        [sys.executable, "-c", program % (unwanted,)], capture_output=True, text=True, check=True
    )
    assert out.stdout == "[]\n"
