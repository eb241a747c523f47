"""SCRAM-SHA-256 as a Client meets it: enhanced authentication with a real method (MQTT 5.0, 4.12)."""

import base64
import hashlib
import hmac

import pytest

from amqtt.access.scram import METHOD, Scram, new_credential
from amqtt.broker import Broker
from amqtt.wire.packets import Auth, Connack, Connect
from support.loopback import Clients, refusal
from support.raw_client import properties

CONTINUE = 0x18
RE_AUTHENTICATE = 0x19


def connect(data: bytes) -> Connect:
    return Connect("a", properties=properties(authentication_method=METHOD, authentication_data=data))


def auth(data: bytes, reason_code: int = CONTINUE) -> Auth:
    return Auth(reason_code, properties(authentication_method=METHOD, authentication_data=data))


def method_and_data(packet: Auth | Connack) -> tuple[str | None, bytes | None]:
    assert packet.properties is not None
    return packet.properties.authentication_method, packet.properties.authentication_data


class ScramClient:
    """The Client's side of SCRAM-SHA-256 (RFC 5802, 3)."""

    first = b"n,,n=user,r=nonce"

    def __init__(self, password: bytes) -> None:
        self._password = password

    def final(self, server_first: bytes) -> bytes:
        fields = dict(field.split(b"=", 1) for field in server_first.split(b","))
        salt, rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        without_proof = b"c=biws,r=" + fields[b"r"]
        signed = b",".join((self.first[3:], server_first, without_proof))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        key = hmac.digest(salted, b"Client Key", "sha256")
        proof = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        mixed = bytes(a ^ b for a, b in zip(key, proof, strict=True))
        return without_proof + b",p=" + base64.b64encode(mixed)


@pytest.mark.mqtt5("4.12.0-2", "4.12.0-3", "4.12.0-5", "4.12.1-1")
async def test_scram_authenticates_and_authenticates_again(client: Clients, broker: Broker) -> None:
    broker.server.authenticator = Scram({"user": new_credential("pencil")})
    user = ScramClient(b"pencil")
    sender = await client()
    sender.send(connect(user.first))
    for answer in (Connack, Auth):
        challenge = await sender.expect(Auth)
        assert (challenge.reason_code, method_and_data(challenge)[0]) == (CONTINUE, METHOD)
        sender.send(auth(user.final(method_and_data(challenge)[1] or b"")))
        accepted = await sender.expect(answer)
        assert isinstance(accepted, Connack | Auth)
        assert accepted.reason_code == 0
        assert method_and_data(accepted) == (METHOD, b"v=" + base64.b64encode(user.signature))
        sender.send(auth(user.first, RE_AUTHENTICATE))


@pytest.mark.mqtt5("4.12.0-4")
async def test_scram_rejects_a_wrong_password(client: Clients, broker: Broker) -> None:
    broker.server.authenticator = Scram({"user": new_credential("pencil")})
    user = ScramClient(b"pen")
    stranger = await client()
    stranger.send(connect(user.first))
    challenge = await stranger.expect(Auth)
    stranger.send(auth(user.final(method_and_data(challenge)[1] or b"")))
    assert (await refusal(stranger)).reason_code == 0x86
