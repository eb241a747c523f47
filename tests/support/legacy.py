"""CONNECT packets of MQTT 3.1 and 3.1.1 as bytes, also those that no Client should send."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal
from amqtt.wire.primitives import binary_field
from support.exchange import frame
from support.raw_client import RawClient

BEFORE_5 = pytest.mark.parametrize("version", [3, 4], ids=["3.1", "3.1.1"])
ALL_VERSIONS = pytest.mark.parametrize("version", [3, 4, 5], ids=["3.1", "3.1.1", "5.0"])

CLEAN_SESSION = 0x02
WILL = 0x04
WILL_QOS_1 = 0x08
WILL_QOS_2 = 0x10
WILL_RETAIN = 0x20
PASSWORD = 0x40
USER_NAME = 0x80

PROTOCOL_NAMES = {3: b"MQIsdp", 4: b"MQTT", 5: b"MQTT"}

ACCEPTED = b"\x20\x02\x00\x00"
"""The CONNACK that accepts with Session Present 0."""


def refusing(return_code: int) -> bytes:
    """The CONNACK that refuses."""
    return b"\x20\x02\x00" + bytes((return_code,))


def connect_bytes(
    *fields: bytes,
    version: int = 4,
    flags: int = CLEAN_SESSION,
    keep_alive: int = 0,
    name: bytes | None = None,
    level: int | None = None,
    first: int = 0x10,
) -> bytes:
    """A CONNECT whose payload are these fields, each with its length in front."""
    head = binary_field(PROTOCOL_NAMES[version] if name is None else name)
    head += bytes((version if level is None else level, flags)) + keep_alive.to_bytes(2, "big")
    return frame(first, head + b"".join(binary_field(field) for field in fields))


async def answer_to(client: RawClient, *packets: bytes) -> bytes:
    """Send these bytes; everything that the broker sends until it closes the Network Connection."""
    client.send(*packets)
    return await client.read_to_end()


class Recorder(Authenticator):
    """Accepts, or refuses with a Reason Code, and remembers what it was asked."""

    def __init__(self, reason_code: int = 0, permissions: Permissions | None = None) -> None:
        self.requests: list[ConnectRequest] = []
        self._reason_code = reason_code
        self._permissions = permissions

    def authenticate(self, request: ConnectRequest) -> Answer:
        self.requests.append(request)
        if self._reason_code:
            return Refusal(self._reason_code)
        return Accepted(self._permissions or Permissions(request.username))
