"""`amqtt passwd` as its users start it: a process, with a terminal or without."""

import hashlib
import hmac
import json
import os
import pty
import select
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amqtt.access.hashes import read_hash
from amqtt.access.password_file import PasswordFile
from amqtt.access.scram import read_credential

DEADLINE = 60.0
SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
"""Of `secret word`."""
COMMAND = [sys.executable, "-m", "amqtt", "passwd"]

Passwd = Callable[..., tuple[int, str, str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "passwd"


@pytest.fixture
def passwd() -> Passwd:
    """Run the command with this standard input and no terminal: exit status, output, errors."""

    def run(*arguments: object, given: bytes = b"") -> tuple[int, str, str]:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)], input=given, capture_output=True, timeout=DEADLINE,
            start_new_session=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def at_terminal(answers: list[bytes], *arguments: object) -> tuple[int, bytes]:
    """Run it at a terminal, type an answer at each prompt: exit status, and all that the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(COMMAND[0], [*COMMAND, *map(str, arguments)])
    shown = b""
    waiting = list(answers)
    try:
        while True:
            ready, _, _ = select.select([terminal], [], [], DEADLINE)
            assert ready, shown
            try:
                data = os.read(terminal, 4096)
            except OSError:  # Linux says so when the other end is closed
                data = b""
            if not data:
                break
            shown += data
            if shown.endswith(b": ") and waiting:
                os.write(terminal, waiting.pop(0) + b"\n")
    finally:
        os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown


def users(path: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in path.read_text().splitlines())


def test_a_user_is_added_to_a_file_that_is_made(passwd: Passwd, path: Path) -> None:
    assert passwd("add", path, "alice", "--stdin", given=b"secret word\n") == (0, "", "")
    assert users(path)["alice"].startswith("$argon2id$")
    assert read_hash(users(path)["alice"]).verify(b"secret word")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(PasswordFile(path)._file.users) == {"alice"}


@pytest.mark.parametrize("given", [b"secret word", b"secret word\r\n", "sécret ✓".encode()])
def test_a_password_is_one_line_of_standard_input(passwd: Passwd, path: Path, given: bytes) -> None:
    assert passwd("add", path, "alice", "--stdin", given=given)[0] == 0
    assert read_hash(users(path)["alice"]).verify(given.rstrip(b"\r\n"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "a password has 1 to 512 bytes and no zero byte"),
        (b"\n", "a password has 1 to 512 bytes and no zero byte"),
        (b"a\0b\n", "a password has 1 to 512 bytes and no zero byte"),
        (b"canary\nmore\n", "standard input has more than one line"),
        (b"canary" * 1000, "a password has 1 to 512 bytes"),
    ],
)
def test_a_password_that_cannot_be_is_refused(passwd: Passwd, path: Path, given: bytes, said: str) -> None:
    status, out, err = passwd("add", path, "alice", "--stdin", given=given)
    assert (status, out) == (1, "")
    assert err.startswith(f"amqtt: {said}")
    assert "canary" not in err
    assert not path.exists()


def test_the_terminal_asks_twice_and_shows_nothing(path: Path) -> None:
    status, shown = at_terminal([b"canary", b"canary"], "add", path, "alice")
    assert status == 0
    assert b"Password of alice: " in shown
    assert b"The same again: " in shown
    assert b"canary" not in shown
    assert read_hash(users(path)["alice"]).verify(b"canary")


def test_two_different_answers_change_nothing(path: Path) -> None:
    status, shown = at_terminal([b"canary1", b"canary2"], "add", path, "alice")
    assert status == 1
    assert b"two different passwords" in shown
    assert b"canary" not in shown
    assert not path.exists()


def test_an_answer_can_be_verified_at_the_terminal(path: Path) -> None:
    path.write_text(f"alice:{SHA_CRYPT}\n")
    assert at_terminal([b"secret word"], "verify", path, "alice")[0] == 0
    status, shown = at_terminal([b"canary"], "verify", path, "alice")
    assert status == 1
    assert b"the password is wrong" in shown
    assert b"canary" not in shown


def test_without_a_terminal_it_does_not_ask(passwd: Passwd, path: Path) -> None:
    status, out, err = passwd("add", path, "alice", given=b"secret\n")
    assert (status, out, err) == (1, "", "amqtt: there is no terminal to ask on; use --stdin\n")
    assert not path.exists()


@pytest.mark.parametrize("option", ["-p", "--password", "-b"])
def test_a_password_cannot_be_an_argument(passwd: Passwd, path: Path, option: str) -> None:
    assert passwd("add", path, "alice", option, "secret")[0] == 2
    assert passwd("add", path, "alice", "secret")[0] == 2
    assert not path.exists()


@pytest.mark.parametrize("user", ["", "a:b", "#a", " a", "a\nb"])
def test_a_name_that_would_be_read_otherwise_is_refused(passwd: Passwd, path: Path, user: str) -> None:
    status, _, err = passwd("add", path, user, "--stdin", given=b"x")
    assert status == 1
    assert err.startswith("amqtt: a user name")
    assert not path.exists()


def test_a_user_is_removed(passwd: Passwd, path: Path) -> None:
    path.write_text(f"alice:{SHA_CRYPT}\nbob:{SHA_CRYPT}\n")
    assert passwd("remove", path, "alice") == (0, "", "")
    assert list(users(path)) == ["bob"]
    status, _, err = passwd("remove", path, "alice")
    assert (status, err) == (1, f"amqtt: there is no user 'alice' in {path}\n")


@pytest.mark.parametrize("arguments", [("remove", "alice"), ("verify", "alice", "--stdin"), ("upgrade",)])
def test_a_file_that_is_not_there_is_named(passwd: Passwd, path: Path, arguments: tuple[str, ...]) -> None:
    status, _, err = passwd(arguments[0], path, *arguments[1:])
    assert (status, err) == (1, f"amqtt: {path} is not there\n")


def test_a_password_is_verified(passwd: Passwd, path: Path) -> None:
    path.write_text(f"alice:{SHA_CRYPT}\n")
    before = path.read_bytes()
    status, out, err = passwd("verify", path, "alice", "--stdin", given=b"secret word\n")
    assert (status, out, err) == (0, "The password is right.\n", "")
    status, out, err = passwd("verify", path, "alice", "--stdin", given=b"canary\n")
    assert (status, out, err) == (1, "", "amqtt: the password is wrong\n")
    assert passwd("verify", path, "bob", "--stdin", given=b"x")[0] == 1
    assert path.read_bytes() == before


def test_upgrade_says_which_lines_are_weak_and_shows_no_hash(passwd: Passwd, path: Path) -> None:
    path.write_text(f"# ours\nalice:{SHA_CRYPT}\n")
    assert passwd("add", path, "bob", "--stdin", given=b"x")[0] == 0
    status, out, err = passwd("upgrade", path)
    assert (status, out, err) == (0, f"{path}:2: alice: SHA-crypt with 1000 rounds only\n", "")


def test_upgrade_writes_a_weak_line_anew_for_whoever_knows_the_password(passwd: Passwd, path: Path) -> None:
    path.write_text(f"alice:{SHA_CRYPT}\nbob:{SHA_CRYPT}\n")
    assert passwd("upgrade", path, "alice", "--stdin", given=b"canary")[0] == 1
    assert users(path)["alice"] == SHA_CRYPT
    assert passwd("upgrade", path, "alice", "--stdin", given=b"secret word\n") == (0, "", "")
    assert users(path)["alice"].startswith("$argon2id$")
    assert users(path)["bob"] == SHA_CRYPT
    assert read_hash(users(path)["alice"]).verify(b"secret word")
    written = path.read_bytes()
    status, out, _ = passwd("upgrade", path, "alice", "--stdin", given=b"secret word")
    assert (status, out) == (0, "The hash is strong already.\n")
    assert path.read_bytes() == written


def test_lines_with_mistakes_are_told_by_number_and_kept(passwd: Passwd, path: Path) -> None:
    path.write_text("# ours\nalice:canary\n")
    status, out, err = passwd("add", path, "bob", "--stdin", given=b"x")
    assert (status, out) == (0, "")
    assert err.startswith(f"amqtt: {path}:2: the hash has no known scheme")
    assert "canary" not in err
    assert path.read_text().startswith("# ours\nalice:canary\nbob:$argon2id$")
    status, _, err = passwd("verify", path, "alice", "--stdin", given=b"x")
    assert status == 1
    assert "canary" not in err


def test_a_configuration_is_no_option_of_passwd() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amqtt", "-c", "x.yaml", "passwd", "upgrade", "p"],
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "-c is for running a broker" in done.stderr


def test_what_is_no_command_is_exit_status_2(passwd: Passwd) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amqtt", "pasword"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 2
    assert passwd("ad")[0] == 2


def test_what_is_printed_can_be_json(passwd: Passwd, path: Path) -> None:
    path.write_text(f"old:{SHA_CRYPT}\n", encoding="utf-8")
    status, said, _ = passwd("upgrade", path, "--json")
    (weak,) = map(json.loads, said.splitlines())
    assert (status, weak["line"], weak["user"]) == (0, 1, "old")
    status, said, _ = passwd("verify", path, "old", "--stdin", "--json", given=b"secret word\n")
    assert (status, json.loads(said)) == (0, {"user": "old", "right": True, "weakness": weak["weakness"]})


def test_a_user_of_scram_is_one_that_the_broker_knows(passwd: Passwd, path: Path) -> None:
    for password in (b"first", b"secret word"):
        assert passwd("add", path, "alice", "--scram", "--stdin", given=password) == (0, "", "")
    (line,) = path.read_text(encoding="utf-8").splitlines()
    user, _, credential = line.partition(":")
    known = read_credential(credential)
    salted = hashlib.pbkdf2_hmac("sha256", b"secret word", known.salt, known.iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert (user, known.stored_key) == ("alice", hashlib.sha256(client_key).digest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_users_of_scram_are_not_put_among_others(passwd: Passwd, path: Path) -> None:
    path.write_text(f"old:{SHA_CRYPT}\n", encoding="utf-8")
    status, _, said = passwd("add", path, "alice", "--scram", "--stdin", given=b"x")
    assert status == 1
    assert "a line is username:SCRAM-SHA-256$" in said
    assert "alice" not in path.read_text(encoding="utf-8")
