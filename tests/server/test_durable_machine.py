"""Whatever happens, what is on the disk after a commit is what the Server knows: a Hypothesis state machine.

Three Clients connect, subscribe, publish, acknowledge, leave, lose their connections and take each other's
Sessions over; time passes; the Server crashes and is shut down. After each step another Server is made of
what the store holds, and compared.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from amqtt.server.realm import Realm
from amqtt.sessions.inflight import QUEUED, Outgoing
from amqtt.sessions.session import Session
from amqtt.store.consistency import strays
from amqtt.topics.shared import SharedGroup
from amqtt.wire.packets import (
    MQTT_5,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from support.bench_server import BenchClient
from support.durable_server import DurableBench
from support.raw_client import properties

CLIENTS = ("a", "b", "c")
FILTERS = ("t/1", "t/+", "#", "$share/g/t/+", "$share/g/#")
TOPICS = ("t/1", "t/2", "u")

Waiting = tuple[str, bytes, int, bool, int, tuple[int, ...], str]


def group_of(realm: Realm, outgoing: Outgoing) -> str:
    """The Shared Subscription that gave it, while there is one."""
    group = outgoing.group
    if not isinstance(group, SharedGroup):
        return ""
    return group.name if realm.shared.group(group.share_name, group.topic_filter) else ""


def waiting(realm: Realm, session: Session) -> list[Waiting]:
    """What is on its way to a Client, in the order of each QoS; of 1, whether it was sent is not known."""
    found = []
    for outgoing in [*session.inflight.entries.values(), *session.backlog]:
        message = outgoing.message
        state = outgoing.state if outgoing.qos == 2 else QUEUED
        found.append((message.topic, message.payload, outgoing.qos, outgoing.retain, state,
                      outgoing.identifiers, group_of(realm, outgoing)))
    return sorted(found, key=lambda each: each[2])


def lasting(realm: Realm) -> dict[str, object]:
    """What of a Server outlasts it."""
    sessions: dict[str, object] = {}
    for client_id, session in realm.sessions.items():
        if not session.expiry_interval:
            continue
        sessions[client_id] = {
            "owner": session.owner,
            "expiry": session.expiry_interval,
            "subscriptions": {
                name: (each.qos, each.no_local, each.retain_as_published, each.identifier)
                for name, each in session.subscriptions.items()
            },
            "waiting": waiting(realm, session),
            "received": session.received,
            "will": None if session.will is None else session.will.fields.payload,
        }
    retained = {
        message.topic: (message.payload, message.qos, message.publisher, message.owner)
        for message in realm.retained
    }
    return {"sessions": sessions, "retained": retained}


class Durability(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.bench = DurableBench(maximum_inflight=3, maximum_queued_messages=5)
        self.open: dict[str, BenchClient] = {}
        self.unanswered: dict[str, list[Packet]] = {}
        self.number = 0
        for client_id, topic_filter in (("a", "t/+"), ("b", "$share/g/t/+"), ("c", "$share/g/t/+")):
            self.connect(client_id, False, 30, client_id == "a", 10, None)
            self.subscribe(client_id, topic_filter, 2)

    @rule(client_id=st.sampled_from(CLIENTS), clean=st.booleans(),
          expiry=st.sampled_from((0, 30, 0xFFFFFFFF)), will=st.booleans(), delay=st.sampled_from((0, 10)),
          user=st.sampled_from((None, "user")))
    def connect(
        self, client_id: str, clean: bool, expiry: int, will: bool, delay: int, user: str | None
    ) -> None:
        given: dict[str, Any] = {"session_expiry_interval": expiry} if expiry else {}
        fields = WillFields("t/1", b"will of " + client_id.encode(), 1, False,
                            properties(will_delay_interval=delay)) if will else None
        client = self.bench.client(MQTT_5)
        connack = client.connect(client_id, clean_start=clean, will=fields, username=user, **given)
        if connack.reason_code == 0:
            self.open[client_id] = client
            self.unanswered[client_id] = []

    @rule(client_id=st.sampled_from(CLIENTS), topic_filter=st.sampled_from(FILTERS), qos=st.integers(0, 2))
    def subscribe(self, client_id: str, topic_filter: str, qos: int) -> None:
        client = self.reading(client_id)
        if client is not None:
            given = properties(subscription_identifiers=(qos,)) if qos else None
            client.send(Subscribe(1, [SubscriptionRequest(topic_filter, qos)], given))

    @rule(client_id=st.sampled_from(CLIENTS), topic_filter=st.sampled_from(FILTERS))
    def unsubscribe(self, client_id: str, topic_filter: str) -> None:
        client = self.reading(client_id)
        if client is not None:
            client.send(Unsubscribe(2, [topic_filter]))

    @rule(client_id=st.sampled_from(CLIENTS), topic=st.sampled_from(TOPICS), qos=st.integers(0, 2),
          retain=st.booleans(), expires=st.booleans(), empty=st.booleans())
    def publish(
        self, client_id: str, topic: str, qos: int, retain: bool, expires: bool, empty: bool
    ) -> None:
        client = self.reading(client_id)
        if client is None:
            return
        self.number += 1
        given: dict[str, Any] = {"message_expiry_interval": 20} if expires else {}
        payload = b"" if empty else b"%d" % self.number
        client.publish(topic, payload, qos, retain=retain, packet_id=self.number, **given)

    @rule(client_id=st.sampled_from(CLIENTS), count=st.integers(1, 5))
    def answer(self, client_id: str, count: int) -> None:
        """Acknowledge some of what has come, a step each."""
        if self.reading(client_id) is None:
            return
        packets = self.unanswered[client_id]
        for packet in packets[:count]:
            if isinstance(packet, Publish) and packet.qos == 1:
                self.open[client_id].send(Puback(packet.packet_id))
            elif isinstance(packet, Publish) and packet.qos == 2:
                self.open[client_id].send(Pubrec(packet.packet_id))
            elif isinstance(packet, Pubrec) and packet.reason_code < 0x80:
                self.open[client_id].send(Pubrel(packet.packet_id))
            elif isinstance(packet, Pubrel):
                self.open[client_id].send(Pubcomp(packet.packet_id))
        del packets[:count]

    @rule(client_id=st.sampled_from(CLIENTS), ending=st.sampled_from(("lost", "disconnect", "with will")))
    def leave(self, client_id: str, ending: str) -> None:
        client = self.reading(client_id)
        if client is None:
            return
        if ending == "lost":
            client.lose()
            self.bench.commit()
        else:
            client.send(Disconnect(4 if ending == "with will" else 0))
        del self.open[client_id]

    @rule(seconds=st.sampled_from((1, 11, 31)))
    def wait(self, seconds: float) -> None:
        self.bench.pass_time(seconds)
        self.bench.commit()

    @rule(crash=st.booleans(), down=st.sampled_from((0, 15, 40)))
    def begin_anew(self, crash: bool, down: float) -> None:
        self.bench = self.bench.crashed(down) if crash else self.bench.stopped(down)
        self.open = {}

    def reading(self, client_id: str) -> BenchClient | None:
        """A connected Client that has read what has come; None: it is not connected any more."""
        client = self.open.get(client_id)
        if client is None:
            return None
        if client.closed or client.state.closed:
            del self.open[client_id]
            return None
        self.unanswered[client_id] += client.received()
        return client

    @invariant()
    def the_disk_has_what_the_server_knows(self) -> None:
        if not hasattr(self, "bench"):
            return
        self.bench.commit()
        assert self.bench.faults == []
        assert len(strays(self.bench.kept)) == 0, "something is left of what has ended"
        restored = DurableBench(self.bench.kept_copy(), self.bench.turn.now, tick=False)
        assert lasting(restored.server.realm) == lasting(self.bench.server.realm)


TestDurability = Durability.TestCase
TestDurability.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
