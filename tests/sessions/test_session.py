"""A Session and its Link: what is sent now, what waits, what is dropped (MQTT 5.0, 4.1, 4.3, 4.4, 4.9)."""

import pytest

from amqtt.message import NEVER, Message, MessageRun
from amqtt.sessions.aliases import OutgoingAliases
from amqtt.sessions.backlog import Backlog
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from amqtt.sessions.link import RETAINED_PER_TURN
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import RetainedDelivery, Session
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.subscriptions import Target
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_3_1_1,
    MQTT_5,
    PUBACK,
    PUBCOMP,
    PUBREC,
    Packet,
    Publish,
    PublishRun,
    Pubrel,
)
from support.packet_cases import described
from support.raw_client import properties
from support.reading_peer import ReadingPeer


class Talk:
    """A Session, and the Client at the other end of its Link."""

    def __init__(self, maximum_messages: int = 100, maximum_bytes: int = 100_000) -> None:
        self.counters = Counters()
        backlog = Backlog(maximum_messages, maximum_bytes, self.counters)
        self.session = Session("me", Permissions(), backlog, self.counters)
        self.peer = ReadingPeer()
        self.retained = RetainedMessages(10_000, 1_000_000)
        self._number = 0

    def attach(
        self,
        quota: int = 100,
        version: int = MQTT_5,
        maximum_unsent: int = 1_000_000,
        maximum_packet_size: int = LARGEST_PACKET,
        aliases: int = 0,
    ) -> None:
        turn = self.peer.turn
        self.peer = ReadingPeer(turn, maximum_unsent, self.session.pump)
        outgoing = OutgoingAliases(aliases) if aliases else None
        self.session.attach(self.peer.link, version, quota, maximum_packet_size, outgoing)
        self.session.pump()

    def detach(self) -> None:
        self.session.detach()

    def give(
        self, count: int = 1, qos: int = 1, topic: str = "t", size: int = 0, **message: object
    ) -> list[bool]:
        """Deliver messages; their payloads are numbers that go on."""
        taken = []
        for _ in range(count):
            payload = (b"%d" % self._number).ljust(size)
            self._number += 1
            given = Message(topic, payload, qos, **message)  # type: ignore[arg-type]
            taken.append(self.session.deliver(given, Target(self.session, 2)))
        return taken

    def packets(self) -> list[Packet]:
        decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, self.session.version)
        packets = decoder.feed(b"".join(self.peer.take()))
        assert decoder.error is None
        return packets

    def numbers(self) -> list[int]:
        """The payloads of what was sent since the last time."""
        return [int(packet.payload) for packet in self.packets() if isinstance(packet, Publish)]

    def retain(self, count: int) -> None:
        for number in range(count):
            self.retained.keep(Message(f"r/{number}", b"%d" % number, 1, True))

    def owe(self, topic_filter: str = "r/#", qos: int = 1) -> None:
        target = Target(self.session, qos, True)
        self.session.retained[topic_filter] = RetainedDelivery(self.retained.match(topic_filter), target)


@pytest.fixture
def talk() -> Talk:
    return Talk()


# -- delivery: the one gate


def run_of(
    version: int, sizes: tuple[int, ...] = (1, 9, 200), publisher: str = "p", qos: int = 0
) -> MessageRun:
    wire = [
        encode(Publish("t", bytes(size), qos, packet_id=qos and n), version)
        for n, size in enumerate(sizes, 1)
    ]
    decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
    (run,) = decoder.feed_joined(b"".join(wire))
    assert isinstance(run, PublishRun)
    return MessageRun(run, version, publisher)


RUN_CASES: dict[str, dict[str, object]] = {
    "plain": {},
    "older": {"version": MQTT_3_1_1},
    "aliases": {"aliases": 3},
    "identifiers": {"identifiers": (7, 9)},
    "too large for some": {"maximum_packet_size": 100},
    "no room": {"maximum_unsent": 1},
    "not permitted": {"permissions": "none"},
    "own messages": {"no_local": True, "publisher": "me"},
    "messages of others": {"no_local": True},
    "away": {"away": True},
    "a quota for some": {"quota": 2},
}


@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("publishing", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("case", RUN_CASES)
def test_a_run_is_delivered_as_its_messages_would_be_one_by_one(
    case: str, publishing: int, qos: int, granted: int
) -> None:
    options = dict(RUN_CASES[case])
    identifiers, publisher = options.pop("identifiers", ()), options.pop("publisher", "p")
    no_local, away = options.pop("no_local", False), options.pop("away", False)
    permissions = options.pop("permissions", None)
    outcomes = []
    for joined in (True, False):
        talk = Talk()
        if permissions:
            talk.session.permissions = Narrow()
        if not away:
            talk.attach(**options)  # type: ignore[arg-type]
        target = Target(talk.session, granted, identifiers=identifiers)  # type: ignore[arg-type]
        if no_local:
            target.local = None
        run = run_of(publishing, publisher=str(publisher), qos=qos)
        if joined:
            talk.session.deliver_run(run, target)
        else:
            for message in run.messages():
                talk.session.deliver(message, target)
        counted = {name: getattr(talk.counters, name) for name in dir(talk.counters) if name[0] != "_"}
        outcomes.append((described(talk.packets()), counted))
    assert outcomes[0] == outcomes[1]


def test_a_run_goes_out_as_it_arrived(talk: Talk) -> None:
    talk.attach()
    run = run_of(MQTT_5)
    talk.session.deliver_run(run, Target(talk.session, 0))
    assert talk.peer.link.chunks == [run.plain(MQTT_5)]
    assert talk.peer.link.joined == 2


QOS = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1), (2, 0, 0), (2, 1, 1), (2, 2, 2)]


@pytest.mark.parametrize(("published", "granted", "delivered"), QOS)
def test_the_qos_is_the_lower_one_of_what_was_published_and_granted(
    talk: Talk, published: int, granted: int, delivered: int
) -> None:
    talk.attach()
    assert talk.session.deliver(Message("t", b"p", published), Target(talk.session, granted))
    (packet,) = talk.packets()
    assert isinstance(packet, Publish)
    assert (packet.qos, packet.packet_id, packet.dup) == (delivered, 1 if delivered else 0, False)


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("qos", [0, 1])
def test_retain_is_sent_as_published_only_where_that_was_asked_for(
    talk: Talk, retain: bool, as_published: bool, qos: int
) -> None:
    talk.attach()
    talk.session.deliver(Message("t", b"p", qos, retain), Target(talk.session, 2, as_published))
    (packet,) = talk.packets()
    assert isinstance(packet, Publish)
    assert packet.retain is (retain and as_published)


@pytest.mark.parametrize("publisher", ["me", "another"])
def test_no_local_keeps_a_client_from_what_it_published(talk: Talk, publisher: str) -> None:
    talk.attach()
    target = Target(talk.session, 1, identifiers=(1, 2))
    target.local = None
    assert talk.session.deliver(Message("t", b"p", 1, publisher=publisher), target)
    assert len(talk.packets()) == (0 if publisher == "me" else 1)


def test_no_local_leaves_the_other_subscriptions_of_the_client(talk: Talk) -> None:
    talk.attach()
    target = Target(talk.session, 1, identifiers=(1, 2))
    target.local = Target(talk.session, 0, identifiers=(2,))
    assert talk.session.deliver(Message("t", b"p", 1, publisher="me"), target)
    (packet,) = talk.packets()
    assert isinstance(packet, Publish)
    assert (packet.qos, packet.properties.subscription_identifiers) == (0, (2,))


class Narrow(Permissions):
    receives_everything = False

    def may_receive(self, topic: str) -> bool:
        return topic == "open"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_permissions_see_the_topic_of_every_delivery(talk: Talk, qos: int) -> None:
    talk.session.permissions = Narrow()
    talk.attach()
    assert talk.give(qos=qos, topic="closed") == [False]
    assert talk.give(qos=qos, topic="open") == [True]
    assert talk.numbers() == [1]
    assert talk.counters.dropped_refused == 1
    talk.detach()
    assert talk.give(qos=qos, topic="closed") == [False]
    assert len(talk.session.backlog) == 0


def test_qos_0_is_not_kept_for_a_client_that_is_not_there(talk: Talk) -> None:
    assert talk.give(qos=0) == [False]
    talk.attach()
    assert talk.packets() == []
    assert talk.counters.dropped_full == 0


# -- the Client's Maximum Packet Size

@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize(("spare", "sent"), [(-1, False), (0, True), (1, True)])
def test_what_exceeds_the_maximum_packet_size_is_dropped_as_if_it_had_been_sent(
    talk: Talk, qos: int, spare: int, sent: bool
) -> None:
    size = len(Message("t", bytes(100)).packet(MQTT_5, 0.0, qos, packet_id=1))
    talk.attach(quota=1, maximum_packet_size=size + spare)
    assert talk.give(3, qos, size=100) == [True] * 3
    assert len(talk.packets()) == (0 if not sent else 3 if qos == 0 else 1)
    assert talk.counters.dropped_too_large == (0 if sent else 3)
    assert talk.session.inflight.unacknowledged == (1 if sent and qos else 0)


def test_what_waited_and_is_too_large_now_does_not_stop_what_follows(talk: Talk) -> None:
    talk.give(1)
    talk.give(1, size=200)
    talk.give(1)
    talk.attach(quota=1, maximum_packet_size=100)
    assert talk.numbers() == [0]
    talk.session.acknowledged(PUBACK, 1, 0)
    assert talk.numbers() == [2]
    assert talk.counters.dropped_too_large == 1


def test_what_was_sent_before_and_is_too_large_now_is_sent_no_more(talk: Talk) -> None:
    talk.attach()
    talk.give(1, size=200)
    talk.give(1)
    talk.detach()
    talk.attach(quota=1, maximum_packet_size=100)
    assert talk.numbers() == [1]
    assert (len(talk.session.inflight), talk.counters.dropped_too_large) == (1, 1)
    talk.session.acknowledged(PUBACK, 2, 0)
    assert talk.counters.inflight_out == 0


# -- Topic Aliases

def test_an_alias_is_used_for_every_qos_and_is_gone_with_the_network_connection(talk: Talk) -> None:
    talk.attach(aliases=4)
    for qos in (0, 1, 2):
        talk.give(qos=qos, topic="topic")
    topics = [(each.topic, each.properties and each.properties.topic_alias) for each in talk.packets()]
    assert topics == [("topic", 1), ("", 1), ("", 1)]
    talk.detach()
    talk.attach(aliases=4)
    again = [(each.topic, each.properties and each.properties.topic_alias) for each in talk.packets()]
    assert again == [("topic", 1), ("", 1)]


def test_an_alias_that_would_make_a_packet_too_large_is_left_out(talk: Talk) -> None:
    size = len(Message("topic", bytes(10)).packet(MQTT_5, 0.0))
    talk.attach(aliases=4, maximum_packet_size=size)
    talk.give(3, qos=0, topic="topic", size=10)
    assert [(each.topic, each.properties) for each in talk.packets()] == [("topic", None)] * 3
    assert talk.counters.dropped_too_large == 0


# -- the send quota

@pytest.mark.parametrize("quota", [1, 2, 7])
@pytest.mark.parametrize("qos", [1, 2])
def test_there_are_never_more_unacknowledged_than_the_send_quota(talk: Talk, quota: int, qos: int) -> None:
    talk.attach(quota)
    talk.give(20, qos)
    seen: list[int] = []
    while len(seen) < 20:
        packets = [each for each in talk.packets() if isinstance(each, Publish)]
        assert len(packets) == min(quota, 20 - len(seen))
        for packet in packets:
            seen.append(int(packet.payload))
            if qos == 1:
                assert talk.session.acknowledged(PUBACK, packet.packet_id, 0)
            else:
                assert talk.session.acknowledged(PUBREC, packet.packet_id, 0)
                assert talk.session.acknowledged(PUBCOMP, packet.packet_id, 0)
    assert seen == list(range(20))
    assert (talk.counters.inflight_out, talk.counters.queued_messages) == (0, 0)


def test_qos_0_needs_no_quota(talk: Talk) -> None:
    talk.attach(1)
    talk.give(2, 1)
    talk.give(2, 0)
    assert talk.numbers() == [0, 2, 3]


def test_a_pubrec_gives_no_quota_back_and_one_that_refuses_does(talk: Talk) -> None:
    talk.attach(1)
    talk.give(3, 2)
    assert talk.numbers() == [0]
    talk.session.acknowledged(PUBREC, 1, 0)
    assert [type(each) for each in talk.packets()] == [Pubrel]
    talk.session.acknowledged(PUBCOMP, 1, 0)
    assert talk.numbers() == [1]
    talk.session.acknowledged(PUBREC, 2, 0x83)
    assert talk.numbers() == [2]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_pubrec_that_nobody_waits_for_is_answered_and_changes_nothing(talk: Talk, version: int) -> None:
    talk.attach(version=version)
    talk.give(1, 1)
    talk.packets()
    assert not talk.session.acknowledged(PUBREC, 1, 0)
    assert not talk.session.acknowledged(PUBREC, 9, 0)
    codes = [(each.packet_id, each.reason_code) for each in talk.packets() if isinstance(each, Pubrel)]
    assert codes == [(1, 0x92), (9, 0x92)] if version == MQTT_5 else [(1, 0), (9, 0)]
    assert not talk.session.acknowledged(PUBREC, 9, 0x80)
    assert not talk.session.acknowledged(PUBACK, 9, 0)
    assert talk.packets() == []
    assert talk.session.inflight.unacknowledged == 1


def test_it_is_available_when_it_can_be_sent_to_at_once(talk: Talk) -> None:
    session = talk.session
    seen = [session.available]
    talk.attach(2)
    seen.append(session.available)
    talk.give(2)
    seen.append(session.available)
    session.acknowledged(PUBACK, 1, 0)
    seen.append(session.available)
    talk.peer.link.full = True
    seen.append(session.available)
    talk.peer.link.full = False
    talk.detach()
    seen.append(session.available)
    assert seen == [False, True, False, True, False, False]


def test_it_is_not_available_while_other_messages_wait(talk: Talk) -> None:
    talk.give(1)
    session = talk.session
    session.attach(talk.peer.link, MQTT_5, 100, LARGEST_PACKET, None)
    assert session.available is False
    session.pump()
    assert len(session.backlog) == 0
    assert talk.give(1) == [True]
    assert talk.numbers() == [0, 1]


# -- expiry

def test_an_expired_message_is_not_sent_and_takes_no_quota(talk: Talk) -> None:
    talk.give(1, expires_at=10.0)
    talk.give(1, expires_at=30.0)
    talk.give(1)
    talk.peer.turn.now = 10.0
    talk.attach(quota=1)
    assert talk.numbers() == [1]
    talk.peer.turn.now = 30.0
    talk.session.acknowledged(PUBACK, 1, 0)
    assert talk.numbers() == [2]
    assert talk.counters.dropped_expired == 1


def test_a_message_does_not_expire_once_it_was_sent(talk: Talk) -> None:
    talk.attach()
    talk.give(1, 2, expires_at=10.0)
    talk.give(1, 1, expires_at=10.0)
    talk.detach()
    talk.peer.turn.now = 50.0
    talk.attach()
    packets = talk.packets()
    assert [each.dup for each in packets] == [True, True]
    assert [each.properties.message_expiry_interval for each in packets] == [0, 0]


# -- a Client that reads slowly

def test_qos_0_is_dropped_and_counted_while_the_link_is_full(talk: Talk) -> None:
    talk.attach(maximum_unsent=1_000)
    talk.peer.stop()
    taken = talk.give(20, qos=0, size=100)
    sent = taken.count(True)
    assert taken == [True] * sent + [False] * (20 - sent)
    assert 9 <= sent <= 11
    assert (talk.counters.delivered, talk.counters.dropped_full) == (sent, 20 - sent)
    talk.peer.go_on()
    assert talk.give(1, qos=0) == [True]
    assert talk.numbers() == [*range(sent), 20]


@pytest.mark.parametrize("qos", [1, 2])
def test_qos_1_and_2_are_queued_and_nothing_is_lost_or_out_of_order(talk: Talk, qos: int) -> None:
    talk.attach(maximum_unsent=1_000)
    talk.peer.stop()
    assert talk.give(60, qos, size=100) == [True] * 60
    assert talk.counters.queued_messages == len(talk.session.backlog) > 40
    seen = []
    for _ in range(60):
        talk.peer.go_on()
        talk.peer.stop()
        seen += talk.numbers()
    talk.peer.go_on()
    seen += talk.numbers()
    assert seen == list(range(60))
    assert talk.counters.queued_messages == talk.counters.queued_bytes == talk.counters.dropped == 0


def test_what_waits_is_sent_only_as_far_as_the_link_has_room(talk: Talk) -> None:
    talk.give(60, size=100)
    session = talk.session
    talk.peer = ReadingPeer(talk.peer.turn, 1_000, session.pump)
    talk.peer.stop()
    session.attach(talk.peer.link, MQTT_5, 100, LARGEST_PACKET, None)
    session.pump()
    assert talk.peer.link.full
    assert talk.peer.link.size < 1_200
    assert len(session.backlog) > 45


def test_what_is_new_does_not_overtake_what_waits(talk: Talk) -> None:
    talk.attach(quota=2)
    talk.give(4)
    talk.session.acknowledged(PUBACK, 1, 0)
    talk.give(1)
    for packet_id in (2, 3, 4, 5):
        talk.session.acknowledged(PUBACK, packet_id, 0)
    assert talk.numbers() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("messages", "size", "kept"), [(5, 100_000, 5), (100, 10 * 51, 10), (0, 100_000, 0), (100, 50, 0)]
)
def test_the_newest_is_dropped_and_counted_when_the_backlog_is_full(
    messages: int, size: int, kept: int
) -> None:
    talk = Talk(messages, size)
    assert talk.give(12, size=50) == [True] * kept + [False] * (12 - kept)
    assert (talk.counters.queued_messages, talk.counters.dropped_full) == (kept, 12 - kept)
    talk.attach()
    assert talk.numbers() == list(range(kept))


def pressing(talk: Talk) -> bool:
    """Whether publishers are to hold back for the Client."""
    return talk.peer.turn.congested is talk.peer.link


def test_a_connected_client_with_much_in_its_backlog_presses_back_on_publishers() -> None:
    talk = Talk(maximum_messages=40)
    talk.give(11)
    assert not pressing(talk), "who is away presses back on nobody"
    talk.attach(quota=1)
    assert talk.numbers() == [0]
    link = talk.peer.link
    relieved: list[bool] = []
    link.waiting.add(lambda: relieved.append(True))
    talk.give(1)
    assert pressing(talk)
    assert relieved == []
    talk.session.acknowledged(PUBACK, 1, 0)
    assert relieved == [True]
    assert len(talk.session.backlog) * 4 <= 40


# -- a Session resumed

def test_what_was_sent_comes_first_and_again_with_dup_then_what_waited(talk: Talk) -> None:
    talk.attach(quota=3)
    talk.give(5, 2)
    talk.session.acknowledged(PUBREC, 2, 0)
    talk.detach()
    talk.give(1, 2)
    talk.packets()
    talk.attach(quota=10)
    release, *messages = talk.packets()
    assert isinstance(release, Pubrel)
    assert release.packet_id == 2
    told = [(int(each.payload), each.packet_id, each.dup) for each in messages if isinstance(each, Publish)]
    assert told == [(0, 1, True), (2, 3, True), (3, 4, False), (4, 5, False), (5, 6, False)]


@pytest.mark.parametrize("quota", [1, 2, 3])
def test_a_smaller_quota_holds_back_what_is_sent_again_and_what_is_new(talk: Talk, quota: int) -> None:
    talk.attach(quota=5)
    talk.give(8)
    talk.detach()
    talk.packets()
    talk.attach(quota=quota)
    talk.give(1)
    seen: list[tuple[int, bool]] = []
    while len(seen) < 9:
        packets = [each for each in talk.packets() if isinstance(each, Publish)]
        assert 0 < len(packets) <= quota
        for packet in packets:
            seen.append((int(packet.payload), packet.dup))
            talk.session.acknowledged(PUBACK, packet.packet_id, 0)
    assert seen == [(number, number < 5) for number in range(9)]


def test_what_is_sent_again_stops_for_a_full_link_and_goes_on(talk: Talk) -> None:
    talk.attach()
    talk.give(30, size=100)
    talk.detach()
    talk.packets()
    session = talk.session
    talk.peer = ReadingPeer(talk.peer.turn, 1_000, session.pump)
    talk.peer.stop()
    session.attach(talk.peer.link, MQTT_5, 100, LARGEST_PACKET, None)
    session.pump()
    talk.give(1)
    assert session.inflight.is_resending
    seen = []
    for _ in range(31):
        talk.peer.go_on()
        talk.peer.stop()
        seen += talk.numbers()
    assert seen == list(range(31))


def test_an_acknowledgement_of_what_was_not_sent_again_yet_is_taken(talk: Talk) -> None:
    talk.attach(quota=3)
    talk.give(3)
    talk.detach()
    talk.attach(quota=1)
    talk.packets()
    assert talk.session.acknowledged(PUBACK, 3, 0)
    assert talk.numbers() == []
    assert talk.session.acknowledged(PUBACK, 1, 0)
    assert talk.numbers() == [1]
    assert talk.session.acknowledged(PUBACK, 2, 0)
    assert talk.give(1) == [True]
    assert talk.numbers() == [3]


def test_nothing_is_sent_while_there_is_no_network_connection(talk: Talk) -> None:
    talk.give(1)
    talk.session.pump()
    assert (talk.peer.take(), len(talk.session.backlog)) == ([], 1)
    talk.attach()
    talk.give(1, 2)
    talk.detach()
    assert talk.session.acknowledged(PUBREC, 2, 0)


# -- retained messages of new Subscriptions

def test_retained_messages_come_in_slices_after_what_waits(talk: Talk) -> None:
    talk.retain(3)
    talk.give(1)
    talk.owe()
    talk.attach(quota=1)
    assert [each.topic for each in talk.packets()] == ["t"]
    assert not talk.session.owes_retained
    topics = []
    for packet_id in (1, 2, 3):
        talk.session.acknowledged(PUBACK, packet_id, 0)
        topics += [each.topic for each in talk.packets()]
    assert topics == ["r/0", "r/1", "r/2"]


def test_a_turn_sends_no_more_than_a_slice_of_them(talk: Talk) -> None:
    talk.retain(RETAINED_PER_TURN + 50)
    talk.attach(quota=10_000)
    talk.owe(qos=0)
    talk.session.pump()
    first = talk.numbers()
    assert 0 < len(first) <= RETAINED_PER_TURN
    for _ in range(10):
        if talk.session.owes_retained:
            talk.session.pump()
            first += talk.numbers()
    assert sorted(first) == list(range(RETAINED_PER_TURN + 50))
    assert not talk.session.retained


def test_a_full_link_keeps_them_with_the_cursor(talk: Talk) -> None:
    talk.retain(50)
    talk.attach(maximum_unsent=100)
    talk.peer.stop()
    talk.owe(qos=0)
    talk.session.pump()
    assert not talk.session.owes_retained
    seen: list[int] = []
    for _ in range(60):
        talk.peer.go_on()
        talk.peer.stop()
        seen += talk.numbers()
    assert seen == list(range(50))
    assert talk.counters.dropped_full == 0


def test_the_end_of_the_session_leaves_nothing_behind(talk: Talk) -> None:
    talk.retain(3)
    talk.attach(quota=2)
    talk.give(5)
    talk.owe()
    talk.session.received.update({1, 2})
    talk.counters.inflight_in += 2
    talk.detach()
    talk.session.discard()
    counters = talk.counters
    assert (counters.inflight_in, counters.inflight_out) == (0, 0)
    assert (counters.queued_messages, counters.queued_bytes) == (0, 0)
    assert (talk.session.received, dict(talk.session.retained), len(talk.session.backlog)) == (set(), {}, 0)
    talk.attach()
    assert talk.packets() == []


def test_a_message_without_an_expiry_never_expires() -> None:
    assert Message("t", b"", properties=properties()).expires_at == NEVER


def test_it_tells_of_what_it_will_never_send(talk: Talk) -> None:
    dropped: list[tuple[bytes, int]] = []
    talk.session.on_dropped = lambda outgoing, code: dropped.append((outgoing.message.payload, code))
    talk.attach(maximum_packet_size=20)
    talk.session.assure(Outgoing(Message("t", bytes(30)), 1, False))
    talk.detach()
    talk.session.assure(Outgoing(Message("t", b"old", expires_at=talk.peer.turn.now), 1, False))
    talk.attach()
    assert dropped == [(bytes(30), 0x95), (b"old", 0x80)]


class Topics(Permissions):
    """May receive what is on these topics."""

    receives_everything = False

    def __init__(self, *topics: str) -> None:
        super().__init__()
        self._topics = topics

    def may_receive(self, topic: str) -> bool:
        return topic in self._topics


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_queued_and_may_no_longer_be_received_is_dropped_and_counted(qos: int) -> None:
    talk = Talk()
    talk.give(1, qos, "taboo")
    talk.give(1, qos, "free")
    talk.session.permissions = Topics("free")
    talk.attach()
    assert talk.numbers() == [1]
    assert talk.counters.dropped_refused == 1
    assert talk.counters.queued_messages == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_sent_and_may_no_longer_be_received_is_not_sent_again(qos: int) -> None:
    talk = Talk()
    talk.attach()
    talk.give(1, qos, "taboo")
    talk.give(1, qos, "free")
    talk.detach()
    talk.session.permissions = Topics("free")
    talk.attach()
    assert talk.numbers() == [1]
    assert talk.counters.dropped_refused == 1
    assert len(talk.session.inflight) == 1
