"""SHA-crypt in Python and in C, against each other and against what glibc 2.36 answered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqtt.access import sha_crypt as subject
from amqtt.access.sha_crypt import native_sha_crypt, portable_sha_crypt, sha_crypt

ANSWERS = [
    ("Hello world!", "$5$saltstring", "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    (
        "Hello world!",
        "$6$saltstring",
        "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    ("secret word", "$5$rounds=1000$abcdefgh", "gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"),
    (
        "a very much longer text to encrypt.  This one even stretches over more than one line.",
        "$6$rounds=1400$anotherlongsalts",
        "WV8KW2lepsuKk13lXtVGnnEyZ.bCxFvSok6ZnkjRIa5iL0cAfvQyaZ2uA5CUvArDxyp3l9B/Z4D.HNqsIPpXk1",
    ),
]


@pytest.mark.parametrize(("password", "setting", "digest"), ANSWERS)
def test_the_hash_in_python_is_that_of_the_c_library(password: str, setting: str, digest: str) -> None:
    assert portable_sha_crypt(password.encode(), setting) == f"{setting}${digest}"


@pytest.mark.parametrize(("password", "setting", "digest"), ANSWERS)
def test_the_fastest_at_hand_gives_the_same_hash(password: str, setting: str, digest: str) -> None:
    assert sha_crypt(password.encode(), setting) == f"{setting}${digest}"


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=200).map(lambda raw: raw.replace(b"\0", b"0")),
    st.sampled_from("56"),
    st.text("abcXYZ019./", max_size=16),
)
def test_any_password_has_one_hash(password: bytes, number: str, salt: str) -> None:
    setting = f"${number}$rounds=1000${salt}"
    assert sha_crypt(password, setting) == portable_sha_crypt(password, setting)


def test_a_library_that_is_not_there_is_not_used() -> None:
    assert native_sha_crypt("libnosuchcrypt.so.99") is None


def test_a_library_without_crypt_is_not_used() -> None:
    assert native_sha_crypt("libm.so.6") is None


def test_without_a_c_library_that_knows_it_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str | None) -> None:
        return None

    monkeypatch.setattr(subject, "native_sha_crypt", none)
    subject._fastest.cache_clear()
    try:
        assert subject._fastest() is portable_sha_crypt
    finally:
        subject._fastest.cache_clear()


def test_a_library_that_answers_rubbish_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (("$5$saltstring", "$5$saltstring$another"), *subject._KNOWN_ANSWERS)
    monkeypatch.setattr(subject, "_KNOWN_ANSWERS", wrong)
    assert all(native_sha_crypt(name) is None for name in ("libcrypt.so.1", "libcrypt.so.2", None))
