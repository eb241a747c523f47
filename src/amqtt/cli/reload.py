"""Going by a configuration that has changed, at SIGHUP or when a file of it changes."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from amqtt.cli.check import all_that_is_wrong
from amqtt.cli.systemd import READY, notify, notify_reloading
from amqtt.errors import BrokerError
from amqtt.reloading import files_of
from amqtt.service import Service

logger = logging.getLogger("amqtt")

INTERVAL: Final = 2.0
"""Seconds between two looks at the files."""

_Versions = dict[Path, tuple[int, int, int] | None]


def versions_of(files: Iterable[Path]) -> _Versions:
    """What changes when a file does: its time of modification, size and inode; None where there is none."""
    return {file: _version(file) for file in files}


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Reloading:
    """Has a Service read its configuration again, and says what came of it."""

    def __init__(self, service: Service, config: Path | None) -> None:
        self._service = service
        self._config = config
        self._seen = self._versions()
        self._used = self._seen

    def reload(self) -> bool:
        """Read it now; whether it is used. A bad one changes nothing, and the log says why."""
        self._seen = self._versions()
        notify_reloading()
        try:
            remarks = self._service.reload()
        except BrokerError as error:
            wrong = all_that_is_wrong(self._config, error)
            logger.error("The configuration cannot be used, and everything stays as it was:\n%s", wrong)
            return False
        finally:
            self._used = self._seen
            notify(READY)
        for remark in remarks:
            logger.warning("%s", remark)
        logger.info("The configuration was read again")
        # It may name other files than before.
        self._seen = self._used = self._versions()
        return True

    def look(self) -> None:
        """Reload if a file has changed and was not changed since the last look: it may be half written."""
        now = self._versions()
        settled, self._seen = now == self._seen, now
        if settled and now != self._used:
            self.reload()

    async def watch(self) -> None:
        """Look at the files again and again."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.look()

    def _versions(self) -> _Versions:
        own = () if self._config is None else (self._config,)
        return versions_of((*own, *files_of(self._service.config)))
