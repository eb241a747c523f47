"""SHA-crypt, the `$5$` and `$6$` of crypt(3): by the C library where it knows them, else in Python.

The standard library's `crypt` ended with Python 3.12. The C library is some 3 times faster than
Python and lets the event loop run meanwhile.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Final

DEFAULT_ROUNDS: Final = 5000
LEAST_ROUNDS: Final = 1000
MOST_ROUNDS: Final = 10_000_000
"""Seconds of work for one attempt; what asks for more is a mistake."""

_DIGITS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KNOWN_ANSWERS: Final = (
    ("$5$saltstring", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    (
        "$6$saltstring",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
)
_CRYPT_DATA_SIZE: Final = 256 * 1024
"""More than `struct crypt_data` of any C library: 131,232 bytes in glibc, 32,768 in libxcrypt."""
_SCHEDULE_LENGTH: Final = 42
_ROUNDS_PER_REST: Final = 6 * _SCHEDULE_LENGTH

_Crypt = Callable[[bytes, str], str | None]


def sha_crypt(password: bytes, setting: str) -> str | None:
    """The hash of `password` as crypt(3) prints it; None when the C library refuses.

    `setting` is `$5$salt` or `$6$salt`, with or without `rounds=`. The password must not
    contain a zero byte, which ends it in C.
    """
    return _fastest()(password, setting)


@functools.cache
def _fastest() -> _Crypt:
    for name in ("libcrypt.so.1", "libcrypt.so.2", None):
        native = native_sha_crypt(name)
        if native is not None:
            return native
    return portable_sha_crypt


def native_sha_crypt(library_name: str | None) -> _Crypt | None:
    """`crypt_r` of this shared library (None: of the C library), if it knows SHA-crypt."""
    import ctypes

    try:
        crypt_r = ctypes.CDLL(library_name).crypt_r
    except (OSError, AttributeError, TypeError):
        return None
    crypt_r.restype = ctypes.c_char_p
    crypt_r.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)

    def native(password: bytes, setting: str) -> str | None:
        answer: bytes | None = crypt_r(
            password, setting.encode(), ctypes.create_string_buffer(_CRYPT_DATA_SIZE)
        )
        return None if answer is None else answer.decode("ascii", "replace")

    # A C library may know `crypt_r` and not SHA-crypt, and says so with rubbish.
    if all(native(b"Hello world!", setting) == answer for setting, answer in _KNOWN_ANSWERS):
        return native
    return None


def portable_sha_crypt(password: bytes, setting: str) -> str:
    """The same in Python, after Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512"."""
    prefix, rounds, salt_text = _read_setting(setting)
    sha = hashlib.sha256 if prefix == "$5$" else hashlib.sha512
    salt = salt_text.encode()
    digest = _first_digest(sha, password, salt)
    password_string = _stretched(sha(password * len(password)).digest(), len(password))
    salt_string = _stretched(sha(salt * (16 + digest[0])).digest(), len(salt))
    schedule = list(_schedule(password_string, salt_string))
    for round_number in range(rounds):
        before, after = schedule[round_number % _SCHEDULE_LENGTH]
        digest = sha(before + digest + after).digest()
        if round_number % _ROUNDS_PER_REST == 0:
            time.sleep(0)  # lets the event loop have the interpreter between two rounds
    return f"{setting}${_printed(digest)}"


def _read_setting(setting: str) -> tuple[str, int, str]:
    prefix, rest = setting[:3], setting[3:]
    if not rest.startswith("rounds="):
        return prefix, DEFAULT_ROUNDS, rest
    rounds, _, salt = rest.removeprefix("rounds=").partition("$")
    return prefix, int(rounds), salt


def _first_digest(sha: Callable[..., "hashlib._Hash"], password: bytes, salt: bytes) -> bytes:
    inner = sha(password + salt + password).digest()
    outer = sha(password + salt + _stretched(inner, len(password)))
    length = len(password)
    while length:
        outer.update(inner if length & 1 else password)
        length >>= 1
    return outer.digest()


def _stretched(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _schedule(password: bytes, salt: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What stands before and after the digest in each round; it repeats after 2 x 3 x 7 rounds."""
    for number in range(_SCHEDULE_LENGTH):
        middle = (salt if number % 3 else b"") + (password if number % 7 else b"")
        yield (password + middle, b"") if number & 1 else (b"", middle + password)


def _printed(digest: bytes) -> str:
    """The digest in the order and the 64 digits of crypt(3)."""
    third = len(digest) // 3
    turn = 1 if len(digest) == 64 else 2
    text = ""
    for group in range(third):
        first, second, last = (digest[group + third * ((place + group * turn) % 3)] for place in range(3))
        text += _digits(first << 16 | second << 8 | last, 4)
    if len(digest) == 64:
        return text + _digits(digest[63], 2)
    return text + _digits(digest[31] << 8 | digest[30], 3)


def _digits(value: int, count: int) -> str:
    return "".join(_DIGITS[value >> 6 * place & 63] for place in range(count))
