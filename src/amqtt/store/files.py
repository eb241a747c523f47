"""The files of a store: readable by nobody else, and on the disk when their makers return."""

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from amqtt.errors import StoreUnavailableError

_SUFFIXES: Final = ("-wal", "-shm", "-journal", "")
"""Of the files that are one store for SQLite."""


class Unreadable(Exception):
    """The file is damaged where SQLite itself cannot do without."""


def unwritable(file: Path, fault: OSError) -> StoreUnavailableError:
    """What it means that a file of the store cannot be opened, made or written."""
    return StoreUnavailableError(f"{file} cannot be opened for writing: {fault.strerror}")


def make_directory(directory: Path) -> None:
    """Make it where it is missing, for us alone."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)


def make_private(file: Path) -> None:
    """Make the file where it is missing, and let nobody else read it."""
    try:
        is_new = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(file.parent)
    except OSError as fault:
        raise unwritable(file, fault) from fault


def prepare_log(file: Path, size: int) -> None:
    """Make a log of zeros, which SQLite takes for one that holds nothing, where there is none."""
    log = Path(f"{file}-wal")
    if not size or (log.exists() and log.stat().st_size):
        return
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            for _ in range(0, size, 1 << 20):
                os.write(descriptor, bytes(min(size, 1 << 20)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_directory(file.parent)
    except OSError as fault:
        raise unwritable(log, fault) from fault


def put_aside(file: Path) -> Path:
    """Give a damaged file, and what belongs to it, a name that is free; the new name."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    for attempt in range(1000):
        aside = file.with_name(f"{file.name}.damaged-{moment}" + (f"-{attempt}" if attempt else ""))
        if not aside.exists():
            break
    _move(file, aside)
    return aside


def put_back(aside: Path, file: Path) -> None:
    """Take for the store again what was put aside, in place of what was begun there."""
    for suffix in _SUFFIXES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    _move(aside, file)


def _move(file: Path, name: Path) -> None:
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            os.replace(f"{file}{suffix}", f"{name}{suffix}")
    _sync_directory(file.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems have no such thing
            raise
    finally:
        os.close(descriptor)
