"""From settings to an Authenticator: who gets in, as aMQTT's users expect it (compat C6)."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal
from amqtt.access.assembly import AUTHENTICATORS, TOPIC_CHECKS, build_authenticator
from amqtt.access.scram import credential_line
from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.errors import BrokerError
from amqtt.wire.reasons import ReasonCode

Connect = Callable[..., ConnectRequest]

FILE, ANONYMOUS = "auth_file", "auth_anonymous"
BOTH = (FILE, ANONYMOUS)
NAMELESS, RIGHT, WRONG, UNKNOWN = (None, None), ("alice", b"secret word"), ("alice", b"x"), ("carol", b"x")
ALL = {NAMELESS, RIGHT, WRONG, UNKNOWN}
NAMED = {RIGHT, WRONG, UNKNOWN}

# plugins, allow-anonymous (None: not said), whether there is a password file, who gets in
TABLE = [
    (None, None, False, ALL),
    ((ANONYMOUS,), True, False, ALL),
    ((ANONYMOUS,), None, False, ALL),
    ((ANONYMOUS,), True, True, ALL),
    ((ANONYMOUS,), False, False, NAMED),
    ((ANONYMOUS,), False, True, NAMED),
    (BOTH, True, True, {NAMELESS, RIGHT}),
    (BOTH, False, True, {RIGHT}),
    ((ANONYMOUS, FILE), True, True, {NAMELESS, RIGHT}),
    ((ANONYMOUS, FILE), False, True, {RIGHT}),
    (BOTH, True, False, ALL),
    (BOTH, False, False, set()),
    ((FILE,), True, True, {RIGHT}),
    ((FILE,), False, True, {RIGHT}),
    ((FILE,), True, False, set()),
    ((FILE,), False, False, set()),
    ((), True, True, set()),
    ((), False, False, set()),
    (None, True, True, {NAMELESS, RIGHT}),
    (None, False, True, {RIGHT}),
    (None, True, False, ALL),
    (None, False, False, set()),
    (("auth.anonymous",), True, True, ALL),
    (("auth.anonymous",), False, False, NAMED),
    (("auth.file", "auth.anonymous"), True, True, {NAMELESS, RIGHT}),
    (("auth.file",), True, True, {RIGHT}),
    (("auth_file", "auth.file"), True, True, {RIGHT}),
]


async def ask(authenticator: Authenticator, request: ConnectRequest) -> Answer:
    given = authenticator.authenticate(request)
    return await given if isinstance(given, Awaitable) else given


@pytest.mark.parametrize(("plugins", "allow_anonymous", "has_file", "admitted"), TABLE)
async def test_who_gets_in(
    plugins: tuple[str, ...] | None,
    allow_anonymous: bool | None,
    has_file: bool,
    admitted: set[tuple[str | None, bytes | None]],
    password_file: Path,
    connect: Connect,
) -> None:
    settings = AuthSettings(allow_anonymous, password_file if has_file else None, plugins=plugins)
    authenticator = build_authenticator(settings, TopicCheckSettings())
    try:
        for name, password in ALL:
            answer = await ask(authenticator, connect(name, password))
            assert isinstance(answer, Accepted if (name, password) in admitted else Refusal), name
            if isinstance(answer, Accepted):
                assert answer.permissions.user == name
    finally:
        await authenticator.close()


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (WRONG, ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (UNKNOWN, ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        (NAMELESS, ReasonCode.NOT_AUTHORIZED),
    ],
)
async def test_the_refusal_says_whether_it_is_the_password(
    who: tuple[str | None, bytes | None], code: ReasonCode, password_file: Path, connect: Connect
) -> None:
    authenticator = build_authenticator(AuthSettings(False, password_file), TopicCheckSettings())
    answer = await ask(authenticator, connect(*who))
    await authenticator.close()
    assert isinstance(answer, Refusal)
    assert answer.reason_code == code


def test_an_empty_user_name_is_none(connect: Connect) -> None:
    answer = build_authenticator(AuthSettings(False), TopicCheckSettings()).authenticate(connect("", b"x"))
    assert isinstance(answer, Refusal)
    answer = build_authenticator(AuthSettings(True), TopicCheckSettings()).authenticate(connect("", b"x"))
    assert isinstance(answer, Accepted)
    assert answer.permissions.user is None


@pytest.mark.parametrize(
    ("auth", "check", "text"),
    [
        (
            AuthSettings(plugins=("auth_fiel",)),
            TopicCheckSettings(),
            r"auth\.plugins: there is no plugin 'auth_fiel' \(did",
        ),
        (
            AuthSettings(plugins=("x",)),
            TopicCheckSettings(),
            "known are auth_anonymous, auth_file, auth_scram",
        ),
        (
            AuthSettings(),
            TopicCheckSettings(plugins=("acl",)),
            "known are topic_acl, topic_acl_file, topic_taboo",
        ),
    ],
)
def test_a_name_that_nobody_has_is_an_error(auth: AuthSettings, check: TopicCheckSettings, text: str) -> None:
    with pytest.raises(BrokerError, match=text):
        build_authenticator(auth, check)


def test_a_password_file_that_is_missing_is_an_error_only_where_it_is_asked(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(BrokerError, match=r"auth\.password-file: .*none cannot be read"):
        build_authenticator(AuthSettings(password_file=missing), TopicCheckSettings())
    build_authenticator(AuthSettings(password_file=missing, plugins=(ANONYMOUS,)), TopicCheckSettings())


def test_scram_is_served_where_there_is_a_file_for_it(tmp_path: Path) -> None:
    path = tmp_path / "scram"
    path.write_text(credential_line("user", "pencil"))
    check = TopicCheckSettings()
    assert build_authenticator(AuthSettings(scram_file=path), check).methods == ("SCRAM-SHA-256",)
    assert build_authenticator(AuthSettings(scram_file=path, plugins=()), check).methods == ()
    assert build_authenticator(AuthSettings(scram_file=path, plugins=("auth.scram",)), check).methods
    assert build_authenticator(AuthSettings(), check).methods == ()
    with pytest.raises(BrokerError, match=r"auth_scram needs auth\.scram-file"):
        build_authenticator(AuthSettings(plugins=("auth_scram",)), check)


def test_other_names_can_be_handed_in(connect: Connect) -> None:
    class Mine(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Answer:
            return Accepted(Permissions("me"))

    known = {**AUTHENTICATORS, "mine": lambda _settings: Mine()}
    settings = AuthSettings(plugins=("mine",))
    answer = build_authenticator(settings, TopicCheckSettings(), known, TOPIC_CHECKS).authenticate(connect())
    assert isinstance(answer, Accepted)
    assert answer.permissions.user == "me"


LISTS = {"u": ("a/+",), "anonymous": ("public",)}
ACL = ("topic_acl",)
# settings, user, (topic, may publish), (filter, may subscribe)
TOPICS = [
    (TopicCheckSettings(acl=LISTS), "u", ("x", True), ("x/#", True)),
    (TopicCheckSettings(True, ACL, LISTS), "u", ("x", True), ("x/#", False)),
    (TopicCheckSettings(True, ACL, LISTS), "u", ("x", True), ("a/1", True)),
    (TopicCheckSettings(True, ("topic.acl",), LISTS), None, ("x", True), ("public", True)),
    (TopicCheckSettings(True, ACL, LISTS), "v", ("x", True), ("a/1", False)),
    (TopicCheckSettings(True, ACL, LISTS, LISTS), "u", ("x", False), ("a/1", True)),
    (TopicCheckSettings(True, ACL, LISTS, LISTS), "u", ("a/1", True), ("a/1", True)),
    (TopicCheckSettings(True, ACL, LISTS, {}), "u", ("a/1", False), ("a/1", True)),
    (TopicCheckSettings(True, ACL), "u", ("x", True), ("a", False)),
    (TopicCheckSettings(True, ACL, {}), "u", ("x", True), ("a", False)),
    (TopicCheckSettings(True, (), LISTS), "u", ("x", False), ("a/1", False)),
    (TopicCheckSettings(True, ("topic_taboo",)), "u", ("prohibited", False), ("x", True)),
    (TopicCheckSettings(True, ("topic.taboo",)), "u", ("x", True), ("prohibited", False)),
    (TopicCheckSettings(True, None, {"u": ("#",)}), "u", ("prohibited", False), ("x", True)),
    (TopicCheckSettings(True, None, {"u": ("#",)}), "u", ("x", True), ("prohibited", False)),
    (TopicCheckSettings(True, None, {"u": ("#",)}), "v", ("x", True), ("x", False)),
    (TopicCheckSettings(False, ()), "u", ("x", True), ("prohibited", True)),
]


@pytest.mark.parametrize(("settings", "user", "publishing", "subscribing"), TOPICS)
def test_what_they_may_do(
    settings: TopicCheckSettings,
    user: str | None,
    publishing: tuple[str, bool],
    subscribing: tuple[str, bool],
    connect: Connect,
) -> None:
    answer = build_authenticator(AuthSettings(), settings).authenticate(connect(user))
    assert isinstance(answer, Accepted)
    assert answer.permissions.may_publish(publishing[0], False) is publishing[1]
    assert answer.permissions.may_subscribe(subscribing[0], 2) == (2 if subscribing[1] else -1)
    assert not answer.permissions.may_publish("$SYS/x", False)
