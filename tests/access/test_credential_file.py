"""A credential file: what its lines mean, and what happens when it changes."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.access import credential_file
from amqtt.access.credential_file import CredentialFile
from amqtt.access.hashes import read_hash
from amqtt.errors import BrokerError
from support.clock import StoppedClock

CANARY = "canary-secret"


def upper(text: str) -> str:
    if CANARY in text:
        raise ValueError("the secret is mistyped")
    return text.upper()


@pytest.fixture
def read(tmp_path: Path, clock: StoppedClock) -> Callable[[bytes], CredentialFile[str]]:
    def make(content: bytes) -> CredentialFile[str]:
        path = tmp_path / "users"
        path.write_bytes(content)
        return CredentialFile(path, "auth.some-file", upper, clock)

    return make


LINES = [
    (b"", {}),
    (b"\n\n  \r\n# a:b\n  # c:d\n", {}),
    (b"a:x\nb:y", {"a": "X", "b": "Y"}),
    (b"a:x\r\nb:y\r\n", {"a": "X", "b": "Y"}),
    (b"\xef\xbb\xbfa:x\n", {"a": "X"}),
    (b"a:x:y\n", {"a": "X:Y"}),
    (b"  a b:x  \n", {"a b": "X"}),
    (b"a:x\na:y\n", {"a": "Y"}),
    ("ä#1:ö\n".encode(), {"ä#1": "Ö"}),
    (b"+:x\n#:y\n", {"+": "X"}),
]


@pytest.mark.parametrize(("content", "users"), LINES)
def test_its_lines_are_users_and_secrets(
    read: Callable[[bytes], CredentialFile[str]], content: bytes, users: dict[str, str]
) -> None:
    assert read(content).users == users


MISTAKES = [
    (b"a", [1]),
    (b"a:x\n:x\n", [2]),
    (b"a:x\n\n#\nb:\n", [4]),
    (b":\nok:x\n:y\n", [1, 3]),
    (b"a\xff:x\n", [1]),
    (f"a:{CANARY}\n".encode(), [1]),
]


@pytest.mark.parametrize(("content", "numbers"), MISTAKES)
def test_a_bad_line_is_named_by_its_number_and_never_shown(
    read: Callable[[bytes], CredentialFile[str]], content: bytes, numbers: list[int]
) -> None:
    with pytest.raises(BrokerError) as caught:
        read(content)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == [str(number) for number in numbers]
    assert all(": auth.some-file: " in line for line in lines)
    assert CANARY not in str(caught.value)


def test_of_very_many_bad_lines_the_first_are_named(read: Callable[[bytes], CredentialFile[str]]) -> None:
    with pytest.raises(BrokerError, match="and 80 more") as caught:
        read(b"x\n" * 100)
    assert len(str(caught.value).splitlines()) == 21


@given(st.binary(max_size=200))
def test_any_bytes_are_users_or_a_broker_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    try:
        users = CredentialFile(path, "auth.password-file", read_hash).users
    except BrokerError:
        return
    assert all(user and ":" not in user for user in users)


def test_a_missing_file_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"auth\.some-file: .*nowhere cannot be read: No such file"):
        CredentialFile(tmp_path / "nowhere", "auth.some-file", upper)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"is not a file|cannot be read"):
        CredentialFile(tmp_path, "auth.some-file", upper)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BrokerError, match="is not a file"):
        CredentialFile(tmp_path / "pipe", "auth.some-file", upper)


def test_a_huge_file_is_refused(
    read: Callable[[bytes], CredentialFile[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_file, "LARGEST_FILE", 3)
    read(b"a:x")
    with pytest.raises(BrokerError, match="larger than 3 bytes"):
        read(b"a:xy")


def test_a_change_is_seen_when_it_is_looked_for_again(
    read: Callable[[bytes], CredentialFile[str]], clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    users = read(b"a:x")
    users.path.write_bytes(b"a:longer")
    assert users.refreshed() == {"a": "X"}
    clock.now += 1.0
    assert users.refreshed() == {"a": "LONGER"}
    assert "1 users read again" in caplog.text


def test_a_file_that_did_not_change_is_not_read_again(
    read: Callable[[bytes], CredentialFile[str]], clock: StoppedClock
) -> None:
    users = read(b"a:x")
    before = users.users
    clock.now += 1.0
    assert users.refreshed() is before


def test_a_file_that_was_put_in_its_place_is_seen(
    read: Callable[[bytes], CredentialFile[str]], clock: StoppedClock, tmp_path: Path
) -> None:
    users = read(b"a:x")
    other = tmp_path / "other"
    other.write_bytes(b"a:y")
    was = users.path.stat()
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.replace(users.path)
    clock.now += 1.0
    assert users.refreshed() == {"a": "Y"}


def test_a_bad_file_leaves_the_users_as_they_were_and_says_so_once(
    read: Callable[[bytes], CredentialFile[str]], clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    users = read(b"a:x")
    users.path.write_text(f"a:y\nb:{CANARY}\n")
    for _ in range(3):
        clock.now += 1.0
        assert users.refreshed() == {"a": "X"}
    assert len(caplog.records) == 1
    assert "users:2: auth.some-file" in caplog.text
    assert CANARY not in caplog.text
    users.path.write_bytes(b"a:z")
    clock.now += 1.0
    assert users.refreshed() == {"a": "Z"}


def test_a_file_that_is_gone_leaves_the_users_as_they_were(
    read: Callable[[bytes], CredentialFile[str]], clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    users = read(b"a:x")
    users.path.unlink()
    clock.now += 1.0
    assert users.refreshed() == {"a": "X"}
    assert "cannot be read: No such file" in caplog.text


@pytest.mark.parametrize("call", ["stat", "open", "fstat"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_whatever_fails_while_it_is_read_again_the_users_stay(
    read: Callable[[bytes], CredentialFile[str]],
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
) -> None:
    users = read(b"a:x")
    users.path.write_bytes(b"b:longer")
    clock.now += 1.0

    def fail(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "stat" else os, call, fail)
        assert users.refreshed() == {"a": "X"}
    clock.now += 1.0
    assert users.refreshed() == {"b": "LONGER"}
