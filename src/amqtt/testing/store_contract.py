"""What every SessionStore has to do: subclass StoreContract in a test module, and give it a store."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from amqtt.abc import Batch, SessionStore
from amqtt.message import NEVER, Message
from amqtt.sessions.inflight import AWAITS_PUBACK, AWAITS_PUBCOMP, AWAITS_PUBREC
from amqtt.sessions.journal import StoredEntry, StoredSession, StoredWill
from amqtt.topics.subscriptions import Subscription
from amqtt.wire.encoder import properties_bytes
from amqtt.wire.packets import PUBLISH, WillFields
from amqtt.wire.properties import WILL, Properties

DEADLINE = 30.0
"""Seconds that one test may take; long, because they only pass when it fails."""


class StoreContract(ABC):
    """The tests; each begins with an empty store."""

    @abstractmethod
    def store(self) -> SessionStore:
        """A new object for the same place, which is empty when a test calls this for the first time."""

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(work, DEADLINE))

    async def _reopened(self, *batches: Batch) -> Batch:
        """What is there after a store that committed these Batches was closed and opened again."""
        store = self.store()
        await store.open()
        for batch in batches:
            await store.commit(batch)
        await store.close()
        return await self._read()

    async def _read(self) -> Batch:
        store = self.store()
        kept = await store.open()
        await store.close()
        return kept

    def test_a_new_store_is_empty(self) -> None:
        async def work() -> None:
            assert len(await self._read()) == 0

        self._run(work())

    def test_everything_that_was_committed_is_there_again(self) -> None:
        async def work() -> None:
            assert contents(await self._reopened(everything())) == contents(everything())

        self._run(work())

    def test_what_was_committed_is_there_though_the_store_was_not_closed_by_then(self) -> None:
        async def work() -> None:
            store = self.store()
            await store.open()
            await store.commit(everything())
            await store.close()
            again = self.store()
            assert contents(await again.open()) == contents(everything())
            await again.close()

        self._run(work())

    def test_a_later_batch_replaces_what_it_names(self) -> None:
        async def work() -> None:
            later = Batch(2)
            later.sessions[1] = StoredSession("c1", "another", 60, 17.25)
            later.subscriptions[(1, "a/+")] = Subscription("a/+", 0)
            later.entries[5] = StoredEntry(1, 4, 2, False, AWAITS_PUBCOMP, 12)
            later.retained["r"] = Message("r", b"later", 0, True)
            later.wills[1] = StoredWill(WillFields("w", b"later"), 99.5)
            expected = everything()
            expected.sessions.update(later.sessions)
            expected.subscriptions.update(later.subscriptions)
            expected.entries.update(later.entries)
            expected.retained.update(later.retained)
            expected.wills.update(later.wills)
            assert contents(await self._reopened(everything(), later)) == contents(expected)

        self._run(work())

    def test_a_later_batch_removes_what_it_names_none(self) -> None:
        async def work() -> None:
            gone = Batch(2)
            whole = everything()
            gone.sessions.update(dict.fromkeys(whole.sessions))
            gone.subscriptions.update(dict.fromkeys(whole.subscriptions))
            gone.messages.update(dict.fromkeys(whole.messages))
            gone.entries.update(dict.fromkeys(whole.entries))
            gone.received.update(dict.fromkeys(whole.received, False))
            gone.retained.update(dict.fromkeys(whole.retained))
            gone.wills.update(dict.fromkeys(whole.wills))
            assert len(await self._reopened(whole, gone)) == 0

        self._run(work())

    def test_to_remove_what_is_not_there_changes_nothing(self) -> None:
        async def work() -> None:
            stranger = Batch(2)
            stranger.sessions[77] = None
            stranger.subscriptions[(77, "no/such")] = None
            stranger.messages[78] = None
            stranger.entries[79] = None
            stranger.received[(77, 1)] = False
            stranger.retained["no/such"] = None
            stranger.wills[77] = None
            assert contents(await self._reopened(everything(), stranger)) == contents(everything())

        self._run(work())

    def test_a_batch_may_be_given_again(self) -> None:
        async def work() -> None:
            assert contents(await self._reopened(everything(), everything())) == contents(everything())

        self._run(work())

    def test_entries_come_in_the_order_of_their_numbers(self) -> None:
        async def work() -> None:
            batch = Batch(1)
            batch.sessions[1] = StoredSession("c", None, 60)
            batch.messages[2] = Message("t", b"x", 1)
            for number in (300, 9, 1000, 10, 256, 3):
                batch.entries[number] = StoredEntry(1, 2, 1, False)
            assert list((await self._reopened(batch)).entries) == [3, 9, 10, 256, 300, 1000]

        self._run(work())

    def test_many_records_of_each_kind_fit_in_one_batch(self) -> None:
        async def work() -> None:
            batch = Batch(1)
            for number in range(1, 1001):
                batch.sessions[number] = StoredSession(f"c{number}", None, 60)
                batch.subscriptions[(number, "t")] = Subscription("t", 1)
                batch.messages[number + 1000] = Message("t", b"%d" % number, 1)
                batch.entries[number + 2000] = StoredEntry(number, number + 1000, 1, False)
                batch.received[(number, 65535)] = True
                batch.retained[f"r/{number}"] = Message(f"r/{number}", b"x", 1, True)
                batch.wills[number] = StoredWill(WillFields("w", b""))
            assert contents(await self._reopened(batch)) == contents(batch)

        self._run(work())

    def test_payloads_are_kept_to_the_byte(self) -> None:
        async def work() -> None:
            batch = Batch(1)
            batch.retained["all"] = Message("all", bytes(range(256)), 2, True)
            batch.retained["large"] = Message("large", bytes(range(256)) * 8192, 2, True)
            assert contents(await self._reopened(batch)) == contents(batch)

        self._run(work())

    def test_who_retained_a_message_is_kept_and_so_is_that_he_has_no_name_or_nobody_did(self) -> None:
        async def work() -> None:
            batch = Batch(1)
            for topic, owner in (("named", "user"), ("without a name", ""), ("the program's", None)):
                batch.retained[topic] = Message(topic, b"x", 1, True, publisher="c", owner=owner)
            later = Batch(2)
            later.retained["named"] = Message("named", b"y", 1, True, publisher="c", owner="another")
            kept = (await self._reopened(batch, later)).retained
            owners = {topic: message.owner for topic, message in kept.items() if message is not None}
            assert owners == {"named": "another", "without a name": "", "the program's": None}

        self._run(work())

    def test_close_may_be_called_twice(self) -> None:
        async def work() -> None:
            store = self.store()
            await store.open()
            await store.close()
            await store.close()

        self._run(work())


def everything() -> Batch:
    """A Batch with at least one record of each kind, with everything that a record can have."""
    properties = Properties()
    properties.payload_format_indicator = 1
    properties.content_type = "text/plain"
    properties.response_topic = "answer/ü"
    properties.correlation_data = b"\x00\xff"
    properties.user_properties = (("a", "1"), ("a", "2"), ("ü", ""))
    will_properties = Properties()
    will_properties.will_delay_interval = 7
    will_properties.message_expiry_interval = 30
    batch = Batch(1)
    batch.sessions[1] = StoredSession("c1", "user", 3600)
    batch.sessions[2] = StoredSession("ü\N{GRINNING FACE}", None, 0xFFFFFFFF, 1_700_000_000.125)
    batch.subscriptions[(1, "a/+")] = Subscription("a/+", 2, no_local=True, identifier=268_435_455)
    batch.subscriptions[(1, "$share/g/b/#")] = Subscription("b/#", 1, retain_as_published=True)
    batch.subscriptions[(2, "#")] = Subscription("#")
    batch.messages[3] = Message("a/b", b"payload", 2, True, properties, 1_700_000_060.5, "c2")
    batch.messages[4] = Message("b", b"", 1)
    batch.entries[5] = StoredEntry(1, 4, 1, True, AWAITS_PUBACK, 65535, (1, 268_435_455))
    batch.entries[6] = StoredEntry(1, 3, 2, False, AWAITS_PUBREC, 1, (), "$share/g/b/#")
    batch.entries[7] = StoredEntry(2, 3, 2, False)
    batch.received[(1, 1)] = True
    batch.received[(1, 65535)] = True
    batch.retained["r"] = Message("r", b"kept", 1, True, properties, NEVER, "c1", "user ü")
    batch.retained["/"] = Message("/", b"\x00", 0, True, owner="")
    batch.wills[1] = StoredWill(WillFields("w", b"gone", 2, True, will_properties))
    batch.wills[2] = StoredWill(WillFields("w/2", b""), 1_700_000_030.0)
    return batch


def contents(batch: Batch) -> dict[str, object]:
    """What a Batch says, in a form that can be compared."""
    return {
        "sessions": {
            number: (stored.client_id, stored.owner, stored.expiry_interval, stored.ends_at)
            for number, stored in batch.sessions.items() if stored is not None
        },
        "subscriptions": {
            key: (each.topic_filter, each.qos, each.no_local, each.retain_as_published, each.identifier)
            for key, each in batch.subscriptions.items() if each is not None
        },
        "messages": {key: _message(each) for key, each in batch.messages.items() if each is not None},
        "entries": {
            number: (
                entry.session, entry.message, entry.qos, entry.retain, entry.state, entry.packet_id,
                entry.identifiers, entry.group,
            )
            for number, entry in batch.entries.items() if entry is not None
        },
        "received": {key for key, received in batch.received.items() if received},
        "retained": {key: _message(each) for key, each in batch.retained.items() if each is not None},
        "wills": {
            session: (
                will.fields.topic, will.fields.payload, will.fields.qos, will.fields.retain,
                _properties(will.fields.properties, WILL), will.due,
            )
            for session, will in batch.wills.items() if will is not None
        },
    }


def _message(message: Message) -> tuple[object, ...]:
    return (
        message.topic, message.payload, message.qos, message.retain, _properties(message.properties, PUBLISH),
        message.expires_at, message.publisher, message.owner,
    )


def _properties(properties: Properties | None, bearer: int) -> bytes:
    return b"" if properties is None else properties_bytes(properties, bearer)
