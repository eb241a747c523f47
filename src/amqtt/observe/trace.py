"""A trace: every Control Packet of one Client, topic or address, a line each, in a file."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Final, TextIO

from amqtt.abc import Peer
from amqtt.observe.log import printable, whence
from amqtt.observe.settings import TraceSettings
from amqtt.server.events import PacketReceived, PacketSent
from amqtt.server.realm import Realm
from amqtt.server.watching import watch_sent_packets
from amqtt.topics.names import matches
from amqtt.wire.packets import Connect, Packet, Publish, Subscribe, Unsubscribe
from amqtt.wire.properties import TABLE, Properties

logger = logging.getLogger("amqtt.broker")

LARGEST_TRACE: Final = 100 * 1024 * 1024
"""Bytes of a file: who forgets a trace must not fill the disk."""
_FIELDS: Final = (
    "version", "clean_start", "keep_alive", "username", "session_present", "topic", "qos", "retain", "dup",
    "packet_id", "reason_code", "reason_codes",
)
"""What is written of a packet, as far as it has it."""
_PRIVATE_PROPERTIES: Final = frozenset({"authentication_data", "correlation_data", "user_properties"})
"""What may hold secrets, of Clients or of applications."""
_MODE: Final = 0o600


class Trace:
    """Writes what the settings ask for, from `begin` to `end`, or until the file has so many bytes."""

    def __init__(self, realm: Realm, settings: TraceSettings, largest: int = LARGEST_TRACE) -> None:
        self.settings = settings
        self._realm = realm
        self._largest = largest
        self._network = None if settings.address is None else ip_network(settings.address, strict=False)
        self._file: TextIO | None = None

    def begin(self) -> None:
        """Open the file and write from now on; OSError if it cannot be opened."""
        descriptor = os.open(self.settings.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
        self._file = os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace", buffering=1)
        events = self._realm.events
        watch_sent_packets(self._realm)
        events.on(PacketReceived, self._received)
        events.on(PacketSent, self._sent)
        logger.info("Tracing to %s", self.settings.file)

    def end(self) -> None:
        """Write no more. Idempotent."""
        if self._file is None:
            return
        self._realm.events.off(PacketReceived, self._received)
        self._realm.events.off(PacketSent, self._sent)
        file, self._file = self._file, None
        with suppress(OSError):
            file.close()

    def _received(self, event: PacketReceived) -> None:
        self._take(event.client_id, event.packet, event.peer, ">")

    def _sent(self, event: PacketSent) -> None:
        self._take(event.client_id, event.packet, event.peer, "<")

    def _take(self, client_id: str, packet: Packet, peer: Peer, direction: str) -> None:
        if isinstance(packet, Connect):
            client_id = packet.client_id
        if self._file is None or not self._asks_for(client_id, packet, peer):
            return
        moment = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
        words = " ".join(_words(packet))
        who = f"{printable(client_id) or '-'} {whence(peer)}"
        try:
            self._file.write(f"{stamp}.{int(moment % 1 * 1000):03}Z {who} {direction} {words}\n")
            if self._file.tell() < self._largest:
                return
            logger.warning("%s has %d bytes: its trace ends", self.settings.file, self._largest)
        except OSError as error:
            logger.warning("%s cannot be written, so its trace ends: %s", self.settings.file, error.strerror)
        self.end()

    def _asks_for(self, client_id: str, packet: Packet, peer: Peer) -> bool:
        settings = self.settings
        if settings.client is not None and settings.client != client_id:
            return False
        if settings.topic is not None and not (
            isinstance(packet, Publish) and packet.topic and matches(settings.topic, packet.topic)
        ):
            return False
        if self._network is None:
            return True
        return bool(peer.address) and ip_address(peer.address) in self._network


def _words(packet: Packet) -> Iterator[str]:
    """What stands in a packet, without payloads and passwords."""
    yield type(packet).__name__.upper()
    for name in _FIELDS:
        value = getattr(packet, name, None)
        if value is not None and value is not False:
            yield f"{name}={_shown(value)}"
    if isinstance(packet, Publish):
        yield f"payload={len(packet.payload)} bytes"
    elif isinstance(packet, Subscribe):
        yield " ".join(f"{_shown(each.topic_filter)}/{each.qos}" for each in packet.requests)
    elif isinstance(packet, Unsubscribe):
        yield " ".join(_shown(each) for each in packet.topic_filters)
    elif isinstance(packet, Connect) and packet.will is not None:
        yield f"will={_shown(packet.will.topic)}/{packet.will.qos}"
    properties: Properties | None = getattr(packet, "properties", None)
    if properties is not None:
        for row in TABLE:
            value = getattr(properties, row.attribute)
            if value not in (None, ()) and row.attribute not in _PRIVATE_PROPERTIES:
                yield f"{row.attribute}={_shown(value)}"


def _shown(value: object) -> str:
    return repr(printable(value)) if isinstance(value, str) else printable(str(value))
