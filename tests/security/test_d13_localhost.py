"""D13: where somebody comes from gives nobody a right: this machine, its sockets, a proxy that says so."""

from pathlib import Path

import pytest

from amqtt.abc import Peer
from amqtt.broker import Broker
from support.bench_server import BenchClient
from support.raw_client import RawClient

SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
WHO = {
    "right": ("alice", b"secret word"), "wrong": ("alice", b"guess"), "unknown": ("root", b"x"),
    "anonymous": (None, None), "nameless": ("", None),
}
PEERS = [
    Peer("127.0.0.1"), Peer("::1"), Peer("192.0.2.1"), Peer("", transport="unix"), Peer("::ffff:127.0.0.1"),
    Peer("127.0.0.1", transport="ws"), Peer("10.0.0.1", secure=True),
]


ASKED = pytest.mark.parametrize("asked", [["auth_anonymous", "auth_file"], ["auth_file"]], ids=len)
"""Whether somebody refuses who says no name, or nobody says yes to him."""


def configuration(tmp_path: Path, asked: list[str]) -> dict[str, object]:
    (tmp_path / "passwd").write_text(f"alice:{SHA_CRYPT}\n")
    return {
        "listeners": {
            "tcp": {"bind": "127.0.0.1:0"},
            "six": {"bind": "[::1]:0"},
            "unix": {"type": "unix", "path": str(tmp_path / "mqtt.sock")},
        },
        "sys_interval": 0,
        "auth": {"allow-anonymous": False, "password-file": str(tmp_path / "passwd"), "plugins": asked},
        "topic-check": {"enabled": True, "plugins": ["topic_acl"], "acl": {"alice": ["mine"]}},
    }


@ASKED
async def test_every_listener_decides_the_same(tmp_path: Path, asked: list[str]) -> None:
    async with Broker(configuration(tmp_path, asked)) as broker:
        decisions = {}
        for name, listener in broker.listeners.items():
            found = []
            for number, (user, password) in enumerate(WHO.values()):
                client = await RawClient.open(listener.addresses[0])
                connack = await client.connect(f"{name}{number}", username=user, password=password)
                found.append(int(connack.reason_code))
                if not connack.reason_code:
                    for topic_filter in ("mine", "#", "$SYS/#"):
                        found += map(int, (await client.subscribe(topic_filter)).reason_codes)
                await client.close()
            decisions[name] = found
    assert set(map(tuple, decisions.values())) == {(0, 0, 0x87, 0x87, 0x86, 0x86, 0x87, 0x87)}, asked


@ASKED
@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("who", ["anonymous", "nameless"])
async def test_no_address_makes_up_for_a_password(
    tmp_path: Path, who: str, proxied: bool, asked: list[str]
) -> None:
    user, password = WHO[who]
    async with Broker(configuration(tmp_path, asked)) as broker:
        for peer in PEERS:

            class Holder:
                server = broker.server
                turn = broker.server.turn

            peer.proxied = proxied
            client = BenchClient(Holder, 5, peer)  # type: ignore[arg-type]
            assert client.connect("c", username=user, password=password).reason_code == 0x87
