"""One broker for one file: a lock that no other process, and no other Broker of this one, can have too."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """Locks what is beside it: `amqtt.db` by `amqtt.db.lock`, which stays there, empty.

    Not the file itself: SQLite loses its own locks when anybody in the process opens and closes it.
    """

    def __init__(self, file: Path) -> None:
        self._path = file.with_name(f"{file.name}.lock")
        self._descriptor = -1

    def take(self) -> bool:
        """Lock it until `release` or the end of the process; False: somebody else has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others have it. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
