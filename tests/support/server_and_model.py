"""The Server beside a model of it: a Hypothesis state machine of three Clients, and of the time.

Whatever they do, each is sent what the model says. Time is a number that the machine moves.
"""

from dataclasses import replace
from itertools import groupby

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from amqtt.message import Message
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    WillFields,
)
from support.bench_server import Bench, BenchClient
from support.model_broker import FOREVER, ModelBroker, ModelMessage, ModelSubscription, ModelWill, Sent
from support.raw_client import properties

VERSIONS = {"a": MQTT_5, "b": MQTT_5, "c": MQTT_3_1_1}
TOPICS = ["t/x", "t/y", "t", "u/x"]
FILTERS = ["t/x", "t/+", "+/x", "#", "$share/g/t/+"]
STEP = 1 / 1024
"""Between two steps, so that no two things are due at the same moment."""

clients = st.sampled_from(sorted(VERSIONS))
qos_levels = st.integers(0, 2)
expiries = st.sampled_from([0, 7, 30, 0xFFFFFFFF])
acknowledging = st.sampled_from(["everything", "everything", "up to PUBREC", "nothing"])


class ServerAndModel(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.bench = self.new_bench()
        self.model = ModelBroker(self.chosen)
        self.open: dict[str, BenchClient] = {}
        self.acknowledges: dict[str, str] = {}
        self.sent: dict[str, list[Sent]] = {}
        self.answers: dict[str, list[Packet]] = {}
        self.released: dict[str, int] = {}
        self.unreleased: dict[str, tuple[ModelMessage, int]] = {}
        self.number = 0
        self.model.now = self.bench.turn.now
        for client_id, topic_filter in (("a", "t/+"), ("b", "$share/g/t/+"), ("c", "$share/g/t/+")):
            self.enter(client_id, False, 30, "everything", None, 0)
            self.ask_for(client_id, topic_filter, 2, False, True, 0, 0)

    def new_bench(self) -> Bench:
        """A Server that nobody has come to yet."""
        return Bench()

    def next_number(self) -> int:
        self.number += 1
        return self.number

    # -- what the Server did, and whether that is what the model says

    def chosen(self, model: ModelBroker, payload: bytes, members: list[str]) -> str:
        """The member that the Server gave one copy more than the model knows of."""
        for client_id in members:
            if self.given(client_id).count(payload) > model.copies(client_id, payload):
                return client_id
        raise AssertionError(f"no member of the group was given {payload!r}")

    def given(self, client_id: str) -> list[bytes]:
        """The payloads that a Client was sent in this step, or that wait for it."""
        session = self.bench.server.realm.sessions.get(client_id)
        waiting = [] if session is None else [each.message.payload for each in session.backlog]
        return waiting + [each[0] for each in self.sent.get(client_id, [])]

    def before(self) -> None:
        self.bench.pass_time(STEP)
        self.model.pass_time(self.bench.turn.now)
        self.sent, self.answers, self.released = {}, {}, {}
        self.model.expected, self.model.possible, self.model.released = {}, {}, {}

    def read(self) -> None:
        """Let every Client read and acknowledge until there is nothing more to read."""
        busy = True
        while busy:
            busy = False
            self.bench.pass_time(0)
            for client_id, client in list(self.open.items()):
                for packet in client.received():
                    busy = True
                    self.read_one(client_id, client, packet)

    def read_one(self, client_id: str, client: BenchClient, packet: Packet) -> None:
        acknowledges = self.acknowledges[client_id]
        if isinstance(packet, Pubrel):
            self.released[client_id] = self.released.get(client_id, 0) + 1
            if acknowledges == "everything":
                client.send(Pubcomp(packet.packet_id))
        elif not isinstance(packet, Publish):
            self.answers.setdefault(client_id, []).append(packet)
        else:
            given = packet.properties or properties()
            identifiers = tuple(sorted(given.subscription_identifiers))
            self.sent.setdefault(client_id, []).append(
                (packet.payload, packet.topic, packet.qos, packet.retain, packet.dup, identifiers,
                 given.message_expiry_interval)
            )
            if packet.qos and acknowledges != "nothing":
                client.send(Puback(packet.packet_id) if packet.qos == 1 else Pubrec(packet.packet_id))

    def compare(self, in_order: bool = True) -> None:
        assert self.bench.faults == []
        for client_id, version in VERSIONS.items():
            sent = self.sent.get(client_id, [])
            expected = self.model.expected.get(client_id, [])
            possible = self.model.possible.get(client_id, [])
            if version == MQTT_3_1_1:
                expected = [unlimited(each) for each in expected]
                possible = [unlimited(each) for each in possible]
            late = take_out(sent, expected)
            assert late is not None, (client_id, sent, expected)
            assert take_out(possible, late) is not None, (client_id, late)
            if in_order and not late:
                assert in_turn(sent) == in_turn(expected), client_id
        self.check_releases()
        self.check_sessions()

    def check_releases(self) -> None:
        """PUBREL comes for what was released before the break, and for each QoS 2 message of this step."""
        for client_id in self.open:
            acknowledges = self.acknowledges[client_id]
            fresh = [each for each in self.model.expected.get(client_id, []) if each[2] == 2]
            released = self.model.released.get(client_id, 0)
            released += 0 if acknowledges == "nothing" else len(fresh)
            assert self.released.get(client_id, 0) == released
            if client_id in self.model.sessions and acknowledges != "nothing":
                self.model.acknowledge(client_id, acknowledges == "everything")

    def check_sessions(self) -> None:
        realm = self.bench.server.realm
        model = self.model.sessions
        assert set(realm.sessions) == set(model)
        assert set(realm.connected) == set(self.open)
        assert set(self.open) == {client_id for client_id, session in model.items() if session.connected}
        for client_id, session in model.items():
            ours = realm.sessions[client_id]
            assert set(ours.subscriptions) == {each.topic_filter for each in session.subscriptions}
            assert ours.received == session.received
            ways = (len(ours.backlog), len(ours.inflight))
            assert sum(ways) == len(session.waiting) + len(session.unacknowledged)
            if not any(copy.uncertain for copy in session.unacknowledged):
                assert ways == (len(session.waiting), len(session.unacknowledged))
        counters = realm.counters
        assert counters.queued_messages == sum(len(realm.sessions[each].backlog) for each in model)
        assert counters.inflight_out == sum(len(realm.sessions[each].inflight) for each in model)
        assert counters.inflight_in == sum(len(session.received) for session in model.values())
        # Nobody here has a name; what nobody published is nobody's.
        live = [
            (each.topic, each.publisher, "" if each.publisher else None)
            for each in self.model.retained if each.expires_at > self.bench.turn.now
        ]
        assert sorted((each.topic, each.publisher, each.owner) for each in realm.retained) == sorted(live)

    # -- what Clients do

    @rule(
        client_id=clients, clean_start=st.booleans(), expiry=expiries, acknowledges=acknowledging,
        will=st.none() | st.builds(
            WillFields, st.sampled_from(TOPICS), st.just(b""), qos_levels, st.booleans()
        ),
        delay=st.sampled_from([0, 5, 20]),
    )
    def connect(
        self, client_id: str, clean_start: bool, expiry: int, acknowledges: str, will: WillFields | None,
        delay: int,
    ) -> None:
        """Connect, also while it is connected: the Session is taken over."""
        self.enter(client_id, clean_start, expiry, acknowledges, will, delay)

    def enter(
        self, client_id: str, clean_start: bool, expiry: int, acknowledges: str, will: WillFields | None,
        delay: int,
    ) -> None:
        self.before()
        version = VERSIONS[client_id]
        values: dict[str, object] = {}
        if version == MQTT_5:
            values["session_expiry_interval"] = expiry
        else:
            expiry, delay = (0 if clean_start else 0xFFFFFFFF), 0
        model_will = None
        if will is not None:
            will.payload = b"will %d" % self.next_number()
            if version == MQTT_5:
                will.properties = properties(will_delay_interval=delay)
            model_will = ModelWill(will.topic, will.payload, will.qos, will.retain, delay)
        client = self.bench.client(version)
        connack = client.connect(client_id, clean_start=clean_start, will=will, **values)  # type: ignore[arg-type]
        old = self.open.pop(client_id, None)
        if old is not None:
            assert old.closed
            goodbye = [each.reason_code for each in old.received() if isinstance(each, Disconnect)]
            assert goodbye == ([0x8E] if version == MQTT_5 else [])
        self.open[client_id] = client
        self.acknowledges[client_id] = acknowledges
        self.read()
        lasting = FOREVER if expiry == 0xFFFFFFFF else expiry
        assert connack.session_present == self.model.connect(client_id, clean_start, lasting, model_will)
        self.compare()

    @rule(
        client_id=clients, ending=st.sampled_from(["lost", "0x00", "0x04", "a fault"]),
        expiry=st.none() | expiries,
    )
    def part(self, client_id: str, ending: str, expiry: int | None) -> None:
        if client_id not in self.open:
            return
        self.before()
        client = self.open.pop(client_id)
        asked = client.state.connect.properties.session_expiry_interval if client.version == MQTT_5 else 0
        new = None
        if ending == "lost":
            client.lose()
        elif ending == "a fault":
            client.send(b"\xff\xff")
            assert client.closed
        else:
            given = None
            if client.version == MQTT_5 and expiry is not None and asked:
                given = properties(session_expiry_interval=expiry)
                new = FOREVER if expiry == 0xFFFFFFFF else float(expiry)
            client.send(Disconnect(int(ending, 16) if client.version == MQTT_5 else 0, given))
        self.read()
        polite = ending == "0x00" or (ending == "0x04" and client.version != MQTT_5)
        self.model.disconnect(client_id, not polite, new)
        self.compare()

    @rule(
        client_id=clients, topic_filter=st.sampled_from(FILTERS), qos=qos_levels, no_local=st.booleans(),
        as_published=st.booleans(), handling=qos_levels, identifier=st.integers(0, 2),
    )
    def subscribe(
        self, client_id: str, topic_filter: str, qos: int, no_local: bool, as_published: bool, handling: int,
        identifier: int,
    ) -> None:
        if client_id not in self.open:
            self.enter(client_id, False, 30, "everything", None, 0)
        self.ask_for(client_id, topic_filter, qos, no_local, as_published, handling, identifier)

    def ask_for(
        self, client_id: str, topic_filter: str, qos: int, no_local: bool, as_published: bool, handling: int,
        identifier: int,
    ) -> None:
        self.before()
        client = self.open[client_id]
        no_local = no_local and not topic_filter.startswith("$share/")
        if client.version != MQTT_5:
            no_local, as_published, handling, identifier = False, False, 0, 0
        request = SubscriptionRequest(topic_filter, qos, no_local, as_published, handling)
        given = properties(subscription_identifiers=(identifier,)) if identifier else None
        client.send(Subscribe(9, [request], given))
        self.read()
        (suback,) = self.answers[client_id]
        assert isinstance(suback, Suback)
        assert (suback.packet_id, suback.reason_codes) == (9, [qos])
        self.model.subscribe(
            client_id, ModelSubscription(topic_filter, qos, no_local, as_published, identifier), handling
        )
        self.compare(in_order=False)

    @rule(client_id=clients, topic_filter=st.sampled_from(["t/x", "$share/g/t/+"]))
    def unsubscribe(self, client_id: str, topic_filter: str) -> None:
        if client_id not in self.open:
            return
        self.before()
        self.open[client_id].send(Unsubscribe(9, [topic_filter]))
        self.read()
        (unsuback,) = self.answers[client_id]
        assert isinstance(unsuback, Unsuback)
        existed = self.model.unsubscribe(client_id, topic_filter)
        if VERSIONS[client_id] == MQTT_5:
            assert unsuback.reason_codes == [0 if existed else 0x11]
        self.compare()

    @rule(
        client_id=clients, topic=st.sampled_from(TOPICS), qos=qos_levels, retain=st.booleans(),
        empty=st.sampled_from([False, False, True]), expiry=st.none() | st.sampled_from([4, 12]),
        releases=st.booleans(),
    )
    def publish_any(
        self, client_id: str, topic: str, qos: int, retain: bool, empty: bool, expiry: int | None,
        releases: bool,
    ) -> None:
        self.publish(client_id, topic, qos, retain, empty, expiry, releases)

    def publish(
        self, client_id: str, topic: str, qos: int, retain: bool, empty: bool, expiry: int | None,
        releases: bool,
    ) -> None:
        """Publish; in the place of a Client that is away, the embedding program does."""
        self.before()
        number = self.next_number()
        payload = b"" if empty else b"%d" % number
        if client_id not in self.open:
            self.bench.server.publish(Message(topic, payload, qos, retain))
            self.read()
            self.model.route(ModelMessage(topic, payload, qos, retain, FOREVER, ""))
            self.compare()
            return
        expires_at = FOREVER
        if expiry is not None and VERSIONS[client_id] == MQTT_5:
            expires_at = self.bench.turn.now + expiry
        message = ModelMessage(topic, payload, qos, retain, expires_at, client_id)
        self.exchange(client_id, message, number, False)
        if qos == 2 and client_id not in self.unreleased and not releases:
            self.unreleased[client_id] = (message, number)
        elif qos == 2:
            self.release(client_id, number)
        self.compare()

    @rule(client_id=clients, qos=st.integers(1, 2))
    def publish_assured(self, client_id: str, qos: int) -> None:
        """The most frequent case: two rules for publishing, so that it is done more often."""
        self.publish(client_id, TOPICS[0], qos, False, False, None, True)

    @rule()
    def publish_again(self) -> None:
        """A Client sends a QoS 2 message again whose PUBREC it did not act on, then releases it."""
        held = sorted(self.open.keys() & self.unreleased.keys())
        if not held:
            return
        client_id = held[0]
        self.before()
        message, number = self.unreleased.pop(client_id)
        message = replace(message)
        if message.expires_at != FOREVER:
            message.expires_at = self.bench.turn.now + 12
        self.exchange(client_id, message, number, True)
        self.release(client_id, number)
        self.compare()

    def exchange(self, client_id: str, message: ModelMessage, number: int, dup: bool) -> None:
        client = self.open[client_id]
        values: dict[str, object] = {}
        if message.expires_at != FOREVER:
            values["message_expiry_interval"] = round(message.expires_at - self.bench.turn.now)
        packet_id = number if message.qos else 0
        client.publish(
            message.topic, message.payload, message.qos, retain=message.retain, dup=dup, packet_id=packet_id,
            **values,
        )
        self.read()
        matched = self.model.publish(client_id, message, packet_id)
        if message.qos == 0:
            return
        (answer,) = self.answers[client_id]
        assert isinstance(answer, Puback if message.qos == 1 else Pubrec)
        assert answer.packet_id == packet_id
        assert answer.reason_code == (0 if matched or client.version != MQTT_5 else 0x10)

    def release(self, client_id: str, number: int) -> None:
        self.answers.clear()
        self.open[client_id].send(Pubrel(number))
        self.read()
        self.model.release(client_id, number)
        (answer,) = self.answers[client_id]
        assert isinstance(answer, Pubcomp)
        assert (answer.packet_id, answer.reason_code) == (number, 0)

    @rule(seconds=st.sampled_from([1, 3, 6, 10, 25, 40]))
    def pass_time(self, seconds: int) -> None:
        self.before()
        end = self.bench.turn.now + seconds
        while self.bench.turn.now < end:
            moment = min(self.model.next_due[0], end)
            self.bench.pass_time(moment - self.bench.turn.now)
            self.read()
            self.model.pass_time(moment)
        self.compare()


def in_turn(sent: list[Sent]) -> list[list[bytes]]:
    """The payloads in their order, those of each QoS apart; two copies of one count once.

    The order of messages is one for each QoS [MQTT-4.6.0-5]. After a crash a QoS 2 message that was sent
    comes before one of QoS 1: that this was sent before, too, is not on the disk.
    """
    by_qos = [[each[0] for each in sent if each[2] == qos] for qos in (0, 1, 2)]
    return [[payload for payload, _ in groupby(payloads)] for payloads in by_qos]


def unlimited(sent: Sent) -> Sent:
    """The same for a Client that knows no Message Expiry Interval."""
    return (*sent[:-1], None)


def take_out(all_of_them: list[Sent], these: list[Sent]) -> list[Sent] | None:
    """The others; None: not all of these are among them. What is not known of one may be anything."""
    left = list(all_of_them)
    for each in these:
        found = [other for other in left if agree(other, each)]
        if not found:
            return None
        left.remove(found[0])
    return left


def agree(one: Sent, other: Sent) -> bool:
    """Whether both may be the same."""
    dup_is_known = one[4] is not None and other[4] is not None
    return one[:4] == other[:4] and one[5:] == other[5:] and (not dup_is_known or one[4] == other[4])
