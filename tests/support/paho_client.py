"""paho-mqtt in threads: every wait has a deadline, and what it says is kept."""

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from support.served import DEADLINE

Found = TypeVar("Found")


def given(packet_type: int, **values: object) -> Properties:
    """Properties of a packet of this type."""
    made = Properties(packet_type)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Paho:
    """One paho.mqtt.client.Client with its network thread."""

    def __init__(
        self, client_id: str, version: int = paho.MQTTv311, transport: Any = "tcp", **options: Any
    ) -> None:
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion(version),
            transport=transport,
            reconnect_on_failure=False,
            **options,
        )
        self.version = version
        self.messages: deque[paho.MQTTMessage] = deque()
        self.connack: tuple[ReasonCode, bool, Properties | None] | None = None
        self.closed: tuple[ReasonCode, bool] | None = None
        self._acknowledged: dict[int, list[ReasonCode]] = {}
        self._published: dict[int, ReasonCode] = {}
        self._wanted = 0
        self._happened = threading.Condition()
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.max_queued_messages_set(0)

    # -- what its thread calls

    def _note(self, note: Callable[[], object]) -> None:
        with self._happened:
            note()
            self._happened.notify_all()

    def _on_connect(self, _c: object, _u: object, flags: Any, code: Any, properties: Any) -> None:
        self._note(lambda: setattr(self, "connack", (code, flags.session_present, properties)))

    def _on_disconnect(self, _c: object, _u: object, flags: Any, code: Any, _p: object) -> None:
        self._note(lambda: setattr(self, "closed", (code, flags.is_disconnect_packet_from_server)))

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        with self._happened:
            self.messages.append(message)
            # To wake whoever waits for ten thousand of them at each one would take longer than they do.
            if len(self.messages) == self._wanted:
                self._happened.notify_all()

    def _on_subscribe(self, _c: object, _u: object, mid: int, codes: list[ReasonCode], _p: object) -> None:
        self._note(lambda: self._acknowledged.update({mid: codes}))

    def _on_publish(self, _c: object, _u: object, mid: int, code: Any, _p: object) -> None:
        self._note(lambda: self._published.update({mid: code}))

    def wait(self, found: Callable[[], Found | None], what: str) -> Found:
        """Wait until there is something."""
        with self._happened:
            assert self._happened.wait_for(lambda: found() is not None, DEADLINE), f"{what} does not come"
            result = found()
        assert result is not None
        return result

    # -- what tests call

    def open(
        self, where: int | str, clean: bool = True, keepalive: int = 60, **properties: object
    ) -> ReasonCode:
        """Connect to a port of this machine or a socket file; the Reason Code of the CONNACK.

        `clean` is Clean Start, and before MQTT 5.0 an argument of the constructor.
        """
        host, port = ("127.0.0.1", where) if isinstance(where, int) else (where, 1883)
        if self.version == paho.MQTTv5:
            values = given(PacketTypes.CONNECT, **properties)
            self.client.connect(host, port, keepalive, clean_start=clean, properties=values)
        else:
            self.client.connect(host, port, keepalive)
        self.client.loop_start()
        return self.wait(lambda: self.connack, "CONNACK")[0]

    @property
    def session_present(self) -> bool:
        """What the CONNACK said of the Session."""
        assert self.connack is not None
        return self.connack[1]

    @property
    def connack_properties(self) -> dict[str, Any]:
        """The properties of the CONNACK, by the names in the standard without blanks."""
        assert self.connack is not None
        assert self.connack[2] is not None
        return dict(self.connack[2].json())

    def subscribe(self, topic_filter: str, qos: int = 0, identifier: int = 0, **options: Any) -> int:
        """Subscribe; the number of the Reason Code in the SUBACK."""
        if self.version == paho.MQTTv5:
            values = given(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier) if identifier else None
            wanted = SubscribeOptions(qos, **options)
            _, mid = self.client.subscribe(topic_filter, options=wanted, properties=values)
        else:
            _, mid = self.client.subscribe(topic_filter, qos)
        assert mid is not None
        (code,) = self.wait(lambda: self._acknowledged.get(mid), "SUBACK")
        return int(code.value)

    def publish(
        self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, **properties: object
    ) -> int:
        """Publish; the Packet Identifier to wait for with `published`."""
        values = given(PacketTypes.PUBLISH, **properties) if properties else None
        return self.client.publish(topic, payload, qos, retain, values).mid

    def published(self, mid: int) -> ReasonCode:
        """Wait until a message is acknowledged completely; the Reason Code (success before MQTT 5.0)."""
        return self.wait(lambda: self._published.get(mid), "the acknowledgement")

    def message(self) -> paho.MQTTMessage:
        """The next message."""
        return self.take(1)[0]

    def take(self, count: int) -> list[paho.MQTTMessage]:
        """The next messages, as many as this."""
        with self._happened:
            self._wanted = count
            there = self._happened.wait_for(lambda: len(self.messages) >= count, DEADLINE)
            assert there, f"{len(self.messages)} messages in place of {count}"
            return [self.messages.popleft() for _ in range(count)]

    def expect_closed(self) -> tuple[ReasonCode, bool]:
        """Wait until the Network Connection is gone: why, and whether the Server said so."""
        return self.wait(lambda: self.closed, "the end of the Network Connection")

    def leave(self) -> None:
        """DISCONNECT where it is connected; it can be opened again, with all that it has not finished."""
        self.close()
        # paho makes others at the next start of its thread, and forgets these.
        self.client._reset_sockets(sockpair_only=True)
        self.connack = self.closed = None

    def lose(self) -> None:
        """Break the Network Connection without a DISCONNECT."""
        connected = self.client.socket()
        assert isinstance(connected, socket.socket)
        connected.shutdown(socket.SHUT_RDWR)
        self.expect_closed()

    def close(self) -> None:
        """DISCONNECT and end the thread; does nothing the second time."""
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


Connects = Callable[..., Paho]
"""Makes a Paho that is closed behind the test."""
