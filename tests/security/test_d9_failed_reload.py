"""D9: rules that cannot be read again stay as they were; they are never gone for a moment."""

import errno
import os
from pathlib import Path

import pytest

from amqtt.access import credential_file
from amqtt.access.credential_file import CredentialFile
from amqtt.broker import Broker
from amqtt.errors import BrokerError
from support.clock import StoppedClock
from support.opener import Opener

GOOD = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"


def read(text: str) -> str:
    if not text.startswith("ok"):
        raise ValueError("not ok")
    return text


@pytest.mark.parametrize("spoilt", ["", "alice:ok\nbob", "alice:broken", b"alice:ok\n\xff:ok"])
def test_a_half_written_file_keeps_what_was_read(tmp_path: Path, spoilt: str | bytes) -> None:
    file, clock = tmp_path / "users", StoppedClock()
    file.write_text("alice:ok1\n")
    users = CredentialFile(file, "key", read, clock)
    file.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    clock.now += 10
    after = users.refreshed()
    assert after == ({} if spoilt == "" else {"alice": "ok1"})
    file.write_text("alice:ok2\n")
    clock.now += 10
    assert users.refreshed() == {"alice": "ok2"}


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES, errno.ENOENT, errno.ENOSPC]
)
@pytest.mark.parametrize("call", ["open", "fstat"])
def test_an_error_of_the_system_keeps_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    file, clock = tmp_path / "users", StoppedClock()
    file.write_text("alice:ok1\n")
    users = CredentialFile(file, "key", read, clock)
    file.write_text("mallory:ok-more\n")
    clock.now += 10
    real = getattr(os, call)

    def fails(*args: object, **more: object) -> object:
        if call == "fstat" or str(args[0]) == str(file):
            raise OSError(number, os.strerror(number))
        return real(*args, **more)

    monkeypatch.setattr(credential_file.os, call, fails)
    assert users.refreshed() == {"alice": "ok1"}
    monkeypatch.undo()
    clock.now += 10
    assert users.refreshed() == {"mallory": "ok-more"}


@pytest.mark.parametrize(
    "bad",
    [
        {"auth": {"password-file": "/nonexistent"}}, {"auth": {"plugins": ["no such"]}}, {"auht": {}},
        {"topic-check": {"enabled": True, "acl": ["a"]}}, {"limits": {"maximum-qos": 7}},
    ],
)
async def test_a_reload_that_fails_leaves_every_rule_in_place(opener: Opener, bad: dict[str, object]) -> None:
    good: dict[str, object] = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}},
        "sys_interval": 0,
        "auth": {"allow-anonymous": True},
        "topic-check": {"enabled": True, "plugins": ["topic_acl"], "acl": {"u": ["mine"]}},
    }
    broker = Broker(good)
    async with broker:
        client = await opener(broker)
        await client.connect("c", username="u")
        with pytest.raises(BrokerError):
            broker.reload({**good, **bad})
        for name in ("c2", "c3"):
            other = await opener(broker)
            await other.connect(name, username="u")
            assert (await other.subscribe("#")).reason_codes == [0x87]
        assert (await client.subscribe("mine")).reason_codes == [0]
        assert (await client.subscribe("#")).reason_codes == [0x87]
