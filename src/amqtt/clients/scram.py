"""SCRAM-SHA-256 (RFC 5802, RFC 7677) from the Client's side: the password never crosses the network."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

from amqtt.access.saslprep import saslprep
from amqtt.access.scram import METHOD
from amqtt.client_session.authentication import ClientAuthentication

MOST_ITERATIONS: Final = 600_000
"""About a quarter of a second of the event loop: a Server that asks for more is not believed."""
LEAST_ITERATIONS: Final = 4096
"""What RFC 7677 asks for; a Server that asks for fewer may only want to guess the password."""


class ScramAuthentication(ClientAuthentication):
    """Proves that the Client knows the password, and that the Server does too."""

    method = METHOD

    def __init__(
        self, username: str, password: str, new_nonce: Callable[[], str] = secrets.token_urlsafe
    ) -> None:
        self._username = saslprep(username).replace("=", "=3D").replace(",", "=2C")
        self._password = saslprep(password).encode()
        self._new_nonce = new_nonce
        self._first_bare = ""
        self._nonce = ""
        self._server_signature = b""

    def begin(self) -> bytes | None:
        """client-first-message, without channel binding."""
        self._nonce = self._new_nonce()
        self._first_bare = f"n={self._username},r={self._nonce}"
        self._server_signature = b""
        return f"n,,{self._first_bare}".encode()

    def step(self, data: bytes | None) -> bytes | None:
        """server-first-message → client-final-message."""
        if self._server_signature:
            raise ValueError("the Server asks again after the proof")
        server_first = _text(data)
        fields = server_first.split(",")
        if len(fields) < 3:
            raise ValueError("the Server's SCRAM message is cut off")
        nonce, salt, iterations = (
            _field(name, text) for name, text in zip("rsi", fields[:3], strict=True)
        )
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ValueError("the Server's nonce does not continue ours")
        if not (iterations.isascii() and iterations.isdigit() and len(iterations) <= 9):
            raise ValueError("the Server's iterations are no number")
        if not LEAST_ITERATIONS <= int(iterations) <= MOST_ITERATIONS:
            done = f"{LEAST_ITERATIONS} to {MOST_ITERATIONS}"
            raise ValueError(f"the Server asks for {iterations} iterations, and we do {done}")
        return self._final(server_first, nonce, _from_base64(salt), int(iterations))

    def _final(self, server_first: str, nonce: str, salt: bytes, iterations: int) -> bytes:
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations)
        client_key = _hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._first_bare},{server_first},{without_proof}".encode()
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def finish(self, data: bytes | None) -> None:
        """server-final-message: the Server knows the password too."""
        said = _from_base64(_field("v", _text(data).split(",")[0]))
        if not self._server_signature or not hmac.compare_digest(said, self._server_signature):
            raise ValueError("the Server does not prove that it knows the password")


def _text(data: bytes | None) -> str:
    try:
        return (data or b"").decode()
    except UnicodeDecodeError:
        raise ValueError("the Server's SCRAM message is not UTF-8") from None


def _field(name: str, text: str) -> str:
    if not text.startswith(f"{name}="):
        raise ValueError(f"{name}= is missing in the Server's SCRAM message")
    return text[2:]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the Server's SCRAM message has bad Base64") from None


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
