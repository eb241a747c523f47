"""auth_scram: SCRAM-SHA-256 (RFC 5802, RFC 7677) as enhanced authentication (MQTT 5.0, 4.12).

The password never crosses the network, and what the Server stores cannot be used to log in.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from amqtt.abc import (
    Accepted,
    Answer,
    AuthenticationExchange,
    Authenticator,
    Challenge,
    ConnectRequest,
    Permissions,
    Refusal,
)
from amqtt.access.credential_file import CredentialFile
from amqtt.access.decoys import decoy_for
from amqtt.access.saslprep import saslprep
from amqtt.wire.reasons import ReasonCode

METHOD: Final = "SCRAM-SHA-256"
DEFAULT_ITERATIONS: Final = 4096
"""Of new credentials: what RFC 7677 asks for at least; the Client has to do them at each log-in."""
MOST_ITERATIONS: Final = 10_000_000

_LONGEST_MESSAGE: Final = 4096
_LEAST_SALT: Final = 8


class ScramCredential:
    """What the Server keeps of one user (RFC 5802, 3): it tells a password, it is none."""

    __slots__ = ("iterations", "salt", "server_key", "stored_key")

    def __init__(self, iterations: int, salt: bytes, stored_key: bytes, server_key: bytes) -> None:
        self.iterations = iterations
        self.salt = salt
        self.stored_key = stored_key
        self.server_key = server_key

    def __str__(self) -> str:
        keys = f"{_base64(self.stored_key)}:{_base64(self.server_key)}"
        return f"{METHOD}${self.iterations}:{_base64(self.salt)}${keys}"


def new_credential(
    password: str, iterations: int = DEFAULT_ITERATIONS, salt: bytes | None = None
) -> ScramCredential:
    """The credential for a password; ValueError where SASLprep does not allow it."""
    if not DEFAULT_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ValueError(f"SCRAM takes {DEFAULT_ITERATIONS} to {MOST_ITERATIONS} iterations")
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    return ScramCredential(iterations, salt, stored_key, _hmac(salted, b"Server Key"))


def credential_line(username: str, password: str, iterations: int = DEFAULT_ITERATIONS) -> str:
    """The line of a scram-file: `username:SCRAM-SHA-256$iterations:salt$storedkey:serverkey`."""
    prepared = saslprep(username)
    if not prepared or prepared != prepared.strip() or prepared.startswith("#") or ":" in prepared:
        raise ValueError("a user name must not be empty, begin with #, contain : or have blanks around it")
    return f"{prepared}:{new_credential(password, iterations)}"


def read_credential(text: str) -> ScramCredential:
    """The credential that stands in a scram-file; ValueError says what it lacks, without showing it."""
    fields = text.split("$")
    if len(fields) != 3 or fields[0] != METHOD:
        raise ValueError(f"a line is username:{METHOD}$iterations:salt$storedkey:serverkey")
    iterations, _, salt = fields[1].partition(":")
    stored_key, _, server_key = fields[2].partition(":")
    if not (iterations.isascii() and iterations.isdigit() and 1 <= int(iterations[:9]) <= MOST_ITERATIONS):
        raise ValueError(f"SCRAM takes 1 to {MOST_ITERATIONS} iterations")
    credential = ScramCredential(
        int(iterations), _from_base64(salt), _from_base64(stored_key), _from_base64(server_key)
    )
    if len(credential.salt) < _LEAST_SALT or {len(credential.stored_key), len(credential.server_key)} != {32}:
        raise ValueError("the salt or a key is cut off")
    return credential


class Scram(Authenticator):
    """Accepts Clients that prove by SCRAM-SHA-256 that they know the password of a user.

    Users are those of a file, read again when it changes, or of a mapping. A name that is not
    there is asked for its proof like any other, with a salt derived from `secret`; give the same
    secret after a restart if such salts must stay the same.
    """

    methods = (METHOD,)

    def __init__(
        self,
        users: CredentialFile[ScramCredential] | Mapping[str, ScramCredential],
        secret: bytes | None = None,
        new_nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._users = users
        self._secret = secrets.token_bytes(32) if secret is None else secret
        self._new_nonce = new_nonce

    @classmethod
    def from_file(cls, path: Path, key: str = "auth.scram-file") -> "Scram":
        """The users of a scram-file; BrokerError names the lines that it cannot be read for."""
        return cls(CredentialFile(path, key, read_credential))

    def keeps(self, user: str | None) -> bool | None:
        """Whether the user is still in the file."""
        if not user:
            return None
        if isinstance(self._users, CredentialFile):
            return user in self._users.refreshed(at_once=True)
        return user in self._users

    def authenticate(self, request: ConnectRequest) -> Answer:
        """None: without an Authentication Method it is not its to say."""
        return None

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        """Begin SCRAM-SHA-256; None for any other Authentication Method."""
        if request.authentication_method != METHOD:
            return None
        return ScramExchange(self.credential_of, self._new_nonce())

    def credential_of(self, username: str) -> tuple[ScramCredential, bool]:
        """The credential to ask this user with, and whether it is the user's own."""
        users = self._users.refreshed() if isinstance(self._users, CredentialFile) else self._users
        own = users.get(username)
        if own is not None:
            return own, True
        model = decoy_for(username, users, self._secret)
        iterations, salt_length = (model.iterations, len(model.salt)) if model else (DEFAULT_ITERATIONS, 16)
        salt = _hmac(self._secret, b"salt" + username.encode())
        while len(salt) < salt_length:
            salt += _hmac(self._secret, salt)
        return ScramCredential(iterations, salt[:salt_length], bytes(32), bytes(32)), False


class ScramExchange(AuthenticationExchange):
    """One SCRAM-SHA-256 exchange: client-first → server-first, client-final → server-final."""

    def __init__(self, credential_of: Callable[[str], tuple[ScramCredential, bool]], nonce: str) -> None:
        self._credential_of = credential_of
        self._nonce = nonce
        self._next: Callable[[str], Accepted | Challenge] | None = self._client_first
        self._username = ""
        self._channel_binding = ""
        self._first_messages = ""
        self._credential = ScramCredential(0, b"", b"", b"")
        self._is_own = False

    @property
    def user(self) -> str | None:
        """Who the Client says it is, from its first message on."""
        return self._username or None

    def step(self, data: bytes | None) -> Accepted | Refusal | Challenge:
        """Answer the Client's next message; without any at first, ask for it."""
        answer_to = self._next
        if answer_to == self._client_first and not data:
            return Challenge(b"")
        self._next = None
        if answer_to is None:
            return Refusal(reason="the exchange is over")
        try:
            return answer_to(_text(data or b""))
        except _WrongProof:
            return Refusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD)
        except ValueError as error:
            return Refusal(reason=f"{METHOD}: {error}")

    def _client_first(self, message: str) -> Challenge:
        flag, authorization, bare = _split_client_first(message)
        fields = bare.split(",")
        self._username = saslprep(_unescaped(_field("n", fields[0])))
        if not self._username:
            raise ValueError("the user name is empty")
        client_nonce = _field("r", fields[1] if len(fields) > 1 else "")
        if not client_nonce or not client_nonce.isprintable() or not client_nonce.isascii():
            raise ValueError("the nonce is not printable ASCII")
        if authorization and saslprep(_unescaped(_field("a", authorization))) != self._username:
            raise ValueError("nobody may act for another user")
        self._credential, self._is_own = self._credential_of(self._username)
        self._channel_binding = _base64(f"{flag},{authorization},".encode())
        self._nonce = client_nonce + self._nonce
        server_first = f"r={self._nonce},s={_base64(self._credential.salt)},i={self._credential.iterations}"
        self._first_messages = f"{bare},{server_first}"
        self._next = self._client_final
        return Challenge(server_first.encode())

    def _client_final(self, message: str) -> Accepted:
        without_proof, comma, proof_field = message.rpartition(",")
        fields = without_proof.split(",")
        if not comma or len(fields) < 2 or _field("c", fields[0]) != self._channel_binding:
            raise ValueError("the channel binding is not that of the first message")
        if not hmac.compare_digest(_field("r", fields[1]).encode(), self._nonce.encode()):
            raise ValueError("the nonce is not that of this exchange")
        proof = _from_base64(_field("p", proof_field))
        signed = f"{self._first_messages},{without_proof}".encode()
        if not self._is_proven(proof, signed):
            raise _WrongProof
        signature = _base64(_hmac(self._credential.server_key, signed))
        return Accepted(Permissions(self._username), f"v={signature}".encode())

    def _is_proven(self, proof: bytes, signed: bytes) -> bool:
        signature = _hmac(self._credential.stored_key, signed)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        known = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._credential.stored_key)
        return known and self._is_own and len(proof) == len(signature)


class _WrongProof(Exception):
    """The Client does not know the password, or there is no such user."""


def _split_client_first(message: str) -> tuple[str, str, str]:
    """The channel binding flag, the authorization identity and the rest (RFC 5802, 7)."""
    parts = message.split(",", 2)
    if len(parts) != 3:
        raise ValueError("the first message is cut off")
    if parts[0] not in ("n", "y"):
        raise ValueError("channel binding is not supported")
    return parts[0], parts[1], parts[2]


def _field(name: str, text: str) -> str:
    if not text.startswith(f"{name}="):
        raise ValueError(f"{name}= is missing where it belongs")
    return text[2:]


def _unescaped(name: str) -> str:
    if name.count("=") != name.count("=2C") + name.count("=3D"):
        raise ValueError("= stands in a user name only as =2C or =3D")
    return name.replace("=2C", ",").replace("=3D", "=")


def _text(data: bytes) -> str:
    if len(data) > _LONGEST_MESSAGE:
        raise ValueError(f"a message has at most {_LONGEST_MESSAGE} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("a message is not UTF-8") from None
    if "\0" in text:
        raise ValueError("a message contains a zero byte")
    return text


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what should be Base64 is not") from None
