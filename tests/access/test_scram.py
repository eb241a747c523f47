"""SCRAM-SHA-256: the exchange of RFC 7677, section 3, and what can go wrong with one."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.abc import Accepted, AuthenticationExchange, Challenge, ConnectRequest, Peer, Refusal
from amqtt.access.credential_file import CredentialFile
from amqtt.access.scram import (
    METHOD,
    Scram,
    ScramCredential,
    ScramExchange,
    credential_line,
    new_credential,
    read_credential,
)
from amqtt.errors import BrokerError
from amqtt.wire.reasons import ReasonCode
from support.clock import StoppedClock

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def request(method: str | None = METHOD) -> ConnectRequest:
    return ConnectRequest("client", None, None, Peer(), authentication_method=method)


def begin(scram: Scram) -> AuthenticationExchange:
    exchange = scram.exchange(request())
    assert exchange is not None
    return exchange


@pytest.fixture
def scram() -> Scram:
    users = {
        "user": new_credential("pencil", 4096, SALT),
        "a,b=c": new_credential("x"),
        "aIX": new_credential("y"),
    }
    return Scram(users, secret=b"secret", new_nonce=lambda: NONCE)


class Client:
    """The other side of RFC 5802, written apart from ours."""

    def __init__(self, name: bytes, password: bytes, header: bytes = b"n,,") -> None:
        self.header = header
        self.bare = b"n=" + name + b",r=abc"
        self.password = password

    def first(self) -> bytes:
        return self.header + self.bare

    def final(self, server_first: bytes) -> bytes:
        fields = dict(field.split(b"=", 1) for field in server_first.split(b","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password, base64.b64decode(fields[b"s"]), int(fields[b"i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        without = b"c=" + base64.b64encode(self.header) + b",r=" + fields[b"r"]
        signed = b",".join((self.bare, server_first, without))
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        return without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))


def log_in(scram: Scram, client: Client) -> object:
    exchange = begin(scram)
    challenge = exchange.step(client.first())
    assert isinstance(challenge, Challenge)
    assert challenge.data is not None
    return exchange.step(client.final(challenge.data))


def test_the_exchange_of_rfc_7677(scram: Scram) -> None:
    exchange = begin(scram)
    challenge = exchange.step(CLIENT_FIRST)
    assert isinstance(challenge, Challenge)
    assert challenge.data == SERVER_FIRST
    accepted = exchange.step(CLIENT_FINAL)
    assert isinstance(accepted, Accepted)
    assert accepted.data == SERVER_FINAL
    assert accepted.permissions.user == "user"


@pytest.mark.parametrize("empty", [None, b""])
def test_a_client_that_sends_nothing_at_first_is_asked_to_begin(scram: Scram, empty: bytes | None) -> None:
    exchange = begin(scram)
    challenge = exchange.step(empty)
    assert isinstance(challenge, Challenge)
    assert challenge.data == b""
    first = exchange.step(CLIENT_FIRST)
    assert isinstance(first, Challenge)
    assert first.data == SERVER_FIRST


@pytest.mark.parametrize(
    "client",
    [
        Client(b"user", b"pencil"),
        Client(b"user", b"pencil", b"y,,"),
        Client(b"user", b"pencil", b"n,a=user,"),
        Client(b"a=2Cb=3Dc", b"x"),
        Client("a\u2168".encode(), b"y"),
    ],
)
def test_a_client_that_knows_the_password_is_accepted(scram: Scram, client: Client) -> None:
    assert isinstance(log_in(scram, client), Accepted)


@pytest.mark.parametrize("client", [Client(b"user", b"Pencil"), Client(b"nobody", b"pencil")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(scram: Scram, client: Client) -> None:
    refusal = log_in(scram, client)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason_code, refusal.reason) == (ReasonCode.BAD_USER_NAME_OR_PASSWORD, "")


def test_an_unknown_user_has_a_salt_that_stays(scram: Scram) -> None:
    first, again = scram.credential_of("nobody"), scram.credential_of("nobody")
    assert first[0].salt == again[0].salt
    assert (first[0].iterations, len(first[0].salt), first[1]) == (4096, 16, False)
    assert scram.credential_of("somebody")[0].salt != first[0].salt
    assert Scram({}, secret=b"other").credential_of("nobody")[0].salt != first[0].salt


def test_an_unknown_user_looks_like_the_known_ones() -> None:
    users = {"a": new_credential("x", 5000, bytes(40))}
    credential, own = Scram(users).credential_of("nobody")
    assert (credential.iterations, len(credential.salt), own) == (5000, 40, False)


def test_an_unknown_user_cannot_be_proven_with_the_keys_that_stand_in(scram: Scram) -> None:
    exchange = begin(scram)
    challenge = exchange.step(b"n,,n=nobody,r=abc")
    assert isinstance(challenge, Challenge)
    assert challenge.data is not None
    without = b"c=biws," + challenge.data.split(b",")[0]
    signature = hmac.digest(bytes(32), b",".join((b"n=nobody,r=abc", challenge.data, without)), "sha256")
    assert isinstance(exchange.step(without + b",p=" + base64.b64encode(signature)), Refusal)


def test_a_credential_that_is_not_the_users_own_proves_nothing() -> None:
    credential = new_credential("pencil", 4096, SALT)
    for own, kind in ((True, Accepted), (False, Refusal)):
        exchange = ScramExchange(lambda _name, own=own: (credential, own), NONCE)  # type: ignore[misc]
        exchange.step(CLIENT_FIRST)
        assert isinstance(exchange.step(CLIENT_FINAL), kind)


def test_a_proof_with_something_behind_it_is_none(scram: Scram) -> None:
    exchange = begin(scram)
    exchange.step(CLIENT_FIRST)
    without, _, proof = CLIENT_FINAL.rpartition(b",p=")
    longer = base64.b64encode(base64.b64decode(proof) + b"\0")
    assert isinstance(exchange.step(without + b",p=" + longer), Refusal)


BAD_FIRST = [
    b"p=tls-unique,,n=user,r=abc",
    b"x,,n=user,r=abc",
    b"n,a=other,n=user,r=abc",
    b"n,user,n=user,r=abc",
    b"n,,m=ext,n=user,r=abc",
    b"n,,n=user",
    b"n,,r=abc,n=user",
    b"n,,n=,r=abc",
    b"n,,n=user,r=",
    b"n,,n=us=er,r=abc",
    b"n,,n=user,r=a b\x7f",
    "n,,n=user,r=ä".encode(),
    b"n,,n=\xff,r=abc",
    b"n,,n=u\0,r=abc",
    b"n,n=user",
    b"n",
    b"n,,n=" + b"u" * 4096 + b",r=abc",
    "n,,n=\u0007,r=abc".encode(),
]


@pytest.mark.parametrize("message", BAD_FIRST)
def test_a_bad_first_message_is_refused(scram: Scram, message: bytes) -> None:
    refusal = begin(scram).step(message)
    assert isinstance(refusal, Refusal)
    assert refusal.reason_code == ReasonCode.NOT_AUTHORIZED


GOOD_NONCE = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
PROOF = b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
BAD_FINAL = [
    None,
    b"",
    b"c=biws",
    b"c=biws," + PROOF,
    b"c=eSws," + GOOD_NONCE + b"," + PROOF,
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO," + PROOF,
    b"c=biws," + GOOD_NONCE + b",p=",
    b"c=biws," + GOOD_NONCE,
    b"c=biws," + GOOD_NONCE + b",p=!",
    b"c=biws," + GOOD_NONCE + b",p=AAAA",
    b"c=biws," + GOOD_NONCE + b",x=1," + PROOF,
    b"c=biws," + GOOD_NONCE + b"," + PROOF[:-4] + b"AAA=",
    CLIENT_FINAL.replace(b"dHzb", b"eHzb"),
    b"\xff",
]


@pytest.mark.parametrize("message", BAD_FINAL)
def test_a_bad_final_message_is_refused_and_ends_the_exchange(scram: Scram, message: bytes | None) -> None:
    exchange = begin(scram)
    exchange.step(CLIENT_FIRST)
    assert isinstance(exchange.step(message), Refusal)
    assert isinstance(exchange.step(CLIENT_FINAL), Refusal)


def test_an_exchange_ends_with_its_success(scram: Scram) -> None:
    exchange = begin(scram)
    exchange.step(CLIENT_FIRST)
    assert isinstance(exchange.step(CLIENT_FINAL), Accepted)
    assert isinstance(exchange.step(CLIENT_FINAL), Refusal)


def test_every_exchange_has_a_nonce_of_its_own() -> None:
    scram = Scram({})
    answers = {getattr(begin(scram).step(CLIENT_FIRST), "data", None) for _ in range(10)}
    assert len(answers) == 10


def test_other_methods_and_none_are_not_its_to_say(scram: Scram) -> None:
    assert scram.exchange(request("SCRAM-SHA-1")) is None
    assert scram.exchange(request(None)) is None
    assert scram.authenticate(request(None)) is None
    assert scram.methods == ("SCRAM-SHA-256",)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([CLIENT_FIRST, CLIENT_FINAL]), max_size=4))
def test_any_messages_are_answered(messages: list[bytes]) -> None:
    users = {"user": ScramCredential(4096, SALT, bytes(32), bytes(32))}
    exchange = begin(Scram(users, secret=b"", new_nonce=lambda: NONCE))
    for message in messages:
        assert isinstance(exchange.step(message), (Challenge, Refusal))


def test_a_line_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "scram"
    path.write_text(
        "# users\n" + credential_line("user", "pencil") + "\n" + credential_line("ä", "b", 5000) + "\n"
    )
    scram = Scram.from_file(path)
    assert isinstance(log_in(scram, Client(b"user", b"pencil")), Accepted)
    assert isinstance(log_in(scram, Client("ä".encode(), b"b")), Accepted)
    assert isinstance(log_in(scram, Client(b"user", b"b")), Refusal)
    assert "pencil" not in path.read_text()


def test_a_credential_is_the_one_of_rfc_7677() -> None:
    text = str(new_credential("pencil", 4096, SALT))
    assert text == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert str(read_credential(text)) == text


def test_a_changed_file_changes_who_is_known(tmp_path: Path, clock: StoppedClock) -> None:
    path = tmp_path / "scram"
    path.write_text(credential_line("user", "pencil"))
    scram = Scram(CredentialFile(path, "auth.scram-file", read_credential, clock))
    path.write_text(credential_line("user", "pencil") + "\n" + credential_line("new", "x"))
    assert isinstance(log_in(scram, Client(b"new", b"x")), Refusal)
    clock.now += 1.0
    assert isinstance(log_in(scram, Client(b"new", b"x")), Accepted)


KEY = base64.b64encode(bytes(32)).decode()
BAD_CREDENTIALS = [
    "",
    "secret",
    f"SCRAM-SHA-1$4096:AAAAAAAAAAA=${KEY}:{KEY}",
    f"SCRAM-SHA-256$4096:AAAAAAAAAAA=${KEY}",
    f"SCRAM-SHA-256$x:AAAAAAAAAAA=${KEY}:{KEY}",
    f"SCRAM-SHA-256$0:AAAAAAAAAAA=${KEY}:{KEY}",
    f"SCRAM-SHA-256$99999999:AAAAAAAAAAA=${KEY}:{KEY}",
    f"SCRAM-SHA-256$4096:AAAA${KEY}:{KEY}",
    f"SCRAM-SHA-256$4096:!${KEY}:{KEY}",
    f"SCRAM-SHA-256$4096:AAAAAAAAAAA=$AAAA:{KEY}",
    f"SCRAM-SHA-256$4096:AAAAAAAAAAA=${KEY}:{KEY}$x",
]


@pytest.mark.parametrize("text", BAD_CREDENTIALS)
def test_what_is_no_credential_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"SCRAM|cut off|Base64") as caught:
        read_credential(text)
    assert not text or text not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_credential_or_a_value_error(rest: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever it is
        read_credential("SCRAM-SHA-256$" + rest)


@pytest.mark.parametrize("name", ["", "a:b", "#a", " a"])
def test_a_name_that_a_line_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a user name must not"):
        credential_line(name, "x")


@pytest.mark.parametrize("iterations", [4095, 10_000_001])
def test_iterations_have_a_range(iterations: int) -> None:
    with pytest.raises(ValueError, match="4096 to 10000000"):
        new_credential("x", iterations)


def test_a_missing_scram_file_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"auth\.scram-file: .* cannot be read"):
        Scram.from_file(tmp_path / "none")
