"""Who gets in and what they may do, through real connections to a Broker of aMQTT's configurations."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from amqtt.access import credential_file, password_file
from amqtt.access.hashes import PasswordHash, read_hash
from amqtt.access.password_lines import changing
from amqtt.broker import Broker
from amqtt.server.events import ClientDisconnected, MessageQueued
from amqtt.wire.packets import (
    Connect,
    Puback,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.opener import Opener
from support.raw_client import MQTT_3_1_1, MQTT_5, RawClient

LISTENERS = {"listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0}
SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
"""Of `secret word`."""
RIGHT = b"secret word"
GRANTED_0, REFUSED_3, REFUSED_5 = 0, 0x80, 0x87
BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def broker(**sections: object) -> Broker:
    return Broker({**LISTENERS, **sections})


def checked(client_id_policy: str = "owned", **lists: Mapping[str, list[str]]) -> Broker:
    """A Broker with these lists of topic_acl; whoever comes is believed."""
    check = {name.replace("_", "-"): entries for name, entries in lists.items()}
    return broker(
        **{
            "topic-check": {"enabled": True, "plugins": ["topic_acl"], **check},
            "auth": {"allow-anonymous": True},
            "client-id-policy": client_id_policy,
        }
    )


class Clients:
    """Opens Clients of one version."""

    def __init__(self, opener: Opener, version: int) -> None:
        self._opener = opener
        self._version = version

    async def bare(self, at: Broker) -> RawClient:
        client = await self._opener(at)
        client.version = self._version
        client._decoder.version = self._version
        return client

    async def __call__(
        self, at: Broker, client_id: str, username: str | None = None, **more: Any
    ) -> RawClient:
        client = await self.bare(at)
        connack = await client.connect(client_id, username=username, **more)
        assert connack.reason_code == 0
        return client


@pytest.fixture
def clients(opener: Opener, version: int) -> Clients:
    return Clients(opener, version)


async def subscribed(client: RawClient, *topic_filters: str, qos: int = 0) -> list[int]:
    client.send(
        Subscribe(9, [SubscriptionRequest(topic_filter, qos) for topic_filter in topic_filters], None)
    )
    return list((await client.expect(Suback)).reason_codes)


async def topics(client: RawClient) -> list[str]:
    return [packet.topic for packet in await client.sync() if isinstance(packet, Publish)]


# -- who gets in

PASSWD = "PASSWD"
ANYBODY = {"nobody": True, "user1": True, "wrong": True, "stranger": True}
NOBODY = dict.fromkeys(ANYBODY, False)
NAMED = {**ANYBODY, "nobody": False}
USERS = {**NOBODY, "user1": True}
ADMITTED: list[tuple[object, dict[str, bool]]] = [
    ("absent", ANYBODY),
    ({"plugins": ["auth_anonymous"], "allow-anonymous": True}, ANYBODY),
    ({"plugins": ["auth.anonymous"], "allow_anonymous": "on"}, ANYBODY),
    ({"plugins": ["auth_anonymous"], "allow-anonymous": False}, NAMED),
    ({"plugins": ["auth_anonymous"], "allow_anonymous": "off"}, NAMED),
    (
        {"plugins": ["auth_file", "auth_anonymous"], "allow-anonymous": True, "password-file": PASSWD},
        {**USERS, "nobody": True},
    ),
    ({"plugins": ["auth_file", "auth_anonymous"], "allow-anonymous": False, "password-file": PASSWD}, USERS),
    ({"plugins": ["auth_file"], "password-file": PASSWD}, USERS),
    ({"plugins": ["auth.file"], "password_file": PASSWD, "allow-anonymous": True}, USERS),
    ({"plugins": []}, NOBODY),
    ({}, NOBODY),
    ({"allow-anonymous": True}, ANYBODY),
    ({"allow-anonymous": True, "password-file": None}, ANYBODY),
    ({"allow-anonymous": False}, NOBODY),
    ({"allow-anonymous": True, "password-file": PASSWD}, {**USERS, "nobody": True}),
    ({"allow-anonymous": False, "password-file": PASSWD}, USERS),
    ({"password-file": PASSWD}, {**USERS, "nobody": True}),
]
ATTEMPTS: dict[str, tuple[str | None, bytes | None]] = {
    "nobody": (None, None),
    "user1": ("user1", RIGHT),
    "wrong": ("user1", b"wrong"),
    "stranger": ("stranger", b"x"),
}


@pytest.mark.parametrize(("auth", "who"), ADMITTED)
@BOTH
async def test_who_gets_in(clients: Clients, tmp_path: Path, auth: object, who: Mapping[str, bool]) -> None:
    (tmp_path / "passwd").write_text(f"# users\n\nuser1:{SHA_CRYPT}\n")
    if isinstance(auth, dict):
        named = {key: str(tmp_path / "passwd") if value == PASSWD else value for key, value in auth.items()}
        at = broker(auth=named)
    else:
        at = broker()
    found = {}
    async with at:
        for attempt, (username, password) in ATTEMPTS.items():
            client = await clients.bare(at)
            connack = await client.connect(attempt, username=username, password=password)
            found[attempt] = connack.reason_code == 0
            if connack.reason_code:
                assert connack.reason_code in {0x86, 0x87}
                assert await client.expect_closed() == []
    assert found == who


@pytest.mark.parametrize("version", [MQTT_5])
async def test_a_ping_is_answered_while_a_password_is_being_verified(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    class SlowHash(PasswordHash):
        weakness = ""

        def _matches(self, password: bytes) -> bool:
            began.set()
            assert go_on.wait(30)
            return password == RIGHT

    monkeypatch.setattr(password_file, "read_hash", SlowHash)
    (tmp_path / "passwd").write_text("user1:slow\n")
    async with broker(auth={"allow-anonymous": True, "password-file": str(tmp_path / "passwd")}) as at:
        other = await clients(at, "other")
        await subscribed(other, "t")
        slow = await clients.bare(at)
        try:
            slow.send(Connect("slow", MQTT_5, username="user1", password=RIGHT))
            await asyncio.get_running_loop().run_in_executor(None, began.wait, 30)
            for _ in range(100):
                other.publish("t")
                assert await topics(other) == ["t"]
            assert "slow" not in at.server.realm.connected
        finally:
            go_on.set()
        assert (await slow.receive()).reason_code == 0


@pytest.mark.parametrize("version", [MQTT_5])
async def test_a_password_file_that_changes_counts_at_the_next_connect(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_file, "SECONDS_BETWEEN_LOOKS", 0.0)
    path = tmp_path / "passwd"
    path.write_text(f"user1:{SHA_CRYPT}\n")

    async def code(username: str) -> int:
        client = await clients.bare(at)
        return (await client.connect(username, username=username, password=RIGHT)).reason_code

    async with broker(auth={"allow-anonymous": False, "password-file": str(path)}) as at:
        first = await clients(at, "first", "user1", password=RIGHT)
        assert (await code("user1"), await code("user2")) == (0, 0x86)
        with changing(path) as lines:
            lines.put("user2", read_hash(SHA_CRYPT).text)
            lines.remove("user1")
            lines.write()
        assert (await code("user1"), await code("user2")) == (0x86, 0)
        assert await first.sync() == []


@pytest.mark.parametrize("version", [MQTT_5])
async def test_a_bad_line_in_a_running_brokers_file_is_named_by_number_and_changes_nothing(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(credential_file, "SECONDS_BETWEEN_LOOKS", 0.0)
    path = tmp_path / "passwd"
    path.write_text(f"user1:{SHA_CRYPT}\n")
    async with broker(auth={"allow-anonymous": False, "password-file": str(path)}) as at:
        path.write_text(f"user1:{SHA_CRYPT}\n# c\nuser2:canary\n")
        client = await clients.bare(at)
        assert (await client.connect("c", username="user1", password=RIGHT)).reason_code == 0
    assert f"{path}:3: auth.password-file: the hash has no known scheme" in caplog.text
    assert "canary" not in caplog.text


# -- what they may do

ACL = {"user1": ["repositories/+/master", "calendar/#", "data/memes"], "anonymous": []}
ASKED = {
    "repositories/a/master": True,
    "repositories/#": False,
    "repositories/+/master": True,
    "repositories/a/b/master": False,
    "calendar/#": True,
    "calendar": False,
    "calendar/1/2": True,
    "calendar/+": True,
    "data/memes": True,
    "data": False,
    "data/memes/x": False,
    "#": False,
    "+/+": False,
    "$SYS/#": False,
    "$share/g/calendar/#": True,
    "$share/g/data/#": False,
}


@pytest.mark.parametrize("key", ["acl", "subscribe_acl"])
@BOTH
async def test_filters_are_refused_beside_granted_ones(clients: Clients, version: int, key: str) -> None:
    refused = REFUSED_5 if version == MQTT_5 else REFUSED_3
    async with checked(**{key: ACL}) as at:
        user = await clients(at, "u", "user1")
        assert await subscribed(user, *ASKED) == [
            GRANTED_0 if granted else refused for granted in ASKED.values()
        ]
        for name in (None, "user2", "+", "anonymous"):
            assert set(await subscribed(await clients(at, f"client-of-{name}", name), *ASKED)) == {refused}


@BOTH
async def test_a_granted_filter_never_brings_more_than_is_listed(clients: Clients, version: int) -> None:
    async with checked(acl={"u": ["a/+"]}, publish_acl={"p": ["#"]}) as at:
        user, publisher = await clients(at, "u", "u"), await clients(at, "p", "p")
        codes = await subscribed(user, "a/#", "a/+")
        assert codes == [REFUSED_5 if version == MQTT_5 else REFUSED_3, GRANTED_0]
        for topic in ("a/b/c", "a", "a/b"):
            publisher.publish(topic)
        await publisher.sync()
        assert await topics(user) == ["a/b"]


@BOTH
async def test_what_may_not_be_published_is_acknowledged_and_goes_nowhere(
    clients: Clients, version: int
) -> None:
    async with checked(acl={"anonymous": ["#"]}, publish_acl={"u": ["in/+"]}) as at:
        reader, user = await clients(at, "reader"), await clients(at, "u", "u")
        await subscribed(reader, "#")
        for number, topic in enumerate(("out", "in/1", "in", "in/1/2"), start=1):
            user.publish(topic, b"x", 1, retain=True, packet_id=number)
        codes = [(await user.expect(Puback)).reason_code for _ in range(4)]
        assert codes == ([0x87, 0, 0x87, 0x87] if version == MQTT_5 else [0, 0, 0, 0])
        user.publish("out")
        await user.sync()
        assert await topics(reader) == ["in/1"]
        later = await clients(at, "later")
        await subscribed(later, "#")
        assert await topics(later) == ["in/1"]


@BOTH
async def test_without_a_list_for_publishing_everybody_may(clients: Clients) -> None:
    async with checked(acl={"u": ["#"]}) as at:
        user, nobody = await clients(at, "u", "u"), await clients(at, "n")
        await subscribed(user, "#")
        nobody.publish("anything")
        await nobody.sync()
        assert await topics(user) == ["anything"]


RECEIVE = {"acl": {"u": ["#"], "anonymous": ["#"]}, "receive_acl": {"u": ["yes/#"], "anonymous": ["#"]}}
"""`u` may subscribe to everything and receive on `yes/…` alone."""


@BOTH
async def test_receiving_is_checked_for_live_messages(clients: Clients) -> None:
    async with checked(**RECEIVE) as at:
        user, publisher = await clients(at, "u", "u"), await clients(at, "p")
        assert await subscribed(user, "#") == [0]
        for topic in ("no", "yes/1", "no/yes"):
            publisher.publish(topic)
        await publisher.sync()
        assert await topics(user) == ["yes/1"]


@BOTH
async def test_receiving_is_checked_for_retained_messages(clients: Clients) -> None:
    async with checked(**RECEIVE) as at:
        user, publisher = await clients(at, "u", "u"), await clients(at, "p")
        for topic in ("no", "yes/1", "no/yes"):
            publisher.publish(topic, b"x", retain=True)
        await publisher.sync()
        assert await subscribed(user, "#") == [0]
        assert await topics(user) == ["yes/1"]


STORED: dict[int, dict[str, Any]] = {
    MQTT_3_1_1: {"clean_start": False},
    MQTT_5: {"clean_start": False, "session_expiry_interval": 100},
}


async def gone(at: Broker, client: RawClient) -> None:
    """The Client leaves without DISCONNECT, and the Broker knows."""
    left = asyncio.Event()
    at.server.events.on(ClientDisconnected, lambda _event: left.set())
    client.abort()
    async with asyncio.timeout(30):
        await left.wait()


@BOTH
async def test_receiving_is_checked_for_queued_messages(clients: Clients, version: int) -> None:
    async with checked(**RECEIVE) as at:
        user, publisher = await clients(at, "u", "u", **STORED[version]), await clients(at, "p")
        assert await subscribed(user, "#", qos=1) == [1]
        await gone(at, user)
        for number, topic in enumerate(("no", "yes/1", "no/yes"), start=1):
            publisher.publish(topic, b"x", 1, packet_id=number)
            await publisher.expect(Puback)
        again = await clients(at, "u", "u", **STORED[version])
        assert await topics(again) == ["yes/1"]


@BOTH
async def test_receiving_is_checked_for_shared_subscriptions(clients: Clients) -> None:
    async with checked(**RECEIVE) as at:
        user, publisher = await clients(at, "u", "u"), await clients(at, "p")
        assert await subscribed(user, "$share/g/#") == [0]
        for topic in ("no", "yes/1", "no/yes", "yes/2"):
            publisher.publish(topic)
        await publisher.sync()
        assert await topics(user) == ["yes/1", "yes/2"]


@BOTH
async def test_receiving_is_checked_for_will_messages(clients: Clients) -> None:
    async with checked(**RECEIVE) as at:
        user, witness = await clients(at, "u", "u"), await clients(at, "w")
        for client in (user, witness):
            assert await subscribed(client, "#") == [0]
        for number, topic in enumerate(("no", "yes/1")):
            dying = await clients(at, f"d{number}", will=WillFields(topic, b"x"))
            await gone(at, dying)
        assert await topics(witness) == ["no", "yes/1"]
        assert await topics(user) == ["yes/1"]


@pytest.mark.parametrize("topic", ["no", "$SYS/broker/fake"])
@BOTH
async def test_a_will_message_that_may_not_be_published_is_refused_at_connect(
    clients: Clients, topic: str
) -> None:
    async with checked(acl={}, publish_acl={"u": ["yes/#"]}) as at:
        await clients(at, "fine", "u", will=WillFields("yes/1", b"x"))
        dying = await clients.bare(at)
        connack = await dying.connect("d", username="u", will=WillFields(topic, b"x", retain=True))
        assert connack.reason_code == 0x87


# -- a stored Session under other Permissions

TWO_USERS = {
    "acl": {"alice": ["mail/#", "news"], "mallory": ["news", "+"], "anonymous": ["#"]},
    "publish_acl": {"anonymous": ["#"]},
}


async def left_by_alice(at: Broker, clients: Clients, version: int, unacknowledged: bool) -> RawClient:
    """A stored Session with messages for Alice, sent to her already or not; and the publisher."""
    alice, publisher = await clients(at, "shared-id", "alice", **STORED[version]), await clients(at, "p")
    assert await subscribed(alice, "mail/#", "news", qos=1) == [1, 1]
    if not unacknowledged:
        await gone(at, alice)
    for number, topic in enumerate(("mail/1", "news"), start=1):
        publisher.publish(topic, b"x", 1, packet_id=number)
        await publisher.expect(Puback)
    if unacknowledged:
        assert await topics(alice) == ["mail/1", "news"]
        await gone(at, alice)
    return publisher


@pytest.mark.parametrize("unacknowledged", [False, True])
@BOTH
async def test_who_resumes_anothers_session_gets_what_he_may_subscribe_to(
    clients: Clients, version: int, unacknowledged: bool
) -> None:
    async with checked("shared", **TWO_USERS) as at:
        publisher = await left_by_alice(at, clients, version, unacknowledged)
        mallory = await clients(at, "shared-id", "mallory", **STORED[version])
        assert await topics(mallory) == ["news"]
        publisher.publish("mail/2")
        publisher.publish("news")
        await publisher.sync()
        assert await topics(mallory) == ["news"]
        assert set(at.server.realm.sessions["shared-id"].subscriptions) == {"news"}


@pytest.mark.parametrize("unacknowledged", [False, True])
@BOTH
async def test_who_resumes_his_own_session_gets_everything(
    clients: Clients, version: int, unacknowledged: bool
) -> None:
    async with checked(**TWO_USERS) as at:
        await left_by_alice(at, clients, version, unacknowledged)
        alice = await clients(at, "shared-id", "alice", **STORED[version])
        assert await topics(alice) == ["mail/1", "news"]


@pytest.mark.parametrize("version", [MQTT_5])
async def test_after_what_was_inherited_messages_are_queued_as_ever(clients: Clients, version: int) -> None:
    queued: list[str] = []
    async with checked("shared", **TWO_USERS) as at:
        at.server.events.on(MessageQueued, lambda event: queued.append(event.message.topic))
        publisher = await left_by_alice(at, clients, version, unacknowledged=False)
        mallory = await clients(at, "shared-id", "mallory", **STORED[version])
        assert await topics(mallory) == ["news"]
        assert not at.server.realm.sessions["shared-id"].inherited
        await gone(at, mallory)
        publisher.publish("news", b"y", 1, packet_id=5)
        await publisher.expect(Puback)
        again = await clients(at, "shared-id", "mallory", **STORED[version])
        assert await topics(again) == ["news", "news"]
    assert queued == ["mail/1", "news", "news"]


# -- keys of aMQTT that limit


@BOTH
async def test_max_qos_is_the_highest_that_is_granted(clients: Clients) -> None:
    async with broker(**{"max-qos": 1}) as at:
        assert await subscribed(await clients(at, "c"), "a", "b", qos=2) == [1, 1]


@pytest.mark.parametrize(
    ("key", "seconds", "present"),
    [
        ("session_expiry_interval", 0, False),
        ("session-expiry-interval", 60, True),
        ("session_expiry_interval", None, True),
    ],
)
@BOTH
async def test_session_expiry_interval_is_how_long_a_session_is_kept(
    clients: Clients, version: int, key: str, seconds: int | None, present: bool
) -> None:
    async with broker(**{key: seconds}) as at:
        await gone(at, await clients(at, "c", **STORED[version]))
        client = await clients.bare(at)
        assert (await client.connect("c", **STORED[version])).session_present is present
