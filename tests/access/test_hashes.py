"""Every scheme of a password file, with a hash that its own tool made."""

import base64
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.access.hashes import LONGEST_PASSWORD, new_hash, read_hash

SECRET = b"secret word"
HASHES = {
    "SHA-256-crypt": "$5$saltsalt$TMstmfyDkEKUzCM2cfg8cAVXyYwWzO5hkmSBo1emCg6",
    "SHA-256-crypt with rounds": "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B",
    "SHA-512-crypt": (
        "$6$saltsalt$Gbd7qCDlJSddZ9S5ri9ajiQJKxrbcZm6VQVUgvH3MPS64F04DY8tRDK9uBQT/2Mr1LV40gv.JBbSMCRKp6QE21"
    ),
    "SHA-512-crypt with rounds": (
        "$6$rounds=1000$abcdefgh$"
        "0pojBMwFHFWlpDzqKVEuJIQGjFofY3Wspn3bf99Ux.rTDeODyR.mhiO3bpvbvbTScaEBX8o/DaISxqw3oIzA11"
    ),
    "Argon2id": (
        "$argon2id$v=19$m=64,t=1,p=1$BpnEHjdmaNFqtldiBpAHKg$cOnd5S7O4yXkCkZVA5dZsbnyYXA6wJecdUa+LZi09IM"
    ),
    "mosquitto_passwd 2.0": (
        "$7$101$ZDhqNYPq/HEVq9FG$"
        "8HaeQX7WBjtuBRE2Yhut2om2fP/AkDMsa+VAYPdVHThsL+zx/2C9zMhKuBeoop+RYLTHlZutVzXfJE7n/nz03g=="
    ),
    "mosquitto_passwd 1.6": (
        "$6$Q6KYEOYNi++gIiv4$"
        "xfOIcg7nzmTZiPeeBd1hvOLH+ndp7K6ctY60Jz2ffRz5QJSQTNuB1cc3SxMYCEAHviTiMu2SUYEG0waZ0fCUFw=="
    ),
}
BCRYPT = "$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
BASE64_64 = base64.b64encode(bytes(64)).decode()


@pytest.mark.parametrize("text", HASHES.values(), ids=HASHES)
def test_the_password_is_right(text: str) -> None:
    assert read_hash(text).verify(SECRET)


@pytest.mark.parametrize(
    "wrong", [b"", b"Secret word", SECRET + b"s", SECRET + b"\0", b"\xff\xfe", b"x" * 512]
)
@pytest.mark.parametrize("text", HASHES.values(), ids=HASHES)
def test_another_password_is_wrong(text: str, wrong: bytes) -> None:
    assert not read_hash(text).verify(wrong)


@pytest.mark.parametrize("prefix", ["$2a", "$2b", "$2y"])
def test_bcrypt_is_verified_in_each_of_its_spellings(prefix: str) -> None:
    stored = read_hash(prefix + BCRYPT)
    assert stored.verify(b"U*U")
    assert not stored.verify(b"U*V")
    assert not stored.verify(b"U*U" * 100)
    assert not stored.verify(b"\0")


def test_bcrypt_reads_72_bytes_as_it_always_did() -> None:
    import bcrypt

    stored = read_hash(bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())
    assert stored.verify(b"x" * 80)


def test_a_bcrypt_hash_that_its_library_cannot_read_matches_nothing() -> None:
    assert not read_hash("$2b$05$" + "/" * 53).verify(b"U*U")


def test_the_hash_of_an_empty_password_matches_nothing() -> None:
    def stored(password: bytes) -> str:
        salt = b"twelve bytes"
        digest = hashlib.sha512(password + salt).digest()
        return f"$6${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"

    assert read_hash(stored(b"x")).verify(b"x")
    assert not read_hash(stored(b"")).verify(b"")


def test_a_password_beyond_the_bound_is_wrong_without_work() -> None:
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    longest, longer = b"x" * LONGEST_PASSWORD, b"x" * (LONGEST_PASSWORD + 1)
    assert read_hash(hasher.hash(longest)).verify(longest)
    assert not read_hash(hasher.hash(longer)).verify(longer)


def test_a_new_hash_is_argon2id_and_salted() -> None:
    first, second = new_hash(SECRET), new_hash(SECRET)
    assert first.startswith("$argon2id$")
    assert first != second
    assert read_hash(first).verify(SECRET)


@pytest.mark.parametrize("password", [b"", b"x" * (LONGEST_PASSWORD + 1), b"x\0"])
def test_no_hash_is_made_that_could_not_be_verified(password: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 512 bytes"):
        new_hash(password)


def test_an_argon2_hash_that_cannot_be_decoded_matches_nothing() -> None:
    assert not read_hash("$argon2id$v=19$m=64,t=1,p=1$!$!").verify(SECRET)


UNREADABLE = [
    ("", "no known scheme"),
    ("secret word", "no known scheme"),
    ("$1$abc$def", "no known scheme"),
    ("$9$101$abc$def", "no known scheme"),
    ("$5$saltsalt$TMstmfyDkEKUzCM2cfg8cAVXyYwWzO5hkmSBo1emCg", "SHA-crypt hash is cut off"),
    ("$6$saltsalt$TMstmfyDkEKUzCM2cfg8cAVXyYwWzO5hkmSBo1emCg6", "SHA-crypt hash is cut off"),
    (HASHES["SHA-512-crypt"] + " ", "SHA-crypt hash is cut off"),
    ("$5$rounds=999$abc$" + "a" * 43, "1000 to 10000000 rounds"),
    ("$5$rounds=10000001$abc$" + "a" * 43, "1000 to 10000000 rounds"),
    ("$5$rounds=x$abc$" + "a" * 43, "SHA-crypt hash is cut off"),
    ("$2b$05$CCCCC", "bcrypt hash is cut off"),
    ("$2b$31" + BCRYPT[3:], "a cost of 4 to 16"),
    ("$argon2id$v=19$m=64", "Argon2 hash is cut off"),
    ("$argon2id$v=19$m=64,t=1,p=1,q=1$a$b", "Argon2 hash is cut off"),
    ("$argon2id$v=19$m=4194304,t=1,p=1$BpnEHjdmaNFqtldiBpAHKg$cOnd5S7O4yXkCkZVA5dZ", "Argon2 takes up to"),
    ("$argon2id$v=19$m=64,t=101,p=1$BpnEHjdmaNFqtldiBpAHKg$cOnd5S7O4yXkCkZVA5dZ", "Argon2 takes up to"),
    ("$7$101$abc", r"\$7\$ hash is cut off"),
    (f"$7$x$AAAA${BASE64_64}", r"\$7\$ hash is cut off"),
    (f"$7$0$AAAA${BASE64_64}", "1 to 10000000 iterations"),
    (f"$7$99999999$AAAA${BASE64_64}", "1 to 10000000 iterations"),
    (f"$7$101$AAAA${BASE64_64[:-8]}", "cut off"),
    (f"$7$101$${BASE64_64}", "cut off"),
    (f"$7$101$A${BASE64_64}", "not Base64"),
    (f"$6$AA*A${BASE64_64}", "not Base64"),
    (f"$6${BASE64_64}", "mosquitto_passwd is cut off"),
]


@pytest.mark.parametrize(("text", "mistake"), UNREADABLE)
def test_what_is_no_hash_is_refused_and_not_shown(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake) as caught:
        read_hash(text)
    assert not text or text not in str(caught.value)


PREFIXES = ["$5$", "$6$", "$7$", "$2b$", "$argon2id$v=19$", "$5$rounds=", "$6$rounds=1000$", ""]


@given(st.sampled_from(PREFIXES), st.text("$./=,+ab019mtp\x00é", max_size=120))
def test_any_text_is_a_hash_or_a_value_error(prefix: str, rest: str) -> None:
    try:
        read_hash(prefix + rest)
    except ValueError:
        return


def test_random_passwords_do_not_match() -> None:
    for text in HASHES.values():
        assert not read_hash(text).verify(os.urandom(16))
