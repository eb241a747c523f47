"""Changing one user of a password file, whole or not at all, and leaving all others as they stand."""

import os
import stat
import threading
from pathlib import Path

import pytest

from amqtt.access.hashes import new_hash, read_hash
from amqtt.access.password_lines import PasswordLines, changing, checked_user
from amqtt.errors import BrokerError

SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
ARGON2 = "$argon2id$v=19$m=64,t=1,p=1$BpnEHjdmaNFqtldiBpAHKg$cOnd5S7O4yXkCkZVA5dZsbnyYXA6wJecdUa+LZi09IM"
BCRYPT = "$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m"
MOSQUITTO = "$7$101$" + "c2FsdHNhbHRzYWx0" + "$" + "A" * 86 + "=="
MOSQUITTO_1 = "$6$" + "c2FsdHNhbHRzYWx0" + "$" + "A" * 86 + "=="


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_new_user_comes_last_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_bytes(b"\xef\xbb\xbf# ours\r\n\r\nalice:x\r\n  junk: \xff\nbob:y")
    lines = PasswordLines(path)
    lines.put("carol", ARGON2)
    lines.write()
    assert path.read_bytes() == (
        b"\xef\xbb\xbf# ours\r\n\r\nalice:x\r\n  junk: \xff\nbob:y\ncarol:" + ARGON2.encode() + b"\n"
    )


def test_a_user_who_is_there_keeps_one_line_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("al:1\nalice:old\nbob:2\nalice:newer\n#alice:3\ncarol:4\n")
    lines = PasswordLines(path)
    lines.put("alice", ARGON2)
    lines.write()
    assert lines_of(path) == ["al:1", "bob:2", f"alice:{ARGON2}", "#alice:3", "carol:4"]


def test_a_removed_user_has_no_line_left_that_could_count_again(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("alice:old\nbob:2\n alice:newer\n#alice:3\n")
    lines = PasswordLines(path)
    assert lines.remove("alice")
    assert not lines.remove("alice")
    assert not lines.remove("#alice")
    lines.write()
    assert lines_of(path) == ["bob:2", "#alice:3"]


def test_the_line_that_counts_is_the_last(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text(f"alice:{SHA_CRYPT}\nalice:{ARGON2}\n")
    lines = PasswordLines(path)
    stored = lines.hash_of("alice")
    assert stored is not None
    assert stored.text == ARGON2
    assert lines.hash_of("alic") is None


@pytest.mark.parametrize("user", ["", " a", "a ", "#a", "a:b", "a\nb", "a\0b", "a\x1b[0m", "\x85"])
def test_a_name_that_would_be_read_otherwise_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(ValueError, match="a user name"):
        PasswordLines(tmp_path / "passwd").put(user, ARGON2)


@pytest.mark.parametrize("user", ["a", "a#b", "älice", "a b", "$a", "用户"])
def test_any_other_name_is_read_again_as_it_was(tmp_path: Path, user: str) -> None:
    path = tmp_path / "passwd"
    lines = PasswordLines(path)
    lines.put(checked_user(user), ARGON2)
    lines.write()
    assert PasswordLines(path).hash_of(user) is not None


@pytest.mark.parametrize(
    ("before", "after"), [(None, 0o600), (0o644, 0o600), (0o666, 0o600), (0o400, 0o600), (0o640, 0o640)]
)
def test_only_its_owner_and_a_group_that_was_chosen_can_read_it(
    tmp_path: Path, before: int | None, after: int
) -> None:
    path = tmp_path / "passwd"
    if before is not None:
        path.touch()
        path.chmod(before)
    lines = PasswordLines(path)
    lines.put("alice", ARGON2)
    mask = os.umask(0)
    try:
        lines.write()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == after


def test_it_is_replaced_so_that_a_reader_sees_all_of_one_or_all_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("alice:1\n")
    with path.open() as reader:
        lines = PasswordLines(path)
        lines.put("bob", ARGON2)
        lines.write()
        assert reader.read() == "alice:1\n"
    assert os.listdir(tmp_path) == ["passwd"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passwd"
    path.write_text("alice:1\n")
    lines = PasswordLines(path)
    lines.remove("alice")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokerError, match="passwd cannot be written: No space left on device"):
        lines.write()
    assert path.read_text() == "alice:1\n"
    assert os.listdir(tmp_path) == ["passwd"]


def test_a_link_stays_and_what_it_leads_to_changes(tmp_path: Path) -> None:
    real = tmp_path / "real" / "users"
    real.parent.mkdir()
    real.write_text("alice:1\n")
    link = tmp_path / "passwd"
    link.symlink_to(real)
    with changing(link) as lines:
        lines.put("bob", ARGON2)
        lines.write()
    assert link.is_symlink()
    assert lines_of(real) == ["alice:1", f"bob:{ARGON2}"]


def test_two_who_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "passwd"

    def add(user: str) -> None:
        with changing(path) as lines:
            lines.put(user, ARGON2)
            lines.write()

    threads = [threading.Thread(target=add, args=(f"user{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.partition(":")[0] for line in lines_of(path)) == sorted(
        f"user{number}" for number in range(20)
    )


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_read(tmp_path: Path, make: object) -> None:
    path = tmp_path / "passwd"
    make(path)  # type: ignore[operator]
    with pytest.raises(BrokerError, match="passwd is not a file"):
        PasswordLines(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(BrokerError, match="missing/passwd cannot be written: No such file"),
        changing(tmp_path / "missing" / "passwd"),
    ):
        pass


def test_mistakes_are_told_by_number_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_bytes(b"# c\nalice\nbob:canary\n\ncarol:" + ARGON2.encode() + b"\n\xff:canary\n:canary\n")
    found = PasswordLines(path).mistakes()
    assert [number for number, _ in found] == [2, 3, 6, 7]
    assert "canary" not in str(found)


def test_weak_lines_are_told_with_their_users(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text(f"# c\nalice:{SHA_CRYPT}\nbob:{new_hash(b'x')}\njunk\ncarol:{BCRYPT}\ndave:{MOSQUITTO}\n")
    assert PasswordLines(path).weak() == [
        (2, "alice", "SHA-crypt with 1000 rounds only"),
        (6, "dave", "PBKDF2 with 101 iterations only"),
    ]


@pytest.mark.parametrize(
    ("text", "weakness"),
    [
        (SHA_CRYPT, "SHA-crypt with 1000 rounds only"),
        (SHA_CRYPT.replace("rounds=1000$", ""), "SHA-crypt with 5000 rounds only"),
        (SHA_CRYPT.replace("1000", "656000"), ""),
        (BCRYPT, ""),
        (BCRYPT.replace("$12$", "$08$"), "bcrypt with 8 as its cost only"),
        (MOSQUITTO, "PBKDF2 with 101 iterations only"),
        (MOSQUITTO.replace("101", "210000"), ""),
        (MOSQUITTO_1, "SHA-512, once"),
        (ARGON2, "Argon2id with 64 KiB and 1 passes only"),
        (ARGON2.replace("m=64,t=1", "m=19456,t=2"), ""),
        (ARGON2.replace("argon2id", "argon2i"), "Argon2 of another kind than Argon2id"),
    ],
)
def test_a_hash_is_weak_that_is_guessed_quickly(text: str, weakness: str) -> None:
    assert read_hash(text).weakness == weakness


def test_what_is_written_today_is_not_weak() -> None:
    assert read_hash(new_hash(b"secret")).weakness == ""
