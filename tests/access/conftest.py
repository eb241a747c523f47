from collections.abc import Callable
from pathlib import Path

import pytest

from amqtt.abc import ConnectRequest, Peer
from support.clock import StoppedClock

USERS = """\
# who may come in

alice:$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B
bob:$argon2id$v=19$m=64,t=1,p=1$BpnEHjdmaNFqtldiBpAHKg$cOnd5S7O4yXkCkZVA5dZsbnyYXA6wJecdUa+LZi09IM
"""


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """Alice and Bob; the password of both is `secret word`."""
    path = tmp_path / "passwd"
    path.write_text(USERS)
    return path


@pytest.fixture
def connect() -> Callable[..., ConnectRequest]:
    """A CONNECT with these credentials."""

    def make(username: str | None = None, password: bytes | None = None, **more: object) -> ConnectRequest:
        return ConnectRequest("client", username, password, Peer(), **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()
