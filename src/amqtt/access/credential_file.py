"""A file of `username:secret` lines that may change while the broker runs."""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from amqtt.errors import BrokerError

Secret = TypeVar("Secret")

SECONDS_BETWEEN_LOOKS: Final = 1.0
LARGEST_FILE: Final = 64 * 1024 * 1024
"""Bytes: some 500,000 users."""
_MISTAKES_SHOWN: Final = 20

_log = logging.getLogger(__name__)

_Version = tuple[int, int, int]
"""What changes when the file does: time of modification, size, inode."""


class CredentialFile(Generic[Secret]):
    """The users of one file, and what `read_secret` makes of the text after their name.

    Blank lines and those that begin with `#` are skipped, a later line for the same user counts.
    A file that cannot be read whole when the broker starts is a BrokerError that names its `key`
    in the configuration, its path and its lines by number; later it is a warning, and what was
    read before stays. No line is ever shown: it holds a secret.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        read_secret: Callable[[str], Secret],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._key = key
        self._read_secret = read_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._complaint: BrokerError | None = None
        self._looked = clock()
        self._version, self.users = self._read()

    @property
    def is_recent(self) -> bool:
        """Whether the file was looked at less than a second ago."""
        return self._clock() - self._looked < SECONDS_BETWEEN_LOOKS

    def refreshed(self, at_once: bool = False) -> Mapping[str, Secret]:
        """The users, read again if the file has changed; any thread may ask.

        It is looked at once a second, or `at_once`.
        """
        with self._lock:
            if at_once or not self.is_recent:
                self._looked = self._clock()
                self._read_if_changed()
            return self.users

    def _read_if_changed(self) -> None:
        try:
            if self._look() != self._version:
                self._version, self.users = self._read()
                _log.info("%s: %d users read again from %s", self._key, len(self.users), self.path)
            self._complaint = None
        except (BrokerError, OSError) as error:
            self._complain(error if isinstance(error, BrokerError) else self._unreadable(error))

    def _complain(self, error: BrokerError) -> None:
        """Warn once of each mistake, not once a second for as long as it stands."""
        if str(error) != str(self._complaint):
            _log.warning("%s\n%s: the users read before stay", error, self._key)
        self._complaint = error

    def _look(self) -> _Version:
        return _version(self.path.stat())

    def _read(self) -> tuple[_Version, dict[str, Secret]]:
        try:
            found, content = contents_of(self.path)
        except OSError as error:
            raise self._unreadable(error) from error
        except ValueError as error:
            raise BrokerError(f"{self._key}: {self.path} {error}") from None
        return _version(found), self._users_in(content)

    def _users_in(self, content: bytes) -> dict[str, Secret]:
        users: dict[str, Secret] = {}
        mistakes = []
        for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
            line = raw.strip()
            if not line or line.startswith(b"#"):
                continue
            try:
                user, secret = self._entry(line)
                users[user] = secret
            except ValueError as error:
                mistakes.append(f"{self.path}:{number}: {self._key}: {error}")
        if mistakes:
            left_out = len(mistakes) - _MISTAKES_SHOWN
            more = [f"{self.path}: and {left_out} more"] if left_out > 0 else []
            raise BrokerError("\n".join(mistakes[:_MISTAKES_SHOWN] + more))
        return users

    def _entry(self, line: bytes) -> tuple[str, Secret]:
        try:
            user, colon, secret = line.decode().partition(":")
        except UnicodeDecodeError:
            raise ValueError("the line is not UTF-8") from None
        if not (user and colon and secret):
            raise ValueError("a line is username:hash")
        return user, self._read_secret(secret)

    def _unreadable(self, error: OSError) -> BrokerError:
        return BrokerError(f"{self._key}: {self.path} cannot be read: {error.strerror}")


def contents_of(path: Path) -> tuple[os.stat_result, bytes]:
    """What stands in this file; ValueError if it is none, or larger than LARGEST_FILE."""
    # Opening a named pipe for reading would wait for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("is not a file")
        if found.st_size > LARGEST_FILE:
            raise ValueError(f"is larger than {LARGEST_FILE} bytes")
        with open(descriptor, "rb", closefd=False) as file:
            return found, file.read(LARGEST_FILE)
    finally:
        os.close(descriptor)


def _version(found: os.stat_result) -> _Version:
    return found.st_mtime_ns, found.st_size, found.st_ino
