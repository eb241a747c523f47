"""The lines of a password file, for changing one user and leaving all others as they stand."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from amqtt.access.credential_file import contents_of
from amqtt.access.hashes import PasswordHash, read_hash
from amqtt.errors import BrokerError

_PRIVATE: Final = 0o600
_FOR_ITS_GROUP: Final = 0o640


class PasswordLines:
    """The lines of the password file at this path; without a file there are none.

    Raises BrokerError where it cannot be read. Comments, and lines with mistakes, stay as they
    are. No message shows a line: it holds a secret.
    """

    def __init__(self, path: Path) -> None:
        # Where the name is a link, what it leads to is changed, and the link stays.
        self.path = Path(os.path.realpath(path))
        self.exists, content = self._content()
        self._lines = content.splitlines(keepends=True)

    def hash_of(self, user: str) -> PasswordHash | None:
        """The hash that counts for this user, None without one; ValueError if it has a mistake."""
        numbers = self._numbers(user)
        return read_hash(_secret(self._lines[numbers[-1]])) if numbers else None

    def mistakes(self) -> list[tuple[int, str]]:
        """The number of every line that a Broker would not read, and what is wrong with it."""
        return [(number, said) for number, _, _, said in self._read() if said]

    def weak(self) -> list[tuple[int, str, str]]:
        """Number, user and weakness of every line whose hash is guessed too quickly."""
        read = [(number, user, stored.weakness) for number, user, stored, _ in self._read() if stored]
        return [entry for entry in read if entry[2]]

    def put(self, user: str, secret: str) -> None:
        """Have this line for the user, where there was one, else at the end; ValueError for a bad name."""
        line = f"{checked_user(user)}:{secret}\n".encode()
        numbers = self._numbers(user)
        if numbers:
            self._lines[numbers[-1]] = line
            self._drop(numbers[:-1])
            return
        if self._lines and not self._lines[-1].endswith(b"\n"):
            self._lines[-1] += b"\n"
        self._lines.append(line)

    def remove(self, user: str) -> bool:
        """Have no line for the user; whether there was one."""
        numbers = self._numbers(user)
        self._drop(numbers)
        return bool(numbers)

    def write(self) -> None:
        """Write the file, whole or not at all, for its owner alone; BrokerError where that fails.

        It keeps its owner, and its group may go on reading it where nobody else may.
        """
        temporary = None
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(self._lines))
                file.flush()
                self._keep_owner(descriptor)
                os.fsync(descriptor)
            os.replace(temporary, self.path)
            _sync(self.path.parent)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)
            raise BrokerError(f"{self.path} cannot be written: {error.strerror}") from error

    def _keep_owner(self, descriptor: int) -> None:
        mode = _PRIVATE
        if self.exists:
            found = self.path.stat()
            if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, found.st_uid, found.st_gid)
            if stat.S_IMODE(found.st_mode) == _FOR_ITS_GROUP:
                mode = _FOR_ITS_GROUP
        os.fchmod(descriptor, mode)

    def _content(self) -> tuple[bool, bytes]:
        try:
            return True, contents_of(self.path)[1]
        except FileNotFoundError:
            return False, b""
        except OSError as error:
            raise BrokerError(f"{self.path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise BrokerError(f"{self.path} {error}") from None

    def _numbers(self, user: str) -> list[int]:
        """Where the lines of this user stand, the one that counts last."""
        if user.startswith("#"):
            return []
        begin = f"{user}:".encode("utf-8", "surrogateescape")
        return [number for number, line in enumerate(self._lines) if _bare(line).startswith(begin)]

    def _drop(self, numbers: list[int]) -> None:
        gone = set(numbers)
        self._lines = [line for number, line in enumerate(self._lines) if number not in gone]

    def _read(self) -> Iterator[tuple[int, str, PasswordHash | None, str]]:
        """Number, user, hash and mistake of every line but blank ones and comments."""
        for number, line in enumerate(self._lines, start=1):
            bare = _bare(line)
            if not bare or bare.startswith(b"#"):
                continue
            user, stored, said = "", None, ""
            try:
                user, colon, secret = bare.decode().partition(":")
                if not (user and colon and secret):
                    said = "a line is username:hash"
                else:
                    stored = read_hash(secret)
            except UnicodeDecodeError:
                said = "the line is not UTF-8"
            except ValueError as error:
                said = str(error)
            yield number, user, stored, said


@contextmanager
def changing(path: Path) -> Iterator[PasswordLines]:
    """The lines of the file while nobody else changes them in this way."""
    try:
        folder = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
    except OSError as error:
        raise BrokerError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield PasswordLines(path)
    finally:
        os.close(folder)


def checked_user(user: str) -> str:
    """The user name if it can stand in a password file; ValueError says why not."""
    if not user or user != user.strip() or user.startswith("#"):
        raise ValueError("a user name is not empty, begins with no # and has no blanks around it")
    if ":" in user or not user.isprintable():
        raise ValueError("a user name has no colon and no control characters")
    return user


def _bare(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf").strip()


def _secret(line: bytes) -> str:
    return _bare(line).partition(b":")[2].decode(errors="replace")


def _sync(folder: Path) -> None:
    """Have the new name on the disk as well as the new file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
