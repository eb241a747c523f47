"""C10: no password stands in a log, in `$SYS`, in what is printed, or in a traceback, whatever goes wrong."""

import logging
from pathlib import Path

import pytest

from amqtt.abc import Answer, Authenticator, ConnectRequest, Password, Peer, Refusal
from amqtt.broker import Broker
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect
from support.opener import Opener

CANARY = b"canary-hunter2-\xff-canary"
PIECE = "hunter2"
SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
"""Of `secret word`."""


class Talkative(Authenticator):
    """Puts what it was given into everything that is logged of it."""

    def __init__(self) -> None:
        self.seen: list[bytes | None] = []

    def authenticate(self, request: ConnectRequest) -> Answer:
        self.seen.append(request.password)
        given = request.password
        logging.getLogger("talkative").error("%s %r %s", given, given, f"{given}")
        if request.username == "raise":
            raise ValueError(f"cannot verify {request.password!r} of {vars_of(request)}")
        return Refusal(reason=f"wrong password {request.password}")


def vars_of(request: ConnectRequest) -> dict[str, object]:
    return {name: getattr(request, name) for name in request.__slots__}


async def test_nothing_that_is_logged_or_published_shows_a_password(
    opener: Opener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "passwd").write_text(f"user:{SHA_CRYPT}\n")
    broker = Broker(
        {
            "listeners": {"test": {"bind": "127.0.0.1:0"}},
            "auth": {"allow-anonymous": False, "password-file": str(tmp_path / "passwd")},
            "trace": [{"file": str(tmp_path / "trace")}],
        }
    )
    async with broker:
        for version in (MQTT_3_1_1, MQTT_5):
            for username in ("user", "stranger", "$", "", None):
                client = await opener(broker)
                client.version = version
                client._decoder.version = version
                if username is None and version != MQTT_5:
                    continue
                client.send(Connect("c", version, username=username, password=CANARY))
                await client.read_to_end()
        published = [message.payload for message in broker.server.retained]
        figures = broker.metrics()
    assert caplog.text
    assert PIECE not in caplog.text
    assert published
    assert not [payload for payload in published if PIECE.encode() in payload]
    assert PIECE not in (tmp_path / "trace").read_text()
    assert "amqtt_refused_connections_total" in figures
    assert PIECE not in figures


@pytest.mark.parametrize("username", ["raise", "refuse"])
async def test_an_authenticator_that_tells_everything_tells_no_password(
    opener: Opener, caplog: pytest.LogCaptureFixture, username: str
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = Broker({"listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0})
    async with broker:
        talkative = Talkative()
        broker.server.authenticator = talkative
        client = await opener(broker)
        client.send(Connect("c", MQTT_5, username=username, password=CANARY))
        assert PIECE.encode() not in await client.read_to_end()
    assert talkative.seen == [CANARY]
    assert PIECE not in caplog.text
    assert "Password(…)" in caplog.text


def test_a_password_is_bytes_that_do_not_show() -> None:
    password = ConnectRequest("c", "u", CANARY, Peer()).password
    assert isinstance(password, Password)
    assert password == CANARY
    assert password[:6] == b"canary"
    for shown in (str(password), repr(password), f"{password}", f"{password!r}", repr([password])):
        assert PIECE not in shown
    assert ConnectRequest("c", "u", None, Peer()).password is None


def test_packets_do_not_show_what_is_in_them() -> None:
    assert PIECE not in repr(Connect("c", MQTT_5, username="u", password=CANARY))
