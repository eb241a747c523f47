"""A Session: the state that the Server keeps for one Client (MQTT 5.0, 4.1)."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from amqtt.message import Message, MessageRun
from amqtt.sessions.aliases import OutgoingAliases
from amqtt.sessions.backlog import Backlog
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import COMPLETE, QUEUED, Inflight, Outgoing
from amqtt.sessions.journal import Journal
from amqtt.sessions.link import Link
from amqtt.sessions.permissions import Permissions, may_publish
from amqtt.sessions.will import Will
from amqtt.topics.names import wildcard_levels
from amqtt.topics.retained import RetainedCursor
from amqtt.topics.subscriptions import Subscriber, Subscription, Target
from amqtt.wire.encoder import encode
from amqtt.wire.packets import LARGEST_PACKET, MQTT_5, PUBREC, Pubrel
from amqtt.wire.primitives import BYTE_PAIRS
from amqtt.wire.reasons import ReasonCode
from amqtt.wire.runs import acknowledgement_run

NEVER_EXPIRES: Final = 0xFFFFFFFF
"""The Session Expiry Interval of a Session that does not expire (MQTT 5.0, 3.1.2.11.2)."""
PUBREL_SUCCESS: Final = b"\x62\x02"


class RetainedDelivery:
    """Retained messages that a new Subscription is still owed.

    `batch` is the Batch of the Journal for whose commit its SUBACK waits, 0: for none. The standard
    lets a PUBLISH come before the SUBACK; people do not expect it.
    """

    __slots__ = ("batch", "cursor", "target")

    def __init__(self, cursor: RetainedCursor, target: Target, batch: int = 0) -> None:
        self.cursor = cursor
        self.target = target
        self.batch = batch


class Session(Subscriber):
    """What MQTT 5.0, section 4.1 lists for the Server, and the Network Connection it is bound to.

    `subscriptions` is by Topic Filter as the Client wrote it, `$share/name/` included. `received`
    are the Packet Identifiers of QoS 2 messages that await PUBREL. `retained` is what Subscriptions
    are owed, by Topic Filter: one at most for each, however often a Client subscribes.
    `expiry_interval` is in seconds, NEVER_EXPIRES for ever. `link` is None while no Network
    Connection is open. `inherited` is whether what waits was meant for another user, or for
    Subscriptions that were refused since: each of it must then be permitted anew. `owner` is the
    user whose it is, "" without a user name, None until a Client has come for it: it goes with the
    Session wherever that is kept, and nobody else may resume it. `journal` notes what must outlast the
    Server, None for a Session that does not; `number` is the Session's there. `on_dropped` is told of a
    QoS 1 or 2 message that will never be sent after all, and of the Reason Code that says why.
    """

    __slots__ = (
        "_is_unrestricted", "_permissions", "_receives_everything", "aliases", "backlog", "client_id",
        "counters", "expiry_interval", "inflight", "inherited", "journal", "link", "maximum_packet_size",
        "number", "on_dropped", "on_full", "on_queued", "owner", "received", "retained", "subscriptions",
        "version", "wildcard_levels", "will",
    )

    def __init__(
        self, client_id: str, permissions: Permissions, backlog: Backlog, counters: Counters
    ) -> None:
        self.client_id = client_id
        self._permissions = permissions
        self._receives_everything = permissions.receives_everything
        self._is_unrestricted = type(permissions) is Permissions
        self.owner: str | None = None
        self.journal: Journal | None = None
        self.number = 0
        self.subscriptions: dict[str, Subscription] = {}
        self.wildcard_levels = 0
        self.inflight = Inflight(counters)
        self.inherited = False
        self.backlog = backlog
        self.received: set[int] = set()
        self.retained: OrderedDict[str, RetainedDelivery] = OrderedDict()
        self.will: Will | None = None
        self.expiry_interval = 0
        self.counters = counters
        self.on_full: Callable[[str, str], None] | None = None
        self.on_queued: Callable[[Session, Message], None] | None = None
        self.on_dropped: Callable[[Outgoing, int], None] | None = None
        self.link: Link | None = None
        self.version = MQTT_5
        self.maximum_packet_size = LARGEST_PACKET
        self.aliases: OutgoingAliases | None = None

    @property
    def permissions(self) -> Permissions:
        """What its Client may do."""
        return self._permissions

    @permissions.setter
    def permissions(self, permissions: Permissions) -> None:
        self._permissions = permissions
        self._receives_everything = permissions.receives_everything
        self._is_unrestricted = type(permissions) is Permissions

    def may_publish(self, topic: str, retain: bool) -> bool:
        """Whether its Client may publish to this Topic Name; the standard's own answer is known here."""
        if self._is_unrestricted and not topic.startswith("$"):
            return True
        return may_publish(self._permissions, self.client_id, topic, retain)

    @property
    def available(self) -> bool:
        """Whether a message can be sent to the Client at once, without queuing."""
        link = self.link
        return link is not None and not link.full and self.inflight.has_quota and not self.backlog

    @property
    def connected(self) -> bool:
        """Whether its Client is connected."""
        return self.link is not None

    def attach(
        self,
        link: Link,
        version: int,
        send_quota: int,
        maximum_packet_size: int,
        aliases: OutgoingAliases | None,
    ) -> None:
        """Bind a Network Connection; `resume` then sends what the Client has missed.

        `maximum_packet_size` is in bytes.
        """
        self.link = link
        link.session = self
        self.version = version
        self.maximum_packet_size = maximum_packet_size
        self.aliases = aliases
        self.inflight.resume(send_quota)

    def detach(self) -> None:
        """The Network Connection is gone; Topic Aliases go with it [MQTT-3.3.2-7]."""
        if self.link is not None:
            self.link.session = None
        self.link = None
        self.aliases = None

    def put_subscription(self, written: str, subscription: Subscription) -> None:
        """Remember a Subscription by its Topic Filter as the Client wrote it."""
        if written not in self.subscriptions:
            self.wildcard_levels += wildcard_levels(subscription.topic_filter)
        self.subscriptions[written] = subscription

    def take_subscription(self, written: str) -> Subscription | None:
        """Forget one; None: there was none."""
        subscription = self.subscriptions.pop(written, None)
        if subscription is not None:
            self.wildcard_levels -= wildcard_levels(subscription.topic_filter)
        return subscription

    # -- delivery: the one gate

    def deliver(self, message: Message, target: Target) -> bool:
        """Send the Message, or queue it; False when neither was possible or permitted.

        Every delivery comes through here, live, retained, queued, shared and Will, so the same
        Permissions see the concrete topic [MQTT-3.3.2-3] [MQTT-3.8.4-8].
        """
        if target.has_no_local and message.publisher == self.client_id:
            local = target.local
            if local is None:
                return True
            target = local
        if not self._receives_everything and not self._permissions.may_receive(message.topic):
            self.counters.dropped_refused += 1
            return False
        qos = message.qos if message.qos < target.qos else target.qos
        retain = message.retain and target.retain_as_published
        if qos == 0:
            return self._send_once(message, retain, target.identifiers)
        return self.assure(Outgoing(message, qos, retain, target.identifiers, target.group))

    def deliver_run(self, run: MessageRun, target: Target) -> None:
        """Send all Messages of a run as they arrived, where nothing asks for a closer look at each."""
        link = self.link
        if (
            link is None
            or link.full
            or target.has_no_local
            or target.identifiers
            or self.aliases is not None
            or not run.fits(self.maximum_packet_size)
            or not (self._receives_everything or self._may_receive_all(run.topics))
        ):
            super().deliver_run(run, target)
            return
        if run.qos and target.qos:
            first_id = self.inflight.open_run(run) if self._may_assure(run, target) else 0
            if not first_id:
                super().deliver_run(run, target)
                return
            packets = run.assured(first_id)
        else:
            packets = run.plain(self.version)
        link.send_run(packets, run.count)
        self.counters.delivered += run.count

    def _may_receive_all(self, topics: list[str]) -> bool:
        may_receive = self._permissions.may_receive
        return all(may_receive(topic) for topic in topics)

    def _may_assure(self, run: MessageRun, target: Target) -> bool:
        """Whether a run may be sent as one at its QoS: nothing waits, nothing is noted of each Message."""
        return (
            self.journal is None
            and target.qos >= run.qos
            and target.group is None
            and run.is_of(self.version)
            and not self.backlog
            and not self.inflight.is_resending
        )

    def _send_once(self, message: Message, retain: bool, identifiers: tuple[int, ...]) -> bool:
        """Send at QoS 0: now or never [MQTT-4.3.1-1]."""
        link = self.link
        if link is None:
            return False
        if link.full:
            self.counters.dropped_full += 1
            if self.on_full is not None:
                self.on_full(self.client_id, "maximum_unsent_bytes")
            return False
        if retain or identifiers or self.aliases is not None:
            packet = self._packet(message, link.turn.now, 0, retain, False, 0, identifiers)
        else:
            packet = message.plain(self.version, link.turn.now)
        if self._is_too_large(packet):
            return True
        if self.aliases is None or self.journal is None:
            link.send(packet)
        else:
            link.follow(packet)  # the packet that sets its Topic Alias may wait for a commit
        self.counters.delivered += 1
        return True

    def assure(self, outgoing: Outgoing) -> bool:
        """Send at QoS 1 or 2 if the peer can take it now, else queue it; False when neither is possible."""
        if self.available and not self.inflight.is_resending:
            if self.journal is not None:
                self.journal.queue(self.number, outgoing)
            self._send_assured(outgoing)
            return True
        if not self.backlog.put(outgoing):
            self.counters.dropped_full += 1
            if self.on_full is not None:
                self.on_full(self.client_id, self.backlog.excess(outgoing))
            return False
        if self.journal is not None:
            self.journal.queue(self.number, outgoing)
        if self.link is None:
            if self.on_queued is not None:
                self.on_queued(self, outgoing.message)
        elif self.backlog.presses:
            self.link.turn.congested = self.link
        return True

    def _send_assured(self, outgoing: Outgoing) -> None:
        link = self.link
        assert link is not None
        self.inflight.open(outgoing)
        message = outgoing.message
        if outgoing.retain or outgoing.identifiers or self.aliases is not None:
            packet = self._packet(
                message, link.turn.now, outgoing.qos, outgoing.retain, False, outgoing.packet_id,
                outgoing.identifiers,
            )
        else:
            packet = message.assured(self.version, link.turn.now, outgoing.qos, outgoing.packet_id)
        if self._is_too_large(packet):
            self._drop_too_large(outgoing)
            return
        self._send_in_order(link, outgoing, packet)
        self.counters.delivered += 1

    def _send_in_order(self, link: Link, outgoing: Outgoing, packet: bytes) -> None:
        """Send a PUBLISH; one of QoS 2 when its Packet Identifier is durable, or it might come twice.

        Those of QoS 1 do not overtake it, though the standard has an order for each QoS only.
        """
        journal = self.journal
        if journal is None:
            link.send(packet)
            return
        if outgoing.qos == 1:
            link.follow(packet)
        else:
            journal.update(outgoing)
            journal.promise(link, packet)

    def _forget(self, outgoing: Outgoing) -> None:
        """It need not outlast the Server any more."""
        if self.journal is not None:
            self.journal.remove(outgoing)

    def _drop_too_large(self, outgoing: Outgoing) -> None:
        self.inflight.discard(outgoing)
        self._forget(outgoing)
        if self.on_dropped is not None:
            self.on_dropped(outgoing, ReasonCode.PACKET_TOO_LARGE)

    def _packet(
        self,
        message: Message,
        now: float,
        qos: int,
        retain: bool,
        dup: bool,
        packet_id: int,
        identifiers: tuple[int, ...],
    ) -> bytes:
        aliases = self.aliases
        if aliases is None:
            return message.packet(self.version, now, qos, retain, dup, packet_id, identifiers)
        alias, with_topic = aliases.use(message.topic)
        packet = message.packet(
            self.version, now, qos, retain, dup, packet_id, identifiers, alias, with_topic
        )
        if alias and with_topic and len(packet) > self.maximum_packet_size:
            aliases.forget(message.topic)
            return message.packet(self.version, now, qos, retain, dup, packet_id, identifiers)
        return packet

    def _is_too_large(self, packet: bytes) -> bool:
        """Whether it exceeds the Client's Maximum Packet Size; it then counts as sent.

        [MQTT-3.1.2-24] [MQTT-3.1.2-25]
        """
        if len(packet) > self.maximum_packet_size:
            self.counters.dropped_too_large += 1
            return True
        return False

    # -- what follows

    def acknowledged(self, packet_type: int, packet_id: int, reason_code: int) -> bool:
        """Take a PUBACK, PUBREC or PUBCOMP of the Client; False when its Packet Identifier is unknown."""
        state = self._acknowledge(packet_type, packet_id, reason_code)
        if state == COMPLETE:
            self._pump_if_something_waits()
        return state != QUEUED

    def _acknowledge(self, packet_type: int, packet_id: int, reason_code: int) -> int:
        """Take it, and answer a PUBREC; the state reached."""
        outgoing = None if self.journal is None else self.inflight.get(packet_id)
        state = self.inflight.acknowledge(packet_type, packet_id, reason_code >= 0x80)
        if state == COMPLETE:
            if outgoing is not None:
                self._forget(outgoing)
        elif packet_type == PUBREC and reason_code < 0x80:
            if outgoing is not None and self.journal is not None:
                self.journal.update(outgoing)
            self._release(packet_id, ReasonCode.SUCCESS if state else ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)
        return state

    def acknowledged_run(self, packet_type: int, first_id: int, count: int) -> None:
        """Take PUBACK, PUBREC or PUBCOMP packets of success that came one behind the other."""
        packet_id = first_id
        end = first_id + count
        while packet_id < end:
            several = 0
            if self.journal is None:
                several = self.inflight.advance(packet_type, packet_id, end - packet_id)
            if not several:
                self._acknowledge(packet_type, packet_id, ReasonCode.SUCCESS)
                several = 1
            elif packet_type == PUBREC and self.link is not None:
                self.link.send_run(acknowledgement_run(PUBREL_SUCCESS, packet_id, several), several)
            packet_id += several
        self._pump_if_something_waits()

    def _pump_if_something_waits(self) -> None:
        link = self.link
        if (
            self.backlog
            or self.retained
            or self.inflight.is_resending
            or (link is not None and link.has_waiting)
        ):
            self.pump()

    def _release(self, packet_id: int, reason_code: int) -> None:
        """Answer a PUBREC with PUBREL, or send it again [MQTT-4.3.3-4] [MQTT-4.4.0-1].

        Not before the state that it ends is durable: the message would be sent anew after a crash.
        """
        link = self.link
        if link is None:
            return
        if reason_code:
            packet = encode(Pubrel(packet_id, reason_code), self.version)
        else:
            packet = PUBREL_SUCCESS + BYTE_PAIRS[packet_id]
        if self.journal is None:
            link.send(packet)
        else:
            self.journal.promise(link, packet)

    def pump(self) -> None:
        """Send what waits, as far as the Client can take it: first what it was sent before.

        Order: unacknowledged messages of an earlier Network Connection, queued messages, retained
        messages of new Subscriptions.
        """
        link = self.link
        if link is None:
            return
        inflight = self.inflight
        for outgoing in inflight.take_releases():
            self._release(outgoing.packet_id, ReasonCode.SUCCESS)
        while inflight.is_resending and inflight.has_quota and not link.full:
            self._resend_next(link)
        if inflight.is_resending:
            return
        backlog = self.backlog
        while backlog and inflight.has_quota and not link.full:
            outgoing = backlog.pop()
            if outgoing.message.is_expired(link.turn.now):  # [MQTT-3.3.2-5]
                self.counters.dropped_expired += 1
                self._forget(outgoing)
                if self.on_dropped is not None:
                    self.on_dropped(outgoing, ReasonCode.UNSPECIFIED_ERROR)
            elif not self._may_still_have(outgoing.message):
                self.counters.dropped_refused += 1
                self._forget(outgoing)
            else:
                self._send_assured(outgoing)
        if not backlog:
            self.inherited = False
        if link.has_waiting and not link.held and not backlog.presses:
            link.relieve()
        if self.retained and not backlog:
            self._send_retained(link)

    def _may_still_have(self, message: Message) -> bool:
        """Whether its Client may receive what was queued or sent before, with the Permissions of today.

        What it inherited it must also be able to subscribe to, by this very topic.
        """
        if self.inherited and self._permissions.may_subscribe(message.topic, message.qos) < 0:
            return False
        return self._receives_everything or self._permissions.may_receive(message.topic)

    def _resend_next(self, link: Link) -> None:
        """Send one again, with its Packet Identifier and DUP 1 [MQTT-4.4.0-1] [MQTT-3.3.1-1]."""
        outgoing = self.inflight.next_to_resend()
        if outgoing is None:
            return
        if not self._may_still_have(outgoing.message):
            self.counters.dropped_refused += 1
            self.inflight.discard(outgoing)
            self._forget(outgoing)
            return
        packet = self._packet(
            outgoing.message, link.turn.now, outgoing.qos, outgoing.retain, True, outgoing.packet_id,
            outgoing.identifiers,
        )
        if self._is_too_large(packet):
            self._drop_too_large(outgoing)
            return
        self._send_in_order(link, outgoing, packet)
        self.counters.delivered += 1

    def _send_retained(self, link: Link) -> None:
        """Send the next retained messages that new Subscriptions are owed, a slice per turn."""
        left = link.turn.retained_per_turn
        waiting = self.retained
        while left > 0 and self.owes_retained:
            topic_filter, delivery = next(iter(waiting.items()))
            # One at a time: what the Link has no room for must stay with the cursor, which knows
            # what is retained when its turn comes.
            for message in delivery.cursor.take(1, link.turn.now):
                self.deliver(message, delivery.target)
            if delivery.cursor.done:
                del waiting[topic_filter]
            left -= 1

    @property
    def owes_retained(self) -> bool:
        """Whether more retained messages could be sent at once."""
        link = self.link
        if not self.retained or link is None or link.full or not self.inflight.has_quota:
            return False
        delivery = next(iter(self.retained.values()))
        return self.journal is None or self.journal.has_committed(delivery.batch)

    def discard(self) -> None:
        """The Session ends: nothing of it is kept [MQTT-4.1.0-2]."""
        self.inflight.clear()
        self.backlog.clear()
        self.counters.inflight_in -= len(self.received)
        self.received.clear()
        self.retained.clear()
        self.subscriptions.clear()
        self.wildcard_levels = 0
