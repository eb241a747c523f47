"""Stored password hashes: told apart by how they begin, verified with their own algorithm."""

import base64
import binascii
import hashlib
import re
from abc import ABC, abstractmethod
from hmac import compare_digest
from typing import Final

from amqtt.access.sha_crypt import DEFAULT_ROUNDS, LEAST_ROUNDS, MOST_ROUNDS, sha_crypt

LONGEST_PASSWORD: Final = 512
"""Bytes. Some of these algorithms read the password again in each of their thousands of rounds."""
KNOWN_SCHEMES: Final = "$argon2id$, $2b$ (bcrypt), $5$ and $6$ (SHA-crypt), $6$ and $7$ of mosquitto_passwd"

_SHA_CRYPT: Final = re.compile(
    r"(\$(?P<number>[56])\$(?:rounds=(?P<rounds>[0-9]{1,9})\$)?[^$:\s]{0,16})\$(?P<digest>[./0-9A-Za-z]+)",
    re.ASCII,
)
_SHA_CRYPT_DIGITS: Final = {"5": 43, "6": 86}
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./0-9A-Za-z]{53}")
_BCRYPT_COSTS: Final = range(4, 17)
_BCRYPT_READS: Final = 72
_ARGON2_MOST_MEMORY: Final = 1024 * 1024
"""KiB."""
_ARGON2_MOST_PASSES: Final = 100

# What a guess must cost at least, after OWASP's Password Storage Cheat Sheet.
_LEAST_SHA_CRYPT_ROUNDS: Final = 100_000
_LEAST_PBKDF2_ITERATIONS: Final = 210_000
_LEAST_BCRYPT_COST: Final = 10
_ARGON2_LEAST_MEMORY: Final = 7168
_ARGON2_LEAST_WORK: Final = 35_840
"""KiB times passes."""


class PasswordHash(ABC):
    """The stored hash of one password. `text` is as it stands in the file and is never shown."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def verify(self, password: bytes) -> bool:
        """Whether it is the hash of this password; takes up to seconds, so not on the event loop.

        No hash is that of an empty password: who sends none would be let in.
        """
        # A zero byte ends a password in C and pads it in HMAC: "secret" and "secret\0" would be one.
        is_one = 0 < len(password) <= LONGEST_PASSWORD and b"\0" not in password
        return is_one and self._matches(password)

    @property
    @abstractmethod
    def weakness(self) -> str:
        """Why whoever stole it guesses too quickly what it is the hash of; "": he does not."""

    @abstractmethod
    def _matches(self, password: bytes) -> bool: ...


def read_hash(text: str) -> PasswordHash:
    """The hash that stands in a password file; ValueError says what it lacks, without showing it."""
    if text.startswith("$argon2"):
        return _Argon2(text)
    if text.startswith(("$2a$", "$2b$", "$2y$")):
        return _Bcrypt(text)
    if text.startswith("$7$"):
        return _MosquittoPbkdf2(text)
    if text.startswith("$6$") and text.endswith("=="):
        return _MosquittoSha512(text)
    if text.startswith(("$5$", "$6$")):
        return _ShaCrypt(text)
    raise ValueError(f"the hash has no known scheme: it begins with one of {KNOWN_SCHEMES}")


def new_hash(password: bytes) -> str:
    """An Argon2id hash of this password with a new salt, for a password file."""
    from argon2 import PasswordHasher

    if not 0 < len(password) <= LONGEST_PASSWORD or b"\0" in password:
        raise ValueError(f"a password has 1 to {LONGEST_PASSWORD} bytes and no zero byte")
    return PasswordHasher().hash(password)


class _ShaCrypt(PasswordHash):
    """crypt(3) with SHA-256 or SHA-512; what aMQTT's password files hold."""

    __slots__ = ("_rounds", "_setting")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        match = _SHA_CRYPT.fullmatch(text)
        if match is None or len(match["digest"]) != _SHA_CRYPT_DIGITS[match["number"]]:
            raise ValueError("the SHA-crypt hash is cut off or mistyped")
        if match["rounds"] is not None and not LEAST_ROUNDS <= int(match["rounds"]) <= MOST_ROUNDS:
            raise ValueError(f"SHA-crypt takes {LEAST_ROUNDS} to {MOST_ROUNDS} rounds")
        self._setting = match[1]
        self._rounds = int(match["rounds"] or DEFAULT_ROUNDS)

    @property
    def weakness(self) -> str:
        return _too_few("SHA-crypt", "rounds", self._rounds, _LEAST_SHA_CRYPT_ROUNDS)

    def _matches(self, password: bytes) -> bool:
        answer = sha_crypt(password, self._setting)
        return answer is not None and compare_digest(answer.encode(), self.text.encode())


class _Bcrypt(PasswordHash):
    __slots__ = ("_cost",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        match = _BCRYPT.fullmatch(text)
        if match is None:
            raise ValueError("the bcrypt hash is cut off or mistyped")
        if int(match["cost"]) not in _BCRYPT_COSTS:
            raise ValueError(f"bcrypt takes a cost of {_BCRYPT_COSTS[0]} to {_BCRYPT_COSTS[-1]}")
        self._cost = int(match["cost"])

    @property
    def weakness(self) -> str:
        return _too_few("bcrypt", "as its cost", self._cost, _LEAST_BCRYPT_COST)

    def _matches(self, password: bytes) -> bool:
        from bcrypt import checkpw

        # bcrypt has always read 72 bytes; its Python library refuses longer passwords since 5.0.
        try:
            return checkpw(password[:_BCRYPT_READS], self.text.encode())
        except ValueError:
            return False


class _Argon2(PasswordHash):
    __slots__ = ("_memory", "_passes")

    def __init__(self, text: str) -> None:
        from argon2 import extract_parameters
        from argon2.exceptions import InvalidHashError

        super().__init__(text)
        try:
            parameters = extract_parameters(text)
        except (InvalidHashError, ValueError, IndexError, KeyError):
            raise ValueError("the Argon2 hash is cut off or mistyped") from None
        if parameters.memory_cost > _ARGON2_MOST_MEMORY or parameters.time_cost > _ARGON2_MOST_PASSES:
            raise ValueError(f"Argon2 takes up to {_ARGON2_MOST_MEMORY} KiB and {_ARGON2_MOST_PASSES} passes")
        self._memory, self._passes = parameters.memory_cost, parameters.time_cost

    @property
    def weakness(self) -> str:
        if not self.text.startswith("$argon2id$"):
            return "Argon2 of another kind than Argon2id"
        enough = self._memory >= _ARGON2_LEAST_MEMORY and self._memory * self._passes >= _ARGON2_LEAST_WORK
        return "" if enough else f"Argon2id with {self._memory} KiB and {self._passes} passes only"

    def _matches(self, password: bytes) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return PasswordHasher().verify(self.text, password)
        except (VerificationError, InvalidHashError):
            return False


class _MosquittoPbkdf2(PasswordHash):
    """`$7$iterations$salt$hash`: PBKDF2 with HMAC-SHA-512, as mosquitto_passwd writes it since 2.0."""

    __slots__ = ("_digest", "_iterations", "_salt")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        fields = text.split("$")
        if len(fields) != 5 or not (fields[2].isascii() and fields[2].isdigit() and len(fields[2]) <= 8):
            raise ValueError("the $7$ hash is cut off or mistyped")
        self._iterations = int(fields[2])
        if not 1 <= self._iterations <= MOST_ROUNDS:
            raise ValueError(f"a $7$ hash takes 1 to {MOST_ROUNDS} iterations")
        self._salt, self._digest = _salt_and_digest(fields[3], fields[4])

    @property
    def weakness(self) -> str:
        return _too_few("PBKDF2", "iterations", self._iterations, _LEAST_PBKDF2_ITERATIONS)

    def _matches(self, password: bytes) -> bool:
        digest = hashlib.pbkdf2_hmac("sha512", password, self._salt, self._iterations, 64)
        return compare_digest(digest, self._digest)


class _MosquittoSha512(PasswordHash):
    """`$6$salt$hash` of mosquitto_passwd before 2.0: one round of SHA-512; its Base64 ends with `==`."""

    __slots__ = ("_digest", "_salt")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        fields = text.split("$")
        if len(fields) != 4:
            raise ValueError("the $6$ hash of mosquitto_passwd is cut off or mistyped")
        self._salt, self._digest = _salt_and_digest(fields[2], fields[3])

    @property
    def weakness(self) -> str:
        return "SHA-512, once"

    def _matches(self, password: bytes) -> bool:
        return compare_digest(hashlib.sha512(password + self._salt).digest(), self._digest)


def _too_few(scheme: str, what: str, number: int, least: int) -> str:
    return "" if number >= least else f"{scheme} with {number} {what} only"


def _salt_and_digest(salt: str, digest: str) -> tuple[bytes, bytes]:
    try:
        decoded = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the salt or the hash is not Base64") from None
    if not decoded[0] or len(decoded[1]) != hashlib.sha512().digest_size:
        raise ValueError("the salt or the hash is cut off")
    return decoded
