"""A configuration that is read again: who is in is held to it, and a bad one changes nothing."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from amqtt.access.password_lines import changing
from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.reloading import files_of
from amqtt.server.events import PacketReceived
from amqtt.wire.packets import Disconnect, Publish
from support.opener import Opener
from support.raw_client import RawClient
from support.tls import Authority

SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
RIGHT = b"secret word"
LISTENERS = {"test": {"bind": "127.0.0.1:0"}}


def config(**sections: object) -> Mapping[str, object]:
    return {"listeners": LISTENERS, "sys_interval": 0, **sections}


def rules(**lists: list[str]) -> Mapping[str, object]:
    return {
        "enabled": True, "plugins": ["topic_acl"], "acl": lists, "publish-acl": "same", "receive-acl": "same",
    }  # fmt: skip


def users(path: Path, *names: str) -> Path:
    path.unlink(missing_ok=True)
    with changing(path) as lines:
        for name in names:
            lines.put(name, SHA_CRYPT)
        lines.write()
    return path


async def as_user(opener: Opener, broker: Broker, name: str | None) -> RawClient:
    client = await opener(broker)
    password = None if name is None else RIGHT
    assert (await client.connect(name or "nameless", username=name, password=password)).reason_code == 0
    return client


async def test_what_is_granted_no_more_ends_at_once(opener: Opener) -> None:
    # That anybody may state a name is told as a notice, and meant here.
    anybody = {"allow-anonymous": True}
    before = config(auth=anybody, **{"topic-check": rules(alice=["a/#", "b"])})
    async with Broker(before) as broker:
        alice = await as_user(opener, broker, "alice")
        await alice.subscribe("a/#")
        await alice.subscribe("b")
        broker.reload(config(auth=anybody, **{"topic-check": rules(alice=["b", "c"])}))
        broker.publish("a/1", b"secret")
        broker.publish("b", b"shown")
        assert (await alice.expect(Publish)).topic == "b"
        assert (await alice.subscribe("c")).reason_codes == [0]
        assert (await alice.subscribe("a/1")).reason_codes == [0x87]


async def test_topic_rules_that_begin_or_end_count_for_who_is_in(opener: Opener) -> None:
    anybody = {"allow-anonymous": True}
    async with Broker(config(auth=anybody)) as broker:
        alice = await as_user(opener, broker, "alice")
        await alice.subscribe("a")
        broker.reload(config(auth=anybody, **{"topic-check": rules(alice=["b"])}))
        assert (await alice.subscribe("a")).reason_codes == [0x87]
        broker.reload(config(auth=anybody))
        assert (await alice.subscribe("a")).reason_codes == [0]


async def test_a_user_who_is_gone_is_told_so_and_others_stay(opener: Opener, tmp_path: Path) -> None:
    auth = {"allow-anonymous": False, "password-file": users(tmp_path / "p", "alice", "bob")}
    async with Broker(config(auth=auth)) as broker:
        alice, bob = await as_user(opener, broker, "alice"), await as_user(opener, broker, "bob")
        users(tmp_path / "p", "alice")
        broker.reload()
        assert (await bob.expect(Disconnect)).reason_code == 0x87
        await bob.expect_closed()
        await alice.sync()
        late = await opener(broker)
        refused = await late.connect("bob", username="bob", password=RIGHT)
        assert refused.reason_code == 0x86


class Granting:
    """A plugin of aMQTT that is asked about topics, and grants all of them."""

    async def topic_filtering(self, *, session: object, topic: object, action: object) -> bool:
        return True


async def test_a_user_who_is_gone_leaves_also_where_plugins_are_asked_about_topics(
    opener: Opener, tmp_path: Path
) -> None:
    auth = {"allow-anonymous": False, "password-file": users(tmp_path / "p", "alice", "bob")}
    sections = {"auth": auth, "topic-check": {"enabled": True, "plugins": [Granting()]}}
    async with Broker(config(**sections)) as broker:
        alice, bob = await as_user(opener, broker, "alice"), await as_user(opener, broker, "bob")
        for client in (alice, bob):
            await client.subscribe("#")
        for topic, client in (("alices", alice), ("bobs", bob)):
            client.publish(topic, b"x", retain=True)
            await client.sync()
        users(tmp_path / "p", "alice")
        broker.reload()
        assert isinstance((await bob.expect_closed())[-1], Disconnect)
        assert [message.topic for message in broker.server.retained] == ["alices"]
        assert list(broker.server.realm.sessions) == ["alice"]
        assert list(broker.server.realm.sessions["alice"].subscriptions) == ["#"]


async def test_who_has_no_name_must_leave_when_a_name_is_asked_for(opener: Opener, tmp_path: Path) -> None:
    file = users(tmp_path / "p", "alice")
    open_to_all = config(auth={"allow-anonymous": True, "password-file": file})
    async with Broker(open_to_all) as broker:
        alice, nobody = await as_user(opener, broker, "alice"), await as_user(opener, broker, None)
        broker.reload(config(auth={"allow-anonymous": False, "password-file": file}))
        assert (await nobody.expect(Disconnect)).reason_code == 0x87
        await alice.sync()


async def test_what_was_asked_before_is_still_answered(opener: Opener, tmp_path: Path) -> None:
    auth = {"allow-anonymous": False, "password-file": users(tmp_path / "p", "alice")}
    async with Broker(config(auth=auth)) as broker:
        client = await opener(broker)
        answer = client.connect("a", username="alice", password=RIGHT)
        broker.reload(config(auth=auth))
        assert (await answer).reason_code == 0


@pytest.mark.parametrize(
    "sections",
    [
        {"limits": {"maximum-qos": 3}},
        {"auth": {"allow-anonymous": False, "password-file": "/no/such/file"}},
        {"auth": {"plugins": ["nobody"]}},
        {"topic-check": {"acl-file": "/no/such/file"}},
        {"topic-chek": {}},
    ],
)
async def test_a_bad_configuration_changes_nothing(opener: Opener, sections: dict[str, object]) -> None:
    async with Broker(config(auth={"allow-anonymous": True})) as broker:
        client = await as_user(opener, broker, "alice")
        before = broker.config
        with pytest.raises(BrokerError):
            broker.reload(config(**sections))
        assert broker.config is before
        await client.sync()
        await as_user(opener, broker, "bob")
        broker.reload()
        assert broker.config.auth == before.auth


async def test_limits_count_for_who_comes_afterwards(opener: Opener) -> None:
    async with Broker(config(auth={"allow-anonymous": True})) as broker:
        await as_user(opener, broker, "alice")
        broker.reload(config(auth={"allow-anonymous": True}, limits={"maximum-qos": 1, "receive-maximum": 7}))
        client = await opener(broker)
        given = (await client.connect("b")).properties
        assert given is not None
        assert (given.maximum_qos, given.receive_maximum) == (1, 7)


async def test_certificates_are_read_again(opener: Opener, tmp_path: Path) -> None:
    first, second = Authority(tmp_path), tmp_path / "second"
    second.mkdir()
    other = Authority(second)
    keys = {"ssl": True, "certfile": first.certfile, "keyfile": first.keyfile}
    listeners = {"test": {"bind": "127.0.0.1:0", **keys}}
    auth = {"allow-anonymous": True}
    async with Broker({"listeners": listeners, "auth": auth}) as broker:
        address = broker.listeners["test"].addresses[0]
        old = await RawClient.open(address, tls=first.client_context())
        await old.connect("old")
        shutil.copyfile(other.certfile, first.certfile)
        with pytest.raises(BrokerError, match="is not the key of"):
            broker.reload()
        shutil.copyfile(other.keyfile, first.keyfile)
        assert broker.reload() == []
        new = await RawClient.open(address, tls=other.client_context())
        await new.connect("new")
        await old.sync()
        for client in (old, new):
            await client.close()


async def test_what_takes_a_restart_is_said(opener: Opener) -> None:
    async with Broker(config()) as broker:
        listeners = {"test": {"bind": "127.0.0.1:0", "max-connections": 3}, "more": {"bind": "127.0.0.1:0"}}
        assert broker.reload(config(listeners=listeners, theirs={"a": 1})) == [
            "listeners.more: it is new; that takes a restart",
            "listeners.test: where or how it listens has changed; that takes a restart",
            "theirs: plugins have read it when they started; that takes a restart",
        ]
        assert list(broker.listeners) == ["test"]


async def test_a_section_that_is_gone_is_named(opener: Opener) -> None:
    async with Broker(config(mine={"a": 1}, other={"b": 2})) as broker:
        (said,) = broker.reload(config(other={"b": 2}))
    assert said.startswith("mine: plugins have read it")


async def test_what_is_of_concern_only_now_is_said_and_who_may_connect_now(
    caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Broker(config(auth={"allow-anonymous": False})) as broker:
        caplog.clear()
        broker.reload(config(limitz={}))
        broker.reload(config(limitz={}))
        said = caplog.messages
    assert [text for text in said if "limitz" in text] == [
        "limitz: it is left to plugins (did you mean 'limits'?)"
    ]
    assert said.count("Anyone who reaches a listener may connect") == 1


async def test_traces_and_sys_topics_begin_and_end(tmp_path: Path) -> None:
    async with Broker(config()) as broker:
        trace = [{"file": tmp_path / "t"}]
        broker.reload({"listeners": LISTENERS, "sys_interval": 5, "trace": trace})
        assert broker.server.events.wanted(PacketReceived)
        assert broker.server.retained.get("$SYS/broker/version") is not None
        broker.reload(config())
        assert not broker.server.events.wanted(PacketReceived)


async def test_one_that_does_not_run_begins_with_what_was_read(tmp_path: Path) -> None:
    broker = Broker(config())
    broker.reload(config(limits={"maximum-qos": 1}))
    assert broker.config.limits.maximum_qos == 1
    async with broker:
        assert broker.server.limits.maximum_qos == 1


def test_the_files_of_a_configuration_are_known() -> None:
    keys = {"ssl": True, "certfile": "/c", "keyfile": "/k", "cafile": "/a", "crlfile": "/r"}
    pairs = {"x.example": {"certfile": "/c2", "keyfile": "/k2"}}
    broker = Broker(
        {
            "listeners": {"test": {"bind": 1, **keys, "server-names": pairs}},
            "auth": {"password-file": "/p", "scram-file": "/s"}, "topic-check": {"acl-file": "/l"},
        }
    )  # fmt: skip
    assert {str(file) for file in files_of(broker.config)} == {
        "/c", "/k", "/a", "/r", "/c2", "/k2", "/p", "/s", "/l",
    }  # fmt: skip
