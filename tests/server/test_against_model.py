"""The Server beside a model of it: whatever three Clients do, each is sent what the model says.

Once without a store, and once with one, where the Server is also shut down, crashes, and crashes before it
has written what was done last. AMQTT_MODEL_EXAMPLES is how many histories of the first kind are played.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from amqtt.wire.packets import (
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from support.durable_server import GRACE
from support.model_broker import FOREVER, ModelBroker, ModelMessage, ModelSubscription
from support.raw_client import properties
from support.server_and_model import (
    FILTERS,
    TOPICS,
    VERSIONS,
    ServerAndModel,
    acknowledging,
    clients,
    expiries,
    qos_levels,
    take_out,
    unlimited,
)
from support.stored_server import StoredBench

EXAMPLES = int(os.environ.get("AMQTT_MODEL_EXAMPLES", "300"))
pytestmark = pytest.mark.timeout(max(600, EXAMPLES))
PATIENCE = (HealthCheck.too_slow, HealthCheck.data_too_large)

downtimes = st.sampled_from([0, 3, 15, 40])
returning = st.sampled_from([True, True, False])


@dataclass(frozen=True)
class Deed:
    """What is done last before a crash; each kind of it looks at some of these."""

    what: str
    topic: str
    topic_filter: str
    qos: int
    either: bool
    expiry: int
    seconds: int


deeds = st.builds(
    Deed,
    st.sampled_from(["nothing", "publish", "publish", "write", "write", "subscribe", "unsubscribe", "connect",
                     "part", "pass time"]),
    st.sampled_from(TOPICS), st.sampled_from(FILTERS), qos_levels, st.booleans(), expiries,
    st.sampled_from([6, 25, 40]),
)


class StoredServerAndModel(ServerAndModel):
    """The same with an SQLite file, and several lives of the Server."""

    bench: StoredBench

    def new_bench(self) -> StoredBench:
        """A Server over a file that is not there yet."""
        self.folder = Path(tempfile.mkdtemp())
        return StoredBench(self.folder / "amqtt.db")

    def teardown(self) -> None:
        """Remove the file."""
        if hasattr(self, "folder"):
            self.bench.database.close()
            shutil.rmtree(self.folder)

    def before(self) -> None:
        """A step begins; what is noted from now on has a higher number."""
        super().before()
        self.last_number = self.bench.journal._last_number
        self.leaving: list[str] = []

    def given(self, client_id: str) -> list[bytes]:
        """Also what is not sent at QoS 2, because nothing is written any more, or all is over."""
        given = super().given(client_id)
        session = self.bench.server.realm.sessions.get(client_id)
        if session is not None and (self.leaving or not self.bench.commits_at_once):
            sent = session.inflight.entries.values()
            given += [e.message.payload for e in sent if e.qos == 2 and e.number > self.last_number]
        return given

    def chosen(self, model: ModelBroker, payload: bytes, members: list[str]) -> str:
        """Who had it and has left since had it first: it was passed on in the order in which they left."""
        sessions = self.bench.server.realm.sessions
        gone = [each for each in self.leaving if each in members and each not in sessions]
        try:
            return super().chosen(model, payload, gone + [each for each in members if each not in gone])
        except AssertionError:
            # One whose Session ends as the Server stops takes along what was not sent to it yet: at QoS 2
            # no other may have that [MQTT-4.8.2-5].
            if not gone:
                raise
            return gone[0]

    @rule(down=downtimes, return_=returning, acknowledges=acknowledging)
    def shut_down(self, down: int, return_: bool, acknowledges: str) -> None:
        """Will Messages that do not outlast the Server are published, then Clients are sent away."""
        self.before()
        went, self.open = self.open, {}
        self.bench.stop()
        self.leaving = list(went)
        for client_id, client in went.items():
            *sent, goodbye = client.received() if client.version == MQTT_5 else [*client.received(), None]
            assert client.closed
            assert isinstance(goodbye, Disconnect) == (client.version == MQTT_5)
            for packet in sent:
                self.read_one(client_id, client, packet)
        self.model.shut_down(self.leaving)
        self.look_at(self.model)
        self.leaving = []
        self.bench = self.bench.another(down)
        self.go_on(after_crash=False)
        if return_:
            self.come_back(list(went), acknowledges)

    @rule(client_id=clients, deed=deeds, down=downtimes, return_=returning, acknowledges=acknowledging)
    def crash(self, client_id: str, deed: Deed, down: int, return_: bool, acknowledges: str) -> None:
        """Everything that was done is on the disk, but for what is done last."""
        self.before()
        were_there = list(self.open)
        if deed.what == "connect":
            self.connect_and_crash(client_id, deed.either, deed.expiry, down)
        elif deed.what == "pass time":
            self.pass_time_and_crash(deed.seconds, down)
        elif deed.what == "nothing" or client_id not in self.open:
            self.bench = self.bench.crashed(down)
            self.go_on(after_crash=True)
        elif deed.what == "publish":
            self.publish_and_crash(client_id, deed.topic, deed.qos, deed.either, down)
        elif deed.what == "write":
            self.publish_and_crash_before_it_is_acknowledged(
                client_id, deed.topic, deed.qos, deed.either, down
            )
        elif deed.what == "subscribe":
            self.subscribe_and_crash(client_id, deed.topic_filter, deed.qos, down)
        elif deed.what == "unsubscribe":
            self.unsubscribe_and_crash(client_id, deed.topic_filter, down)
        else:
            self.part_and_crash(client_id, deed.either, down)
        if return_:
            self.come_back(were_there, acknowledges)

    def come_back(self, client_ids: list[str], acknowledges: str) -> None:
        """They connect again, as Clients do, and acknowledge more or less from now on."""
        for client_id in client_ids:
            self.enter(client_id, False, 30, acknowledges, None, 0)

    def go_on(self, after_crash: bool) -> None:
        """Another life has begun."""
        self.open = {}
        self.sent, self.answers, self.released = {}, {}, {}
        self.model.restart(self.bench.turn.now, GRACE, after_crash)
        self.model.expected = {}
        self.compare()

    # -- what is not on the disk when it crashes

    def lose_all(self, down: int, trial: ModelBroker) -> None:
        """Crash before anything of this step is written: it was not done, and nobody was told that it was.

        Some may have seen it: messages of QoS 0 and 1 are sent at once.
        """
        self.look_at(trial)
        self.bench = self.bench.crashed(down)
        self.go_on(after_crash=True)

    def look_at(self, trial: ModelBroker) -> None:
        """Nobody was sent what the model does not know of, nor at QoS 2 what is not durable."""
        assert self.bench.faults == []
        for client_id, sent in self.sent.items():
            expected = trial.expected.get(client_id, []) + trial.possible.get(client_id, [])
            if VERSIONS[client_id] != MQTT_5:
                expected = [unlimited(each) for each in expected]
            assert take_out(expected, sent) is not None, (client_id, sent, expected)
            assert all(each[2] < 2 for each in sent) or not self.is_kept(client_id), (client_id, sent)

    def is_kept(self, client_id: str) -> bool:
        """Whether the Session of this Client outlasts the Server."""
        return client_id in self.model.sessions and self.model.sessions[client_id].kept > 0

    def do_unwritten(self, client_id: str, packet: Packet) -> list[Packet]:
        """What this Client is answered when it sends this and nothing is written."""
        self.bench.commits_at_once = False
        self.open[client_id].send(packet)
        self.read()
        return self.answers.get(client_id, [])

    def publish_and_crash(self, client_id: str, topic: str, qos: int, retain: bool, down: int) -> None:
        """No PUBACK or PUBREC if somebody must have the message; after the crash nobody has it."""
        number = self.next_number()
        message = ModelMessage(topic, b"%d" % number, qos, retain, FOREVER, client_id)
        answers = self.do_unwritten(
            client_id, Publish(topic, message.payload, qos, retain, packet_id=number if qos else 0)
        )
        trial = self.model.trial()
        trial.publish(client_id, message, number)
        must_be_kept = retain or (qos == 2 and self.is_kept(client_id)) or any(
            session.kept and copy.qos and copy.message is message
            for session in trial.sessions.values() for copy in session.waiting + session.unacknowledged
        )
        if qos:
            assert len(answers) == (0 if must_be_kept else 1)
        self.lose_all(down, trial)

    def publish_and_crash_before_it_is_acknowledged(
        self, client_id: str, topic: str, qos: int, retain: bool, down: int
    ) -> None:
        """The message is on the disk, and what its receivers answer is not: it comes again."""
        number = self.next_number()
        message = ModelMessage(topic, b"%d" % number, qos, retain, FOREVER, client_id)
        # Nobody reads before the message is written, nor is anything written afterwards.
        packet = Publish(topic, message.payload, qos, retain, packet_id=number if qos else 0)
        self.open[client_id].send(packet)
        self.bench.commits_at_once = False
        self.read()
        assert len(self.answers.get(client_id, [])) == (1 if qos else 0)
        self.model.publish(client_id, message, number)
        for receiver in VERSIONS:
            expected = [unlimited(each) for each in self.model.expected.get(receiver, [])]
            assert take_out(self.sent.get(receiver, []), expected) == [], receiver
        self.bench = self.bench.crashed(down)
        self.go_on(after_crash=True)

    def subscribe_and_crash(self, client_id: str, topic_filter: str, qos: int, down: int) -> None:
        answers = self.do_unwritten(client_id, Subscribe(9, [SubscriptionRequest(topic_filter, qos)], None))
        assert len(answers) == (0 if self.is_kept(client_id) else 1)
        trial = self.model.trial()
        trial.subscribe(client_id, ModelSubscription(topic_filter, qos), 0)
        self.lose_all(down, trial)

    def unsubscribe_and_crash(self, client_id: str, topic_filter: str, down: int) -> None:
        answers = self.do_unwritten(client_id, Unsubscribe(9, [topic_filter]))
        existed = any(
            each.topic_filter == topic_filter for each in self.model.sessions[client_id].subscriptions
        )
        assert len(answers) == (0 if self.is_kept(client_id) and existed else 1)
        trial = self.model.trial()
        trial.unsubscribe(client_id, topic_filter)
        self.lose_all(down, trial)

    def connect_and_crash(self, client_id: str, clean_start: bool, expiry: int, down: int) -> None:
        """No CONNACK of a Session that lasts; who was connected before is again seen as that."""
        self.bench.commits_at_once = False
        version = VERSIONS[client_id]
        given = None
        if version == MQTT_5:
            given = properties(session_expiry_interval=expiry)
        else:
            expiry = 0 if clean_start else 0xFFFFFFFF
        client = self.bench.client(version)
        will = WillFields(TOPICS[0], b"of nobody", 1, False)
        client.send(Connect(client_id, version, clean_start, 0, will, None, None, given))
        old = self.open.get(client_id)
        self.open[client_id] = client
        self.acknowledges[client_id] = "everything"
        self.read()
        assert old is None or old.closed
        trial = self.model.trial()
        trial.connect(client_id, clean_start, FOREVER if expiry == 0xFFFFFFFF else expiry, None)
        if trial.sessions[client_id].kept:
            assert (self.answers.get(client_id), self.sent.get(client_id)) == (None, None)
        self.lose_all(down, trial)

    def part_and_crash(self, client_id: str, politely: bool, down: int) -> None:
        """It is again seen as connected."""
        self.bench.commits_at_once = False
        client = self.open.pop(client_id)
        if politely:
            client.send(Disconnect())
        else:
            client.lose()
        self.read()
        trial = self.model.trial()
        trial.disconnect(client_id, not politely, None)
        self.lose_all(down, trial)

    def pass_time_and_crash(self, seconds: int, down: int) -> None:
        """Will Messages and ends of Sessions that were due, and are again."""
        self.bench.commits_at_once = False
        trial = self.model.trial()
        end = self.bench.turn.now + seconds
        while self.bench.turn.now < end:
            moment = min(trial.next_due[0], end)
            self.bench.pass_time(moment - self.bench.turn.now)
            self.read()
            trial.pass_time(moment)
        self.lose_all(down, trial)


def of(machine: type[ServerAndModel], examples: int) -> type:
    case: type = machine.TestCase
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples, stateful_step_count=40, derandomize=True, deadline=None, database=None,
        suppress_health_check=PATIENCE,
    )
    return case


TestServerAgainstModel = of(ServerAndModel, EXAMPLES)
TestStoredServerAgainstModel = of(StoredServerAndModel, EXAMPLES // 3)

