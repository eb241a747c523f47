"""D9: rules that cannot be read again stay as they were; they are never gone for a moment."""

import builtins
import errno
import gc
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from amqtt.access import credential_file
from amqtt.access.credential_file import CredentialFile
from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.wire.packets import Puback
from support.clock import StoppedClock
from support.opener import Opener
from support.raw_client import RawClient

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
@pytest.mark.parametrize("call", ["open", "fstat", "stat"])
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


@pytest.mark.parametrize("instead", ["a directory", "a pipe", "too large"])
def test_what_is_no_file_any_more_keeps_what_was_read(
    tmp_path: Path, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, clock = tmp_path / "users", StoppedClock()
    file.write_text("alice:ok1\n")
    users = CredentialFile(file, "key", read, clock)
    file.unlink()
    if instead == "a directory":
        file.mkdir()
    elif instead == "a pipe":
        os.mkfifo(file)
    else:
        monkeypatch.setattr(credential_file, "LARGEST_FILE", 20)
        file.write_text("mallory:ok and more than there may be\n")
    clock.now += 10
    assert users.refreshed() == {"alice": "ok1"}


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


class Failing:
    """Lets each call of the system but one through: the number `at` fails with this error.

    Other threads and whatever the collector of cycles finishes off are let through, and do not count.
    """

    def __init__(self, number: int, at: int) -> None:
        self.calls = 0
        self._number = number
        self._at = at
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        gc.collect()
        gc.disable()
        return self

    def __exit__(self, *exc: object) -> None:
        gc.enable()

    def instead_of(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            if threading.get_ident() != self._thread:
                return real(*args, **more)
            self.calls += 1
            if self.calls == self._at:
                raise OSError(self._number, os.strerror(self._number), "a file")
            return real(*args, **more)

        return call


async def may_publish(client: RawClient, topic: str) -> bool:
    client.publish(topic, b"x", 1)
    return (await client.expect(Puback)).reason_code < 0x80


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EIO])
async def test_a_reload_that_the_system_fails_anywhere_leaves_every_rule_in_place(
    opener: Opener, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, passwords, file = tmp_path / "acl", tmp_path / "passwd", tmp_path / "amqtt.yaml"
    rules.write_text("user alice\ntopic readwrite mine\n")
    passwords.write_text(f"alice:{GOOD}\n")
    file.write_text(
        f"listeners:\n  test:\n    bind: 127.0.0.1:0\nsys-interval: 0\n"
        f"auth:\n  allow-anonymous: false\n  password-file: {passwords}\n"
        f"topic-check:\n  enabled: true\n  acl-file: {rules}\n  plugins: [topic_acl_file]\n"
    )
    broker = Broker(file)
    async with broker:
        client = await opener(broker)
        await client.connect("c", username="alice", password=b"secret word")
        refused = 0
        for at in range(1, 100):
            rules.write_text("user alice\ntopic readwrite #\n")
            failing = Failing(number, at)
            with monkeypatch.context() as patched, failing:
                patched.setattr(builtins, "open", failing.instead_of(open))
                patched.setattr(io, "open", failing.instead_of(io.open))
                for name in ("open", "fstat", "stat"):
                    patched.setattr(os, name, failing.instead_of(getattr(os, name)))
                try:
                    broker.reload()
                    reloaded = True
                except BrokerError:
                    reloaded = False
                    refused += 1
            # What the system fails may be nothing that the reload needs: then it is done.
            assert [await may_publish(client, topic) for topic in ("mine", "other")] == [True, reloaded]
            if failing.calls < at:
                break
            rules.write_text("user alice\ntopic readwrite mine\n")
            broker.reload()
        assert refused > 3
        assert reloaded
        assert at < 100
