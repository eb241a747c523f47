"""Variable headers and payloads: those that aMQTT's packets show, and those that programs fill in for one."""

from collections.abc import Mapping
from types import GenericAlias
from typing import Final

UNTOLD: Final = ("_kind", "password")
"""What is not written of a part, whoever logs it."""


def written(kind: str, fields: Mapping[str, object]) -> str:
    """A part as people read it."""
    shown = ", ".join(f"{name}={value!r}" for name, value in fields.items() if name not in UNTOLD)
    return f"{kind}({shown})"


class Fields:
    """A variable header or a payload: some fields of the packet, under their old names."""

    def __init__(self, kind: str, fields: dict[str, object]) -> None:
        self.__dict__.update(fields)
        self._kind = kind

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"{self.__dict__.get('_kind', 'it')} has no field {name!r}")

    def __repr__(self) -> str:
        return written(self._kind, self.__dict__)


class _Parts:
    """What has type arguments in the signatures that aMQTT documents for hooks."""

    def __class_getitem__(cls, arguments: object) -> GenericAlias:
        return GenericAlias(cls, arguments)

    def __repr__(self) -> str:
        return written(type(self).__name__, vars(self))


class MQTTVariableHeader(_Parts):
    """What some packets have behind the fixed header (MQTT 3.1.1, 2.3)."""


class MQTTPayload(_Parts):
    """What some packets have at their end (MQTT 3.1.1, 2.4)."""


class PacketIdVariableHeader(MQTTVariableHeader):
    """A Packet Identifier."""

    def __init__(self, packet_id: int) -> None:
        self.packet_id = packet_id


class ConnectVariableHeader(MQTTVariableHeader):
    """That of CONNECT (MQTT 3.1.1, 3.1.2); `connect_flags` is its byte of flags."""

    def __init__(
        self, connect_flags: int = 0, keep_alive: int = 0, proto_name: str = "MQTT", proto_level: int = 4
    ) -> None:
        self.proto_name = proto_name
        self.proto_level = proto_level
        self.keep_alive = keep_alive
        self.username_flag = bool(connect_flags & 0x80)
        self.password_flag = bool(connect_flags & 0x40)
        self.will_retain_flag = bool(connect_flags & 0x20)
        self.will_qos = connect_flags >> 3 & 3
        self.will_flag = bool(connect_flags & 0x04)
        self.clean_session_flag = bool(connect_flags & 0x02)
        self.reserved_flag = bool(connect_flags & 0x01)


class ConnectPayload(MQTTPayload):
    """That of CONNECT (MQTT 3.1.1, 3.1.3). What the flags of its header do not announce is not sent."""

    def __init__(
        self,
        client_id: str | None = None,
        will_topic: str | None = None,
        will_message: bytes | bytearray | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.client_id = client_id
        self.client_id_is_random = False
        self.will_topic = will_topic
        self.will_message = will_message
        self.username = username
        self.password = password


class ConnackVariableHeader(MQTTVariableHeader):
    """That of CONNACK (MQTT 3.1.1, 3.2.2)."""

    def __init__(self, session_parent: int | None = None, return_code: int | None = None) -> None:
        self.session_parent = session_parent
        self.return_code = return_code


class PublishVariableHeader(MQTTVariableHeader):
    """That of PUBLISH (MQTT 3.1.1, 3.3.2)."""

    def __init__(self, topic_name: str, packet_id: int | None = None) -> None:
        self.topic_name = topic_name
        self.packet_id = packet_id


class PublishPayload(MQTTPayload):
    """The Application Message."""

    def __init__(self, data: bytes | bytearray | None = None) -> None:
        self.data = data


class SubscribePayload(MQTTPayload):
    """Topic Filters with the QoS wished for."""

    def __init__(self, topics: list[tuple[str, int]] | None = None) -> None:
        self.topics = topics or []


class SubackPayload(MQTTPayload):
    """The QoS granted to each Topic Filter; 0x80 refuses it."""

    def __init__(self, return_codes: list[int] | None = None) -> None:
        self.return_codes = return_codes or []


class UnsubscribePayload(MQTTPayload):
    """Topic Filters."""

    def __init__(self, topics: list[str] | None = None) -> None:
        self.topics = topics or []
