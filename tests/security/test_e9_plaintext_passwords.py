"""E9: passwords that others can read: said at start, and refused where that is asked for."""

from pathlib import Path

import pytest

from amqtt.abc import Peer
from amqtt.broker import Broker
from amqtt.config_file import load
from amqtt.server.settings import ServerSettings
from support.bench_server import Bench, BenchClient
from support.opener import Opener

SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"


def configuration(tmp_path: Path, bind: str, **more: object) -> dict[str, object]:
    (tmp_path / "passwd").write_text(f"user:{SHA_CRYPT}\n")
    auth = {"allow-anonymous": False, "password-file": str(tmp_path / "passwd")}
    return {"listeners": {"outside": {"bind": bind}}, "auth": auth, **more}


@pytest.mark.parametrize(
    ("bind", "more", "warned"),
    [
        ("0.0.0.0:0", {}, True),
        ("127.0.0.1:0", {}, False),
        ("0.0.0.0:0", {"require-tls-for-passwords": True}, False),
    ],
)
def test_a_listener_that_others_reach_is_named_once(
    tmp_path: Path, bind: str, more: dict[str, object], warned: bool
) -> None:
    notices = load(configuration(tmp_path, bind, **more)).notices
    assert [notice for notice in notices if notice.startswith("listeners.outside: passwords reach it")] == (
        [notices[0]] if warned else []
    )


@pytest.mark.parametrize(
    ("peer", "code"),
    [
        (Peer("192.0.2.1"), 0x87),
        (Peer("2001:db8::1"), 0x87),
        (Peer("192.0.2.1", secure=True), 0),
        (Peer("127.0.0.1"), 0),
        (Peer("::1"), 0),
        (Peer("", transport="unix"), 0),
        (Peer(""), 0x87),
        (Peer("127.0.0.1", proxied=True), 0x87),
        (Peer("", transport="unix", proxied=True), 0x87),
        (Peer("192.0.2.1", proxied=True, secure=True), 0),
    ],
)
def test_where_it_is_asked_for_a_password_off_the_network_is_refused_right_or_not(
    peer: Peer, code: int
) -> None:
    bench = Bench()
    bench.server.realm.settings = ServerSettings(requires_tls_for_passwords=True)
    assert BenchClient(bench, 5, peer).connect("c", username="u", password=b"right").reason_code == code
    assert BenchClient(bench, 5, peer).connect("d", username="u").reason_code == 0


async def test_the_option_reaches_the_server(tmp_path: Path, opener: Opener) -> None:
    broker = Broker({**configuration(tmp_path, "127.0.0.1:0"), "require_tls_for_passwords": "on"})
    assert broker.server.realm.settings.requires_tls_for_passwords
