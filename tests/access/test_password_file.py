"""auth_file: who is accepted, and what it costs the event loop and the Clients."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from amqtt.abc import Accepted, Answer, ConnectRequest, Refusal
from amqtt.access import password_file as subject
from amqtt.access import verifying
from amqtt.access.hashes import PasswordHash, read_hash
from amqtt.access.password_file import NoUsers, PasswordFile
from amqtt.errors import BrokerError
from amqtt.wire.reasons import ReasonCode
from support.clock import StoppedClock

Connect = Callable[..., ConnectRequest]


@pytest.fixture
async def users(password_file: Path, clock: StoppedClock) -> AsyncIterator[PasswordFile]:
    users = PasswordFile(password_file, clock=clock)
    yield users
    await users.close()


async def answer(of: Answer | Awaitable[Answer]) -> Answer:
    return await of if isinstance(of, Awaitable) else of


def rename_alice(password_file: Path) -> None:
    password_file.write_text(password_file.read_text().replace("alice:", "not-alice:"))


def password_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("amqtt-password")]


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_the_right_password_is_accepted(users: PasswordFile, connect: Connect, name: str) -> None:
    accepted = await answer(users.authenticate(connect(name, b"secret word")))
    assert isinstance(accepted, Accepted)
    assert accepted.permissions.user == name


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", b"wrong"),
        ("alice", b""),
        ("alice", None),
        ("carol", b"secret word"),
        ("Alice", b"secret word"),
        ("+", b"x"),
        ("#", b"x"),
        (".*", b"x"),
        ("alice\0", b"secret word"),
        ("\ud800", b"x"),
    ],
)
async def test_anything_else_is_refused(
    users: PasswordFile, connect: Connect, name: str, password: bytes | None
) -> None:
    refusal = await answer(users.authenticate(connect(name, password)))
    assert isinstance(refusal, Refusal)
    assert refusal.reason_code == ReasonCode.BAD_USER_NAME_OR_PASSWORD


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_user_name_it_has_no_opinion(
    password_file: Path, connect: Connect, name: str | None
) -> None:
    assert PasswordFile(password_file).authenticate(connect(name, b"secret word")) is None


@pytest.mark.parametrize(("name", "asked"), [("alice", "$5$"), ("carol", "$"), ("dave", "$")])
async def test_a_user_who_does_not_exist_costs_a_verification_too(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str, asked: str
) -> None:
    verified = []

    def verify(self: PasswordHash, password: bytes) -> bool:
        verified.append((self.text, password))
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)
    given = await answer(users.authenticate(connect(name, b"guess")))
    assert len(verified) == 1
    assert verified[0][0].startswith(asked)
    assert verified[0][1] == b"guess"
    assert isinstance(given, Accepted) == (name == "alice")


async def test_passwords_are_verified_in_its_own_threads(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = []

    def verify(_self: PasswordHash, _password: bytes) -> bool:
        where.append(threading.current_thread().name)
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)
    await answer(users.authenticate(connect("alice", b"x")))
    assert where[0].startswith("amqtt-password")


async def test_a_password_that_was_right_is_answered_at_once(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answer(users.authenticate(connect("alice", b"secret word")))
    monkeypatch.delattr(PasswordHash, "verify")
    assert isinstance(users.authenticate(connect("alice", b"secret word")), Accepted)


async def test_a_right_password_does_not_make_another_right(users: PasswordFile, connect: Connect) -> None:
    await answer(users.authenticate(connect("alice", b"secret word")))
    assert isinstance(await answer(users.authenticate(connect("alice", b"secret worse"))), Refusal)
    assert isinstance(await answer(users.authenticate(connect("carol", b"secret word"))), Refusal)


async def test_what_was_right_is_looked_up_in_a_file_that_may_have_changed(
    users: PasswordFile, connect: Connect, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answer(users.authenticate(connect("alice", b"secret word")))
    clock.now += 1.0
    monkeypatch.delattr(PasswordHash, "verify")
    pending = users.authenticate(connect("alice", b"secret word"))
    assert isinstance(pending, Awaitable)
    assert isinstance(await pending, Accepted)


async def test_a_password_that_was_changed_is_wrong_within_a_second(
    users: PasswordFile, connect: Connect, clock: StoppedClock, password_file: Path
) -> None:
    assert isinstance(await answer(users.authenticate(connect("alice", b"secret word"))), Accepted)
    assert isinstance(await answer(users.authenticate(connect("bob", b"secret word"))), Accepted)
    rename_alice(password_file)
    clock.now += 1.0
    assert isinstance(await answer(users.authenticate(connect("alice", b"secret word"))), Refusal)
    assert isinstance(await answer(users.authenticate(connect("bob", b"secret word"))), Accepted)
    assert isinstance(users.authenticate(connect("bob", b"secret word")), Accepted)
    assert isinstance(await answer(users.authenticate(connect("alice", b"secret word"))), Refusal)


async def test_a_password_found_right_in_the_old_file_is_not_remembered_for_the_new(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify(_self: PasswordHash, _password: bytes) -> bool:
        users._file.users = dict(users._file.users)
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)
    for _ in range(3):
        pending = users.authenticate(connect("alice", b"x"))
        assert isinstance(pending, Awaitable)
        assert isinstance(await pending, Accepted)


async def test_no_more_passwords_wait_than_the_bound(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "WORKERS", 1)
    monkeypatch.setattr(verifying, "MOST_WAITING", 2)
    gate = threading.Event()

    def verify(_self: PasswordHash, _password: bytes) -> bool:
        assert gate.wait(10)
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)
    waiting = [asyncio.ensure_future(answer(users.authenticate(connect("alice", b"x")))) for _ in range(3)]
    await asyncio.sleep(0)
    refusal = await answer(users.authenticate(connect("alice", b"x")))
    assert isinstance(refusal, Refusal)
    assert refusal.reason_code == ReasonCode.SERVER_BUSY
    gate.set()
    assert all(isinstance(given, Accepted) for given in await asyncio.gather(*waiting))
    assert not isinstance(users.authenticate(connect(None)), Refusal)


async def test_one_that_is_given_up_makes_room_for_another(
    users: PasswordFile, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "WORKERS", 1)
    monkeypatch.setattr(verifying, "MOST_WAITING", 1)
    gate = threading.Event()

    def verify(_self: PasswordHash, _password: bytes) -> bool:
        assert gate.wait(10)
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)
    at_work = asyncio.ensure_future(answer(users.authenticate(connect("alice", b"x"))))
    given_up = asyncio.ensure_future(answer(users.authenticate(connect("alice", b"x"))))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    pending = users.authenticate(connect("alice", b"x"))
    gate.set()
    assert isinstance(await answer(pending), Accepted)
    assert isinstance(await at_work, Accepted)


async def test_closing_ends_its_threads_and_it_can_be_used_again(
    password_file: Path, connect: Connect
) -> None:
    users = PasswordFile(password_file)
    await users.close()
    for _ in range(2):
        await answer(users.authenticate(connect("alice", b"wrong")))
        assert password_threads()
        await users.close()
        assert password_threads() == []


def test_closing_that_is_cut_short_ends_the_threads_all_the_same(
    password_file: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = PasswordFile(password_file)
    gate = threading.Event()

    def verify(_self: PasswordHash, _password: bytes) -> bool:
        assert gate.wait(10)
        return True

    monkeypatch.setattr(PasswordHash, "verify", verify)

    async def main() -> None:
        verifying = asyncio.ensure_future(answer(users.authenticate(connect("alice", b"x"))))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(users.close())
        await asyncio.sleep(0)
        for task in (closing, verifying):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    ending = [thread for thread in threading.enumerate() if thread.name.startswith("amqtt-password")]
    gate.set()
    for thread in ending:
        thread.join(10)
    assert password_threads() == []


def test_a_missing_file_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"auth\.password-file: .*/none cannot be read"):
        PasswordFile(tmp_path / "none")


async def test_an_empty_file_refuses_every_user_name(tmp_path: Path, connect: Connect) -> None:
    path = tmp_path / "empty"
    path.touch()
    users = PasswordFile(path)
    assert isinstance(await answer(users.authenticate(connect("alice", b""))), Refusal)
    await users.close()


def test_no_file_at_all_refuses_every_user_name(connect: Connect) -> None:
    assert isinstance(NoUsers().authenticate(connect("alice", b"x")), Refusal)
    assert NoUsers().authenticate(connect()) is None


def test_the_hashes_of_the_fixture_are_of_the_password(password_file: Path) -> None:
    for line in password_file.read_text().splitlines()[2:]:
        assert read_hash(line.partition(":")[2]).verify(b"secret word")
