"""C2 to C5, C7: who is not known, is slow, raises, or answers rubbish, is out; nobody else notices."""

import asyncio
import base64
import itertools
import math
import os
import sys
import threading
from collections.abc import Awaitable, Coroutine, Generator
from pathlib import Path
from typing import ClassVar

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Peer, Permissions, Refusal
from amqtt.access import hashes, password_file, verifying
from amqtt.access.authenticators import Authenticators
from amqtt.access.hashes import PasswordHash
from amqtt.access.password_file import PasswordFile
from amqtt.broker import Broker
from amqtt.wire.packets import MQTT_5, Connack, Connect
from support.bench_server import Bench
from support.clock import StoppedClock
from support.loopback import Brokers
from support.opener import Opener

SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
"""Of `secret word`."""


class Says(Authenticator):
    """Gives one answer, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def authenticate(self, request: ConnectRequest) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


YES = "yes"
ANSWERS = {
    YES: Accepted(Permissions("u")),
    "no": Refusal(),
    "abstains": None,
    "raises": ValueError("out of order"),
    "says True": True,
    "says a word": "true",
    "accepts without permissions": Accepted(None),  # type: ignore[arg-type]
    "hangs": None,
}


class Thinking(Awaitable[Answer]):
    """An answer that never comes."""

    def __await__(self) -> Generator[None, None, Answer]:
        yield


def says(answer: str) -> Authenticator:
    return Says(Thinking() if answer == "hangs" else ANSWERS[answer])


def code_for(bench: Bench) -> int:
    """The Reason Code for a CONNECT; what takes too long is given up, as net does it."""
    client = bench.client()
    client.send(Connect("c", username="u"))
    pending = client.state.pending
    if pending is not None:
        if isinstance(pending, Coroutine):
            pending.close()
        bench.server.answered(client.state, TimeoutError())
    (connack,) = client.received()
    assert isinstance(connack, Connack)
    return connack.reason_code


@pytest.mark.parametrize("answers", list(itertools.product(ANSWERS, repeat=3)), ids="-".join)
def test_somebody_must_say_yes_and_everybody_else_no_more_than_nothing(answers: tuple[str, ...]) -> None:
    """C5: over three Authenticators, in every order."""
    bench = Bench(Authenticators({f"{at}": says(answer) for at, answer in enumerate(answers)}))
    expected = YES in answers and set(answers) <= {YES, "abstains"}
    assert (code_for(bench) == 0) is expected


def test_without_any_authenticator_nobody_comes_in() -> None:
    assert Bench(Authenticators({})).client().connect("c").reason_code == 0x87


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer != YES])
def test_a_server_takes_nothing_but_an_answer_for_a_yes(answer: str) -> None:
    """C4: without the house's own Authenticators between."""
    bench = Bench(says(answer))
    assert code_for(bench) >= 0x80
    assert not bench.server.realm.sessions


class Hangs(Authenticator):
    """Never answers."""

    def __init__(self) -> None:
        self.cancelled = 0

    def authenticate(self, request: ConnectRequest) -> Awaitable[Answer]:
        return self._wait()

    async def _wait(self) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError


async def test_an_authenticator_that_hangs_refuses_and_the_others_are_served(
    broker_with: Brokers, opener: Opener, faults: list[BaseException]
) -> None:
    broker = await broker_with(authentication_timeout=0.2)
    idle = await opener.connected(broker, "idle")
    hangs = Hangs()
    broker.server.authenticator = hangs
    waiting = [await opener(broker) for _ in range(20)]
    for number, client in enumerate(waiting):
        client.send(Connect(f"w{number}", MQTT_5))
    assert await idle.sync() == []
    for client in waiting:
        (connack,) = await client.expect_closed()
        assert isinstance(connack, Connack)
        assert connack.reason_code == 0x87
    assert hangs.cancelled == 20
    assert await idle.sync() == []
    assert {type(fault) for fault in faults} == {TimeoutError}
    faults.clear()


# -- C2: which names there are is not to be found out


class Counted(PasswordHash):
    """Counts how often it was verified."""

    verified: ClassVar[list[bytes]] = []

    @property
    def weakness(self) -> str:
        return ""

    def _matches(self, password: bytes) -> bool:
        self.verified.append(password)
        return False


async def test_an_unknown_user_costs_as_much_as_a_known_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passwd").write_text("alice:x\n")
    monkeypatch.setattr(password_file, "read_hash", Counted)
    users = PasswordFile(tmp_path / "passwd")
    work = {}
    for name in ("alice", "mallory", "", "*)(uid=*", "alice\0", "ALICE"):
        Counted.verified.clear()
        answer = users.authenticate(ConnectRequest(name, name, b"guess", Peer()))
        if name:
            assert isinstance(answer, Awaitable)
            refusal = await answer
            assert isinstance(refusal, Refusal)
            work[name] = (list(Counted.verified), refusal.reason_code, refusal.reason)
        else:
            assert answer is None
    await users.close()
    assert len(set(map(str, work.values()))) == 1
    assert work["mallory"][0] == [b"guess"]


SCHEMES = {
    "SHA-crypt": SHA_CRYPT,
    "PBKDF2": "$7$101$c2FsdHNhbHQ=$" + base64.b64encode(bytes(64)).decode(),
    "salted SHA-512": "$6$c2FsdHNhbHQ=$" + base64.b64encode(bytes(64)).decode(),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hashes_are_compared_in_constant_time(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(hashes, "compare_digest", lambda one, other: compared.append(one) or one == other)
    assert hashes.read_hash(SCHEMES[scheme]).verify(b"guess") is False
    assert len(compared) == 1


async def test_a_password_that_was_right_is_hashed_once_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand devices that come back at once do not wait for each other's hashes."""
    compared: list[bytes] = []
    monkeypatch.setattr(
        password_file, "compare_digest", lambda one, other: compared.append(one) or one == other
    )
    monkeypatch.setattr(password_file, "read_hash", Right)
    file, clock = tmp_path / "passwd", StoppedClock()
    file.write_text("alice:x\n")
    users = PasswordFile(file, clock=clock)
    Counted.verified.clear()

    async def comes(password: bytes) -> tuple[bool, bool]:
        """Whether he comes in, and whether it was known at once."""
        answer = users.authenticate(ConnectRequest("c", "alice", password, Peer()))
        at_once = not isinstance(answer, Awaitable)
        found = answer if at_once else await answer
        return isinstance(found, Accepted), at_once

    assert await comes(b"right") == (True, False)
    assert [await comes(b"right") for _ in range(3)] == [(True, True)] * 3
    assert len(compared) == 3, "and in constant time"
    clock.now += 2  # the file is to be looked at again, which is done in a thread
    assert await comes(b"right") == (True, False)
    assert Counted.verified == [b"right"]
    assert await comes(b"wrong") == (False, False)
    assert await comes(b"wrong") == (False, False)
    assert Counted.verified == [b"right", b"wrong", b"wrong"]
    file.write_text("alice:another\n")
    clock.now += 2
    assert await comes(b"right") == (True, False)
    assert Counted.verified == [b"right", b"wrong", b"wrong", b"right"]
    await users.close()


class Right(Counted):
    """Is that of one password."""

    def _matches(self, password: bytes) -> bool:
        return super()._matches(password) or password == b"right"


# -- C3: a flood of wrong passwords


async def test_a_flood_of_wrong_passwords_is_bounded_and_the_right_one_still_gets_in(
    tmp_path: Path, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "MOST_WAITING", 5)
    (tmp_path / "passwd").write_text(f"alice:{SHA_CRYPT}\nbob:{SHA_CRYPT}\n")
    broker = Broker(
        {
            "listeners": {"test": {"bind": "127.0.0.1:0"}},
            "sys_interval": 0,
            "auth": {"allow-anonymous": False, "password-file": str(tmp_path / "passwd")},
        }
    )
    async with broker:
        alice = await opener(broker)
        await alice.connect("alice", username="alice", password=b"secret word")
        crowd = [await opener(broker) for _ in range(60)]
        for number, client in enumerate(crowd):
            client.send(Connect(f"m{number}", MQTT_5, username=f"user{number}", password=b"guess"))
        assert await alice.sync() == []
        codes = []
        for client in crowd:
            (connack,) = await client.expect_closed()
            codes.append(connack.reason_code)  # type: ignore[union-attr]
        assert set(codes) <= {0x86, 0x89}
        assert codes.count(0x86) >= 5
        bob = await opener(broker)
        assert (await bob.connect("bob", username="bob", password=b"secret word")).reason_code == 0
        again = await opener(broker)
        assert (await again.connect("a", username="alice", password=b"secret word")).reason_code == 0


async def test_whose_connect_had_to_wait_for_its_turn_is_verified_then(
    tmp_path: Path, opener: Opener
) -> None:
    (tmp_path / "passwd").write_text(f"alice:{SHA_CRYPT}\n")
    broker = Broker(
        {
            "listeners": {"test": {"bind": "127.0.0.1:0"}},
            "sys_interval": 0,
            "auth": {"allow-anonymous": False, "password-file": str(tmp_path / "passwd")},
        }
    )
    async with broker:
        broker.server.turn.present = lambda: math.inf  # no turn has room for a CONNECT that was just read
        alice = await opener(broker)
        assert (await alice.connect("a", username="alice", password=b"secret word")).reason_code == 0
        assert await alice.sync() == []


class Ranked(Counted):
    """Notes the nice value of the thread that verifies it, and of one that this begins."""

    nice: ClassVar[list[int]] = []

    def _matches(self, password: bytes) -> bool:
        self.note()
        lane = threading.Thread(target=self.note)
        lane.start()
        lane.join()
        return super()._matches(password)

    def note(self) -> None:
        self.nice.append(nice_value())


def nice_value() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="a nice value is that of a whole process here")
async def test_who_verifies_passwords_lets_the_event_loop_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passwd").write_text("alice:x\n")
    monkeypatch.setattr(password_file, "read_hash", Ranked)
    Ranked.nice.clear()
    before = nice_value()
    users = PasswordFile(tmp_path / "passwd")
    answer = users.authenticate(ConnectRequest("c", "alice", b"guess", Peer()))
    assert isinstance(answer, Awaitable)
    await answer
    await users.close()
    assert Ranked.nice == [min(before + verifying.NICE, 19)] * 2
    assert nice_value() == before


class Slow(PasswordHash):
    """Is verified when the test says so."""

    may_go_on = threading.Event()

    @property
    def weakness(self) -> str:
        return ""

    def _matches(self, password: bytes) -> bool:
        assert self.may_go_on.wait(10)
        return password == b"right"


async def test_a_flood_from_one_address_keeps_nobody_out_who_comes_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passwd").write_text("alice:x\n")
    monkeypatch.setattr(password_file, "read_hash", Slow)
    monkeypatch.setattr(verifying, "MOST_WAITING", 40)
    Slow.may_go_on.clear()
    users = PasswordFile(tmp_path / "passwd")
    done: list[str] = []

    async def come(name: str, address: str, password: bytes) -> int:
        answer = users.authenticate(ConnectRequest("c", name, password, Peer(address)))
        assert isinstance(answer, Awaitable)
        found = await answer
        done.append(name)
        return found.reason_code if isinstance(found, Refusal) else 0

    flood = [asyncio.ensure_future(come(f"m{n}", "192.0.2.1", b"guess")) for n in range(100)]
    await asyncio.sleep(0)
    alice = asyncio.ensure_future(come("alice", "198.51.100.7", b"right"))
    await asyncio.sleep(0)
    Slow.may_go_on.set()
    assert await alice == 0
    codes = [await each for each in flood]
    verified = [name for name in done if name == "alice" or codes[int(name[1:])] == 0x86]
    assert verified.index("alice") <= 3 * password_file.WORKERS
    assert set(codes) == {0x86, 0x89}
    assert 40 - 1 <= codes.count(0x86) <= 40 + password_file.WORKERS
    await users.close()


async def test_who_would_wait_too_long_is_told_that_the_server_is_busy_and_nothing_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opener: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "passwd").write_text("alice:x\n")
    monkeypatch.setattr(password_file, "read_hash", Slow)
    monkeypatch.setattr(verifying, "PATIENCE", 0.05)
    Slow.may_go_on.clear()
    auth = {"allow-anonymous": False, "password-file": str(tmp_path / "passwd")}
    listeners = {"test": {"bind": "127.0.0.1:0"}}
    async with Broker({"listeners": listeners, "sys_interval": 0, "auth": auth}) as at:
        client = await opener(at)
        connack = await client.connect("c", username="alice", password=b"right")
        assert connack.reason_code == 0x89
        monkeypatch.setattr(verifying, "PATIENCE", 1000.0)
        Slow.may_go_on.set()
        again = await opener(at)
        assert (await again.connect("c", username="alice", password=b"right")).reason_code == 0
    assert "Traceback" not in caplog.text
    assert "failed" not in caplog.text


@pytest.mark.parametrize(
    "password", [b"", None, b"\0", b"secret word\0", b"secret", b"secret word ", b"x" * 60_000]
)
async def test_no_password_but_the_right_one_is_right(tmp_path: Path, password: bytes | None) -> None:
    (tmp_path / "passwd").write_text(f"alice:{SHA_CRYPT}\n")
    users = PasswordFile(tmp_path / "passwd")
    answer = users.authenticate(ConnectRequest("c", "alice", password, Peer()))
    assert isinstance(answer, Awaitable)
    assert isinstance(await answer, Refusal)
    await users.close()
