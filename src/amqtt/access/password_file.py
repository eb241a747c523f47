"""auth_file: Clients that know a user name and its password."""

import asyncio
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hmac import compare_digest
from pathlib import Path
from typing import Final

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal
from amqtt.access.credential_file import CredentialFile
from amqtt.access.decoys import decoy_for
from amqtt.access.hashes import PasswordHash, read_hash
from amqtt.access.verifying import Busy, Lines, give_way
from amqtt.server.bans import site
from amqtt.wire.reasons import ReasonCode

WORKERS: Final = min(4, os.cpu_count() or 1)
"""Threads that verify at a time: each keeps a processor busy, an Argon2 one also 64 MiB."""


class PasswordFile(Authenticator):
    """Accepts the users of a password file, refuses others, has no opinion without a user name.

    Passwords are verified in a few threads of its own, which `close` ends, in turn by the address
    that they come from. A password that was
    right is remembered as a keyed digest until the file changes, so that a thousand devices that
    come back at once do not wait for each other's hashes.
    """

    def __init__(
        self, path: Path, key: str = "auth.password-file", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file: CredentialFile[PasswordHash] = CredentialFile(path, key, read_hash, clock)
        self._secret = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._right_for: Mapping[str, PasswordHash] = self._file.users
        self._pool: ThreadPoolExecutor | None = None
        self._lines: Lines[Mapping[str, PasswordHash] | None] | None = None

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        """Answer a CONNECT: at once if it need not be verified, else with an awaitable."""
        if not request.username:
            return None
        password = request.password or b""
        if self._file.is_recent and self._is_remembered(self._file.users, request.username, password):
            return Accepted(Permissions(request.username))
        return self._verified(site(request.peer), request.username, password)

    def keeps(self, user: str | None) -> bool | None:
        """Whether the user is still in the file."""
        return None if not user else user in self._file.refreshed(at_once=True)

    async def close(self) -> None:
        """End its threads; what they are verifying is waited for, what waits for them is given up."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if self._lines is not None:
            self._lines.close()
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def end() -> None:
            pool.shutdown(wait=True, cancel_futures=True)
            with suppress(RuntimeError):  # the event loop was closed without waiting
                loop.call_soon_threadsafe(ended.set)

        thread = threading.Thread(target=end, name="amqtt-password-end")
        thread.start()
        await ended.wait()
        thread.join()

    async def _verified(self, where: str, username: str, password: bytes) -> Answer:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, "amqtt-password", give_way)
            self._lines = Lines(self._pool, WORKERS)
        assert self._lines is not None
        try:
            users = await self._lines.verified(where, partial(self._users_if_right, username, password))
        except Busy:
            return Refusal(ReasonCode.SERVER_BUSY, "too many passwords are waiting to be verified")
        if users is None:
            return Refusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        self._remember(users, username, password)
        return Accepted(Permissions(username))

    def _users_if_right(self, username: str, password: bytes) -> Mapping[str, PasswordHash] | None:
        """The users that the password was right for; runs in a thread."""
        users = self._file.refreshed()
        if self._is_remembered(users, username, password):
            return users
        stored = users.get(username)
        if stored is not None:
            return users if stored.verify(password) else None
        # The time that it takes must not tell that there is no such user.
        decoy = decoy_for(username, users, self._secret)
        if decoy is not None:
            decoy.verify(password)
        return None

    def _is_remembered(self, users: Mapping[str, PasswordHash], username: str, password: bytes) -> bool:
        digest = self._right.get(username)
        return (
            digest is not None and users is self._right_for and compare_digest(digest, self._digest(password))
        )

    def _remember(self, users: Mapping[str, PasswordHash], username: str, password: bytes) -> None:
        if users is not self._right_for:
            self._right = {}
            self._right_for = users
        self._right[username] = self._digest(password)

    def _digest(self, password: bytes) -> bytes:
        return hashlib.blake2b(password, key=self._secret, digest_size=32).digest()


class NoUsers(Authenticator):
    """A password file without users: refuses every user name, has no opinion without one."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        """Answer a CONNECT at once."""
        return Refusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD) if request.username else None

    def keeps(self, user: str | None) -> bool | None:
        """It knows nobody who has a name."""
        return False if user else None
