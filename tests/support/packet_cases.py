"""Control Packets and their bytes as data: what is valid, in which version, and what is not and why.

Each test that needs packets draws them from here: the decoder, the encoder and the Server.
"""

from typing import NamedTuple

from amqtt.wire.errors import MalformedPacket, PeerError, ProtocolError
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
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
from amqtt.wire.properties import TABLE, Properties


class PacketCase(NamedTuple):
    """A packet and its bytes; `version` 0 means: before the CONNECT packet, so it must be one."""

    name: str
    version: int
    data: bytes
    packet: Packet


class FaultCase(NamedTuple):
    """Bytes that are wrong, and how."""

    name: str
    version: int
    data: bytes
    error: type[PeerError]
    reason_code: int


def present(properties: Properties | None) -> dict[str, object]:
    """The properties that are there, by name: what they are in both forms, plain and compiled."""
    absent = Properties()
    values = {row.attribute: getattr(properties, row.attribute) for row in TABLE}
    return {name: value for name, value in values.items() if value != getattr(absent, name)}


def properties_of(**values: object) -> Properties:
    properties = Properties()
    for attribute, value in values.items():
        assert hasattr(properties, attribute), attribute
        setattr(properties, attribute, value)
    return properties


ACKNOWLEDGEMENT = ("packet_id", "properties", "reason_code")
FIELDS: dict[type[object], tuple[str, ...]] = {
    Connect: ("bridge", "clean_start", "client_id", "keep_alive", "password", "properties", "username",
              "version", "will"),
    WillFields: ("payload", "properties", "qos", "retain", "topic"),
    Connack: ("properties", "reason_code", "session_present"),
    Publish: ("dup", "packet_id", "payload", "properties", "qos", "retain", "topic"),
    Puback: ACKNOWLEDGEMENT,
    Pubrec: ACKNOWLEDGEMENT,
    Pubrel: ACKNOWLEDGEMENT,
    Pubcomp: ACKNOWLEDGEMENT,
    Subscribe: ("packet_id", "properties", "requests"),
    SubscriptionRequest: ("no_local", "qos", "retain_as_published", "retain_handling", "topic_filter"),
    Suback: ("packet_id", "properties", "reason_codes"),
    Unsubscribe: ("packet_id", "properties", "topic_filters"),
    Unsuback: ("packet_id", "properties", "reason_codes"),
    Pingreq: (),
    Pingresp: (),
    Disconnect: ("properties", "reason_code"),
    Auth: ("properties", "reason_code"),
}
"""What each class holds; asking the class itself would not do where it is compiled."""
FIELDS_BY_NAME = {kind.__name__: fields for kind, fields in FIELDS.items()}
"""The same for both forms of the package, whose classes are others."""


def described(thing: object) -> object:
    """Packets, Wills and Properties as plain tuples, to compare them; `wire` is told apart by the caller."""
    if type(thing).__name__ == "Properties":
        named = sorted((row.attribute, getattr(thing, row.attribute)) for row in TABLE)
        return ("Properties", tuple((name, value) for name, value in named if value not in (None, ())))
    if isinstance(thing, list):
        return [described(one) for one in thing]
    fields = FIELDS_BY_NAME.get(type(thing).__name__)
    if fields is None:
        return thing
    return (type(thing).__name__, tuple((name, described(getattr(thing, name))) for name in fields))


def _each(versions: tuple[int, ...], name: str, data: str, packet: Packet) -> list[PacketCase]:
    return [PacketCase(f"{name}, version {version}", version, bytes.fromhex(data), packet)
            for version in versions]


def _connect(name: str, data: str, packet: Packet) -> list[PacketCase]:
    return [PacketCase(name, 0, bytes.fromhex(data), packet)]


ALL_VERSIONS = (MQTT_3_1, MQTT_3_1_1, MQTT_5)
OLD = (MQTT_3_1, MQTT_3_1_1)
NEW = (MQTT_5,)

MESSAGE_PROPERTIES = properties_of(
    payload_format_indicator=1, message_expiry_interval=4660, content_type="t", response_topic="r/x",
    correlation_data=b"\x00\xff", user_properties=(("a", "b"), ("a", "")),
)
MESSAGE_PROPERTIES_HEX = "0101 0200001234 03000174 080003722f78 09000200ff 26000161000162 260001610000"

VALID: list[PacketCase] = [
    # CONNECT
    *_connect("CONNECT of MQTT 3.1", "10 0f 0006 4d5149736470 03 02 003c 0001 61",
              Connect("a", MQTT_3_1, True, 60)),
    *_connect("CONNECT of MQTT 3.1.1, not clean, no Client Identifier", "10 0c 0004 4d515454 04 00 0000 0000",
              Connect("", MQTT_3_1_1, False, 0)),
    *_connect("CONNECT of a bridge of MQTT 3.1", "10 0f 0006 4d5149736470 83 02 003c 0001 61",
              Connect("a", MQTT_3_1, True, 60, bridge=True)),
    *_connect("CONNECT of a bridge of MQTT 3.1.1", "10 0d 0004 4d515454 84 02 003c 0001 61",
              Connect("a", MQTT_3_1_1, True, 60, bridge=True)),
    *_connect("CONNECT of MQTT 3.1.1 with all its fields",
              "10 1f 0004 4d515454 04 f6 ffff 0001 61 0003 772f74 0002 6869 0002 c3a9 0003 00ff80",
              Connect("a", MQTT_3_1_1, True, 65535, WillFields("w/t", b"hi", 2, True), "é", b"\x00\xff\x80")),
    *_connect("CONNECT of MQTT 3.1.1 with a user name alone",
              "10 10 0004 4d515454 04 82 0001 0001 61 0001 75",
              Connect("a", MQTT_3_1_1, True, 1, username="u")),
    *_connect("CONNECT of MQTT 5.0",
              "10 0e 0004 4d515454 05 02 003c 00 0001 61", Connect("a", MQTT_5, True, 60)),
    *_connect("CONNECT of MQTT 5.0 with a password alone",
              "10 11 0004 4d515454 05 42 0000 00 0001 61 0001 70", Connect("a", MQTT_5, password=b"p")),
    *_connect("CONNECT of MQTT 5.0 with a Will of QoS 1 and empty payload",
              "10 14 0004 4d515454 05 0e 0000 00 0001 61 00 0001 77 0000",
              Connect("a", MQTT_5, will=WillFields("w", b"", 1))),
    *_connect(
        "CONNECT of MQTT 5.0 with every property",
        "10 58 0004 4d515454 05 06 0000 24 11ffffffff 1500016d 1600020102 1700 1901 210001 22ffff"
        "2600016b000176 2700000001 0001 61 1f 0101 0200000005 03000174 08000172 09000163 1800000009"
        "2600016b000176 0001 77 0001 70",
        Connect(
            "a", MQTT_5,
            properties=properties_of(
                session_expiry_interval=0xFFFFFFFF, authentication_method="m", authentication_data=b"\1\2",
                request_problem_information=0, request_response_information=1, receive_maximum=1,
                topic_alias_maximum=65535, user_properties=(("k", "v"),), maximum_packet_size=1,
            ),
            will=WillFields("w", b"p", properties=properties_of(
                payload_format_indicator=1, message_expiry_interval=5, content_type="t", response_topic="r",
                correlation_data=b"c", will_delay_interval=9, user_properties=(("k", "v"),),
            )),
        ),
    ),
    # CONNACK
    *_each(OLD, "CONNACK that accepts", "20 02 00 00", Connack()),
    *_each((MQTT_3_1_1,), "CONNACK with Session Present", "20 02 01 00", Connack(True)),
    *_each(OLD, "CONNACK that knows no such Protocol Level", "20 02 00 01", Connack(False, 0x84)),
    *_each(OLD, "CONNACK that rejects the identifier", "20 02 00 02", Connack(False, 0x85)),
    *_each(OLD, "CONNACK of an unavailable Server", "20 02 00 03", Connack(False, 0x88)),
    *_each(OLD, "CONNACK that doubts the password", "20 02 00 04", Connack(False, 0x86)),
    *_each(OLD, "CONNACK that does not authorize", "20 02 00 05", Connack(False, 0x87)),
    *_each(NEW, "CONNACK that accepts", "20 03 00 00 00", Connack()),
    *_each(NEW, "CONNACK with Session Present", "20 03 01 00 00", Connack(True)),
    *_each(NEW, "CONNACK that refuses", "20 03 00 87 00", Connack(False, 0x87)),
    *_each(
        NEW, "CONNACK with every property",
        "20 3f 00 00 3c 1100000001 12000169 130005 1500016d 16000164 1a000172 1c000173 1f000165 210002 220003"
        "2400 2501 2600016b000176 2700000004 2800 2901 2a00",
        Connack(properties=properties_of(
            session_expiry_interval=1, assigned_client_identifier="i", server_keep_alive=5,
            authentication_method="m", authentication_data=b"d", response_information="r",
            server_reference="s", reason_string="e", receive_maximum=2, topic_alias_maximum=3, maximum_qos=0,
            retain_available=1, user_properties=(("k", "v"),), maximum_packet_size=4,
            wildcard_subscription_available=0, subscription_identifier_available=1,
            shared_subscription_available=0,
        )),
    ),
    # PUBLISH
    *_each(OLD, "PUBLISH at QoS 0", "30 07 0003 612f62 6869", Publish("a/b", b"hi")),
    *_each(OLD, "PUBLISH at QoS 0, retained and empty", "31 03 0001 61", Publish("a", b"", retain=True)),
    *_each(OLD, "PUBLISH at QoS 1", "32 08 0003 612f62 0001 68", Publish("a/b", b"h", 1, packet_id=1)),
    *_each(OLD, "PUBLISH at QoS 1 again", "3a 08 0003 612f62 ffff 68",
           Publish("a/b", b"h", 1, dup=True, packet_id=65535)),
    *_each(OLD, "PUBLISH at QoS 2, retained, again", "3d 05 0001 61 0102",
           Publish("a", b"", 2, True, True, 0x0102)),
    *_each(OLD, "PUBLISH longer than 127 bytes", "30 8301 0001 61" + "78" * 128, Publish("a", b"x" * 128)),
    *_each(OLD, "PUBLISH with U+FEFF in its Topic Name", "30 05 0003 efbbbf", Publish("\ufeff", b"")),
    *_each(NEW, "PUBLISH at QoS 0", "30 08 0003 612f62 00 6869", Publish("a/b", b"hi")),
    *_each(NEW, "PUBLISH at QoS 1, retained", "33 09 0003 612f62 0001 00 68",
           Publish("a/b", b"h", 1, True, packet_id=1)),
    *_each(NEW, "PUBLISH at QoS 2 again",
           "3c 06 0001 61 0001 00", Publish("a", b"", 2, dup=True, packet_id=1)),
    *_each(NEW, "PUBLISH with a Topic Alias in place of its Topic Name", "30 07 0000 03 230001 68",
           Publish("", b"h", properties=properties_of(topic_alias=1))),
    *_each(NEW, "PUBLISH with the properties of a message", "30 27 0001 61 23" + MESSAGE_PROPERTIES_HEX,
           Publish("a", b"", properties=MESSAGE_PROPERTIES)),
    *_each(NEW, "PUBLISH with several Subscription Identifiers", "30 0b 0001 61 07 0b01 0bffffff7f",
           Publish("a", b"", properties=properties_of(subscription_identifiers=(1, 268_435_455)))),
    # PUBACK, PUBREC, PUBREL, PUBCOMP
    *_each(ALL_VERSIONS, "PUBACK", "40 02 0001", Puback(1)),
    *_each(ALL_VERSIONS, "PUBREC", "50 02 ffff", Pubrec(65535)),
    *_each(ALL_VERSIONS, "PUBREL", "62 02 0001", Pubrel(1)),
    *_each(ALL_VERSIONS, "PUBCOMP", "70 02 0001", Pubcomp(1)),
    *_each(NEW, "PUBACK with a Reason Code", "40 03 0001 10", Puback(1, 0x10)),
    *_each(NEW, "PUBREC with a Reason Code", "50 03 0001 99", Pubrec(1, 0x99)),
    *_each(NEW, "PUBREL with a Reason Code", "62 03 0001 92", Pubrel(1, 0x92)),
    *_each(NEW, "PUBCOMP with a Reason Code", "70 03 0001 92", Pubcomp(1, 0x92)),
    *_each(NEW, "PUBACK with a Reason String", "40 08 0001 80 04 1f000165",
           Puback(1, 0x80, properties_of(reason_string="e"))),
    *_each(NEW, "PUBREC with a User Property", "50 0b 0001 00 07 2600016b000176",
           Pubrec(1, 0, properties_of(user_properties=(("k", "v"),)))),
    *_each(NEW, "PUBREL with a Reason String", "62 08 0001 00 04 1f000165",
           Pubrel(1, 0, properties_of(reason_string="e"))),
    *_each(NEW, "PUBCOMP with a Reason String", "70 08 0001 92 04 1f000165",
           Pubcomp(1, 0x92, properties_of(reason_string="e"))),
    # SUBSCRIBE, SUBACK
    *_each(OLD, "SUBSCRIBE to two", "82 0b 000a 0001 61 00 0002 2f23 02",
           Subscribe(10, [SubscriptionRequest("a", 0), SubscriptionRequest("/#", 2)])),
    *_each(NEW, "SUBSCRIBE with all options", "82 0b 000a 00 0001 61 2d 0001 2b 12",
           Subscribe(10, [SubscriptionRequest("a", 1, True, True, 2),
                          SubscriptionRequest("+", 2, retain_handling=1)])),
    *_each(NEW, "SUBSCRIBE with properties", "82 10 0001 09 0b01 2600016b000176 0001 61 00",
           Subscribe(1, [SubscriptionRequest("a")],
                     properties_of(subscription_identifiers=(1,), user_properties=(("k", "v"),)))),
    *_each(OLD, "SUBACK", "90 06 0001 00 01 02 80", Suback(1, [0, 1, 2, 0x80])),
    *_each(NEW, "SUBACK", "90 07 0001 00 00 02 80 a2", Suback(1, [0, 2, 0x80, 0xA2])),
    *_each(NEW, "SUBACK with a Reason String", "90 08 0001 04 1f000165 87",
           Suback(1, [0x87], properties_of(reason_string="e"))),
    # UNSUBSCRIBE, UNSUBACK
    *_each(OLD, "UNSUBSCRIBE from two", "a2 09 0001 0001 61 0002 2f23", Unsubscribe(1, ["a", "/#"])),
    *_each(NEW, "UNSUBSCRIBE", "a2 06 0001 00 0001 61", Unsubscribe(1, ["a"])),
    *_each(NEW, "UNSUBSCRIBE with a User Property", "a2 0d 0001 07 2600016b000176 0001 61",
           Unsubscribe(1, ["a"], properties_of(user_properties=(("k", "v"),)))),
    *_each(OLD, "UNSUBACK", "b0 02 0001", Unsuback(1, [])),
    *_each(NEW, "UNSUBACK", "b0 05 0001 00 00 11", Unsuback(1, [0, 0x11])),
    *_each(NEW, "UNSUBACK with a Reason String", "b0 08 0001 04 1f000165 8f",
           Unsuback(1, [0x8F], properties_of(reason_string="e"))),
    # PINGREQ, PINGRESP
    *_each(ALL_VERSIONS, "PINGREQ", "c0 00", Pingreq()),
    *_each(ALL_VERSIONS, "PINGRESP", "d0 00", Pingresp()),
    # DISCONNECT
    *_each(ALL_VERSIONS, "DISCONNECT", "e0 00", Disconnect()),
    *_each(NEW, "DISCONNECT with Will Message", "e0 01 04", Disconnect(4)),
    *_each(NEW, "DISCONNECT with a Session Expiry Interval", "e0 07 00 05 1100000000",
           Disconnect(0, properties_of(session_expiry_interval=0))),
    *_each(NEW, "DISCONNECT of a Server", "e0 11 9c 0f 1c000173 1f000165 2600016b000176",
           Disconnect(0x9C, properties_of(
               server_reference="s", reason_string="e", user_properties=(("k", "v"),)))),
    # AUTH
    *_each(NEW, "AUTH", "f0 00", Auth()),
    *_each(NEW, "AUTH that continues", "f0 0a 18 08 1500016d 16000164",
           Auth(0x18, properties_of(authentication_method="m", authentication_data=b"d"))),
    *_each(NEW, "AUTH that succeeds, with all its properties",
           "f0 15 00 13 1500016d 16000164 1f000165 2600016b000176",
           Auth(0, properties_of(authentication_method="m", authentication_data=b"d", reason_string="e",
                                 user_properties=(("k", "v"),)))),
]
"""Valid packets, in the form in which we write them ourselves."""

OTHER_FORMS: list[PacketCase] = [
    *_connect("CONNECT of MQTT 3.1 whose user name and password are left out",
              "10 0f 0006 4d5149736470 03 c2 003c 0001 61", Connect("a", MQTT_3_1, True, 60)),
    *_connect("CONNECT of MQTT 3.1 with flags that it disregards",
              "10 0f 0006 4d5149736470 03 3b 003c 0001 61", Connect("a", MQTT_3_1, True, 60)),
    *_connect("CONNECT of MQTT 3.1 with all flags of its fixed header",
              "1f 0f 0006 4d5149736470 03 02 003c 0001 61", Connect("a", MQTT_3_1, True, 60)),
    *_each((MQTT_3_1,), "SUBSCRIBE again", "8a 06 0001 0001 61 00", Subscribe(1, [SubscriptionRequest("a")])),
    *_each((MQTT_3_1,), "UNSUBSCRIBE again", "aa 05 0001 0001 61", Unsubscribe(1, ["a"])),
    *_each((MQTT_3_1,), "PUBREL again", "6a 02 0001", Pubrel(1)),
    *_each(NEW, "PUBACK that says Success", "40 03 0001 00", Puback(1)),
    *_each(NEW, "PUBACK that says Success and no properties", "40 04 0001 00 00", Puback(1)),
    *_each(NEW, "PUBREL that says no properties", "62 04 0001 92 00", Pubrel(1, 0x92)),
    *_each(NEW, "DISCONNECT that says Normal", "e0 01 00", Disconnect()),
    *_each(NEW, "DISCONNECT that says Normal and no properties", "e0 02 00 00", Disconnect()),
    *_each(NEW, "DISCONNECT that says no properties", "e0 02 81 00", Disconnect(0x81)),
    *_each(NEW, "PUBLISH with its properties in another order", "30 0b 0001 61 07 230001 0101 0b05",
           Publish("a", b"", properties=properties_of(
               topic_alias=1, payload_format_indicator=1, subscription_identifiers=(5,)))),
]
"""Valid packets that we would write in another way."""


def _malformed(versions: tuple[int, ...], name: str, data: str, reason_code: int = 0x81) -> list[FaultCase]:
    return [
        FaultCase(f"{name}, version {version}", version, bytes.fromhex(data), MalformedPacket, reason_code)
        for version in versions
    ]


def _violation(versions: tuple[int, ...], name: str, data: str, reason_code: int = 0x82) -> list[FaultCase]:
    return [
        FaultCase(f"{name}, version {version}", version, bytes.fromhex(data), ProtocolError, reason_code)
        for version in versions
    ]


FIRST = (0,)

FAULTS: list[FaultCase] = [
    # The first packet
    *_violation(FIRST, "a first PUBLISH [MQTT-3.1.0-1]", "30"),
    *_violation(FIRST, "a first PINGREQ [MQTT-3.1.0-1]", "c0"),
    *_violation(FIRST, "a first AUTH [MQTT-3.1.0-1]", "f0"),
    *_malformed(FIRST, "CONNECT with reserved flags [MQTT-2.1.3-1]",
                "11 0d 0004 4d515454 04 02 0000 0001 61"),
    *_malformed(FIRST, "CONNECT of 5.0 with reserved flags [MQTT-2.1.3-1]",
                "12 0e 0004 4d515454 05 02 0000 00 0001 61"),
    *_malformed(FIRST, "a ClientHello of TLS", "16 03 01 0200", 0x81),
    *_violation(FIRST, "packet type 0 [MQTT-3.1.0-1]", "00"),
    *_violation(FIRST, "a request of HTTP [MQTT-3.1.0-1]", "47"),
    *_violation(FIRST, "a CONNECT beyond the bound", "10 ffff03", 0x95),
    *_violation(FIRST, "a CONNECT beyond every bound", "10 ffffff7f", 0x95),
    # Fixed headers
    *_malformed(ALL_VERSIONS, "packet type 0", "00 00"),
    *_malformed(OLD, "packet type 15", "f0 00"),
    *_malformed(ALL_VERSIONS, "a Remaining Length of five bytes [MQTT-1.5.5-1]", "30 ffffffff01"),
    *_malformed(ALL_VERSIONS, "a Remaining Length with a needless byte [MQTT-1.5.5-1]", "c0 8000"),
    *_malformed(ALL_VERSIONS, "a Remaining Length with needless bytes [MQTT-1.5.5-1]", "30 ff808000"),
    *_violation(ALL_VERSIONS, "a packet beyond the bound", "30 81808001", 0x95),
    *[case
      for first in (0x21, 0x41, 0x58, 0x60, 0x63, 0x72, 0x80, 0x83, 0x92, 0xA0, 0xA3, 0xB2, 0xC1, 0xD4, 0xE2)
      for case in _malformed(ALL_VERSIONS, f"reserved flags in {first:#04x} [MQTT-2.1.3-1]", f"{first:02x}")],
    *_malformed(NEW, "reserved flags in AUTH [MQTT-3.15.1-1]", "f1 00"),
    *[case for first in (0x6A, 0x8A, 0xAA)
      for case in _malformed((MQTT_3_1_1, MQTT_5), f"DUP in {first:#04x} [MQTT-2.1.3-1]", f"{first:02x}")],
    # CONNECT
    *_malformed(FIRST, "a Protocol Name of something else [MQTT-3.1.2-1]",
                "10 0c 0004 48545450 04 00 0000 0000", 0x84),
    *_malformed(FIRST, "a Protocol Name in other letters [MQTT-3.1.2-1]",
                "10 0c 0004 6d717474 04 00 0000 0000", 0x84),
    *_malformed(FIRST, "a Protocol Name that is no UTF-8", "10 0c 0004 ff515454 04 00 0000 0000"),
    *_malformed(FIRST, "CONNECT without anything", "10 00"),
    *_malformed(FIRST, "CONNECT without Protocol Level", "10 06 0004 4d515454"),
    *_malformed(FIRST, "CONNECT without flags", "10 07 0004 4d515454 04"),
    *_malformed(FIRST, "CONNECT without Keep Alive", "10 09 0004 4d515454 04 02 00"),
    *_malformed(FIRST, "CONNECT without Client Identifier", "10 0a 0004 4d515454 04 02 0000"),
    *_violation(FIRST, "Protocol Level 6", "10 0d 0004 4d515454 06 02 0000 00 0000", 0x84),
    *_violation(FIRST, "Protocol Level 3 of MQTT", "10 0c 0004 4d515454 03 02 0000 0000", 0x84),
    *_violation(FIRST, "Protocol Level 4 of MQIsdp", "10 0e 0006 4d5149736470 04 02 0000 0000", 0x84),
    *_violation(FIRST, "Protocol Level 5 of a bridge", "10 0d 0004 4d515454 85 02 0000 00 0000", 0x84),
    *_malformed(FIRST, "the reserved Connect Flag in 3.1.1 [MQTT-3.1.2-3]",
                "10 0c 0004 4d515454 04 03 0000 0000"),
    *_malformed(FIRST, "the reserved Connect Flag in 5.0 [MQTT-3.1.2-3]",
                "10 0d 0004 4d515454 05 03 0000 00 0000"),
    *_malformed(FIRST, "Will QoS without Will [MQTT-3.1.2-11]", "10 0c 0004 4d515454 04 0a 0000 0000"),
    *_malformed(FIRST, "Will Retain without Will [MQTT-3.1.2-13]", "10 0d 0004 4d515454 05 22 0000 00 0000"),
    *_malformed(FIRST, "Will QoS 3 [MQTT-3.1.2-12]", "10 11 0004 4d515454 04 1e 0000 0000 0001 77 0000"),
    *_malformed(FIRST, "Will QoS 3 in MQTT 3.1", "10 13 0006 4d5149736470 03 1e 0000 0000 0001 77 0000"),
    *_malformed(FIRST, "a Will Topic with a wildcard",
                "10 11 0004 4d515454 04 06 0000 0000 0001 23 0000", 0x90),
    *_malformed(FIRST, "a Will Topic that is empty [MQTT-4.7.3-1]",
                "10 10 0004 4d515454 04 06 0000 0000 0000 0000", 0x90),
    *_malformed(FIRST, "a Will without its payload", "10 0f 0004 4d515454 04 06 0000 0000 0001 77"),
    *_malformed(FIRST, "a Will Delay Interval outside of a Will",
                "10 12 0004 4d515454 05 02 0000 05 1800000000 0000"),
    *_malformed(FIRST, "a Session Expiry Interval in a Will",
                "10 17 0004 4d515454 05 06 0000 00 0000 05 1100000000 0001 77 0000"),
    *_violation(FIRST, "a Will with two Will Delay Intervals",
                "10 1c 0004 4d515454 05 06 0000 00 0000 0a 1800000000 1800000000 0001 77 0000"),
    *_malformed(FIRST, "a password without a user name in 3.1.1",
                "10 0f 0004 4d515454 04 42 0000 0000 0001 70"),
    *_malformed(FIRST, "a user name that is left out in 3.1.1", "10 0c 0004 4d515454 04 82 0000 0000"),
    *_malformed(FIRST, "a password that is left out in 5.0", "10 0d 0004 4d515454 05 42 0000 00 0000"),
    *_malformed(FIRST, "a user name with U+0000 [MQTT-1.5.4-2]",
                "10 0f 0004 4d515454 04 82 0000 0000 0001 00"),
    *_malformed(FIRST, "a user name that is cut off", "10 0f 0004 4d515454 04 82 0000 0000 0002 75"),
    *_malformed(FIRST, "a Client Identifier with a surrogate [MQTT-1.5.4-1]",
                "10 0f 0004 4d515454 04 02 0000 0003 eda080"),
    *_malformed(FIRST, "CONNECT with a byte too many", "10 0d 0004 4d515454 04 02 0000 0000 00"),
    *_violation(FIRST, "Receive Maximum 0", "10 10 0004 4d515454 05 02 0000 03 210000 0000"),
    *_violation(FIRST, "Maximum Packet Size 0", "10 12 0004 4d515454 05 02 0000 05 2700000000 0000"),
    *_violation(FIRST, "Request Problem Information 2", "10 0f 0004 4d515454 05 02 0000 02 1702 0000"),
    *_violation(FIRST, "Request Response Information 2", "10 0f 0004 4d515454 05 02 0000 02 1902 0000"),
    *_violation(FIRST, "Authentication Data alone", "10 10 0004 4d515454 05 02 0000 03 160000 0000"),
    # CONNACK
    *_malformed(ALL_VERSIONS, "CONNACK without a code", "20 01 00"),
    *_malformed(ALL_VERSIONS, "CONNACK with reserved flags [MQTT-3.2.2-1]", "20 03 02 00 00"),
    *_violation(OLD, "CONNACK with return code 6", "20 02 00 06"),
    *_violation(NEW, "CONNACK with an unknown Reason Code [MQTT-3.2.2-8]", "20 03 00 01 00"),
    *_violation(OLD, "CONNACK that refuses with Session Present [MQTT-3.2.2-6]", "20 02 01 05"),
    *_violation(NEW, "CONNACK that refuses with Session Present [MQTT-3.2.2-6]", "20 03 01 87 00"),
    *_malformed(OLD, "CONNACK with a byte too many", "20 03 00 00 00"),
    *_malformed(NEW, "CONNACK with a byte too many", "20 04 00 00 00 00"),
    *_malformed(NEW, "CONNACK without Property Length [MQTT-2.2.2-1]", "20 02 00 00"),
    *_violation(NEW, "Maximum QoS 2", "20 05 00 00 02 2402"),
    *_violation(NEW, "Retain Available 2", "20 05 00 00 02 2502"),
    *_violation(NEW, "Wildcard Subscription Available 2", "20 05 00 00 02 2802"),
    *_violation(NEW, "Subscription Identifier Available 2", "20 05 00 00 02 2902"),
    *_violation(NEW, "Shared Subscription Available 2", "20 05 00 00 02 2a02"),
    # PUBLISH
    *_malformed(ALL_VERSIONS, "QoS 3 [MQTT-3.3.1-4]", "36 05 0001 61 0001"),
    *_violation(ALL_VERSIONS, "DUP at QoS 0 [MQTT-3.3.1-2]", "38 03 0001 61"),
    *_malformed(ALL_VERSIONS, "PUBLISH without anything", "30 00"),
    *_malformed(ALL_VERSIONS, "PUBLISH with half a length", "30 01 00"),
    *_malformed(ALL_VERSIONS, "a Topic Name that is cut off", "30 03 0002 61"),
    *_malformed(ALL_VERSIONS, "a Topic Name with + [MQTT-3.3.2-2]", "30 06 0003 612f2b 00", 0x90),
    *_malformed(ALL_VERSIONS, "a Topic Name with # [MQTT-3.3.2-2]", "30 04 0001 23 00", 0x90),
    *_malformed(ALL_VERSIONS, "a Topic Name with U+0000 [MQTT-4.7.3-2]", "30 05 0002 6100 00"),
    *_malformed(ALL_VERSIONS, "a Topic Name that is no UTF-8 [MQTT-3.3.2-1]", "30 05 0002 c328 00"),
    *_malformed(OLD, "an empty Topic Name [MQTT-4.7.3-1]", "30 03 0000 68", 0x90),
    *_violation(NEW, "an empty Topic Name without Topic Alias", "30 03 0000 00"),
    *_violation(NEW, "an empty Topic Name with another property", "30 05 0000 02 0101"),
    *_malformed(ALL_VERSIONS, "PUBLISH at QoS 1 without Packet Identifier", "32 04 0001 61 00"),
    *_violation(ALL_VERSIONS, "PUBLISH with Packet Identifier 0 [MQTT-2.2.1-3]", "32 06 0001 61 0000 00"),
    *_malformed(NEW, "PUBLISH without Property Length [MQTT-2.2.2-1]", "30 03 0001 61"),
    *_malformed(NEW, "a Property Length beyond the packet", "30 05 0001 61 02 01"),
    *_malformed(NEW, "a Property Length with a needless byte [MQTT-1.5.5-1]", "30 05 0001 61 8000"),
    *_malformed(NEW, "a Property Length of five bytes [MQTT-1.5.5-1]", "30 08 0001 61 8080808001"),
    *_malformed(NEW, "a Property Length that is cut off", "30 04 0001 61 80"),
    *_malformed(NEW, "property identifier 0", "30 06 0001 61 02 0000"),
    *_malformed(NEW, "property identifier 0x2b", "30 06 0001 61 02 2b00"),
    *_malformed(NEW, "a property identifier of two bytes", "30 07 0001 61 03 810001"),
    *_malformed(NEW, "a Session Expiry Interval in PUBLISH", "30 09 0001 61 05 1100000000"),
    *_malformed(NEW, "a byte that is cut off", "30 05 0001 61 01 01"),
    *_malformed(NEW, "a Two Byte Integer that is cut off", "30 06 0001 61 02 2300"),
    *_malformed(NEW, "a Four Byte Integer that is cut off", "30 08 0001 61 04 02000000"),
    *_malformed(NEW, "a string that is cut off by the Property Length", "30 08 0001 61 03 030001 61"),
    *_malformed(NEW, "a string without all of its length", "30 06 0001 61 02 0300"),
    *_malformed(NEW, "a User Property without value", "30 08 0001 61 04 26000161"),
    *_malformed(NEW, "a User Property whose value is no UTF-8 [MQTT-1.5.7-1]",
                "30 0b 0001 61 07 260001610001ff"),
    *_violation(NEW, "two Payload Format Indicators", "30 08 0001 61 04 0101 0101"),
    *_violation(NEW, "two Topic Aliases", "30 0a 0001 61 06 230001 230001"),
    *_violation(NEW, "Payload Format Indicator 2", "30 06 0001 61 02 0102"),
    *_violation(NEW, "Topic Alias 0 [MQTT-3.3.2-8]", "30 07 0001 61 03 230000", 0x94),
    *_violation(NEW, "Subscription Identifier 0", "30 06 0001 61 02 0b00"),
    *_violation(NEW, "a Response Topic with a wildcard [MQTT-3.3.2-14]", "30 08 0001 61 04 0800012b"),
    *_violation(NEW, "a Response Topic that is empty [MQTT-4.7.3-1]", "30 07 0001 61 03 080000"),
    *_malformed(NEW, "a Response Topic that is no UTF-8 [MQTT-3.3.2-13]", "30 08 0001 61 04 080001ff"),
    # PUBACK, PUBREC, PUBREL, PUBCOMP
    *[case for first in (0x40, 0x50, 0x62, 0x70) for case in (
        *_malformed(ALL_VERSIONS, f"{first:#04x} without Packet Identifier", f"{first:02x} 01 00"),
        *_violation(ALL_VERSIONS, f"{first:#04x} with Packet Identifier 0", f"{first:02x} 02 0000"),
        *_malformed(OLD, f"{first:#04x} with a byte too many", f"{first:02x} 03 0001 00"),
        *_malformed(NEW, f"{first:#04x} with a byte too many", f"{first:02x} 05 0001 00 00 00"),
        *_violation(NEW, f"{first:#04x} with an unknown Reason Code", f"{first:02x} 03 0001 01"),
        *_malformed(NEW, f"{first:#04x} with a property of others", f"{first:02x} 06 0001 00 02 0101"),
    )],
    *_violation(NEW, "PUBREL with a Reason Code of PUBREC [MQTT-3.6.2-1]", "62 03 0001 80"),
    *_violation(NEW, "PUBACK with a Reason Code of PUBREL [MQTT-3.4.2-1]", "40 03 0001 92"),
    # SUBSCRIBE, SUBACK
    *_malformed(ALL_VERSIONS, "SUBSCRIBE without Packet Identifier", "82 00"),
    *_violation(ALL_VERSIONS, "SUBSCRIBE with Packet Identifier 0", "82 07 0000 00 0001 61 00"),
    *_violation(OLD, "SUBSCRIBE without Topic Filter [MQTT-3.8.3-2]", "82 02 0001"),
    *_violation(NEW, "SUBSCRIBE without Topic Filter [MQTT-3.8.3-2]", "82 03 0001 00"),
    *_malformed(OLD, "SUBSCRIBE without options", "82 05 0001 0001 61"),
    *_malformed(NEW, "SUBSCRIBE without options", "82 06 0001 00 0001 61"),
    *_malformed(OLD, "SUBSCRIBE to an empty Topic Filter [MQTT-4.7.3-1]", "82 05 0001 0000 00"),
    *_malformed(NEW, "SUBSCRIBE to an empty Topic Filter [MQTT-4.7.3-1]", "82 06 0001 00 0000 00"),
    *_malformed(OLD, "SUBSCRIBE to what is no UTF-8 [MQTT-3.8.3-1]", "82 06 0001 0001 ff 00"),
    *_malformed(OLD, "SUBSCRIBE with QoS 3", "82 06 0001 0001 61 03"),
    *_malformed(OLD, "SUBSCRIBE with options of MQTT 5.0", "82 06 0001 0001 61 04"),
    *_violation(NEW, "SUBSCRIBE with QoS 3", "82 07 0001 00 0001 61 03"),
    *_violation(NEW, "SUBSCRIBE with Retain Handling 3", "82 07 0001 00 0001 61 30"),
    *_malformed(NEW, "SUBSCRIBE with reserved options [MQTT-3.8.3-5]", "82 07 0001 00 0001 61 40"),
    *_malformed(NEW, "SUBSCRIBE with the other reserved option [MQTT-3.8.3-5]", "82 07 0001 00 0001 61 80"),
    *_violation(NEW, "SUBSCRIBE with two Subscription Identifiers", "82 0b 0001 04 0b01 0b02 0001 61 00"),
    *_violation(NEW, "SUBSCRIBE with Subscription Identifier 0", "82 09 0001 02 0b00 0001 61 00"),
    *_malformed(NEW, "SUBSCRIBE with a Subscription Identifier of five bytes [MQTT-1.5.5-1]",
                "82 0d 0001 06 0b8080808001 0001 61 00"),
    *_malformed(NEW, "SUBSCRIBE with a Reason String", "82 0b 0001 04 1f000161 0001 61 00"),
    *_violation(OLD, "SUBACK without a code", "90 02 0001"),
    *_violation(NEW, "SUBACK without a code", "90 03 0001 00"),
    *_violation(OLD, "SUBACK with a code of MQTT 5.0 [MQTT-3.9.3-2 of 3.1.1]", "90 03 0001 87"),
    *_violation(NEW, "SUBACK with an unknown code [MQTT-3.9.3-2]", "90 05 0001 00 00 03"),
    *_malformed(ALL_VERSIONS, "SUBACK without Packet Identifier", "90 01 00"),
    # UNSUBSCRIBE, UNSUBACK
    *_violation(OLD, "UNSUBSCRIBE without Topic Filter [MQTT-3.10.3-2]", "a2 02 0001"),
    *_violation(NEW, "UNSUBSCRIBE without Topic Filter [MQTT-3.10.3-2]", "a2 03 0001 00"),
    *_violation(ALL_VERSIONS, "UNSUBSCRIBE with Packet Identifier 0", "a2 06 0000 00 0001 61"),
    *_malformed(OLD, "UNSUBSCRIBE from an empty Topic Filter [MQTT-4.7.3-1]", "a2 04 0001 0000"),
    *_malformed(NEW, "UNSUBSCRIBE from an empty Topic Filter [MQTT-4.7.3-1]", "a2 05 0001 00 0000"),
    *_malformed(OLD, "UNSUBSCRIBE with a byte too many", "a2 06 0001 0001 61 00"),
    *_malformed(NEW, "UNSUBSCRIBE with a Subscription Identifier", "a2 08 0001 02 0b01 0001 61"),
    *_malformed(OLD, "UNSUBACK with a byte too many", "b0 03 0001 00"),
    *_violation(NEW, "UNSUBACK without a code", "b0 03 0001 00"),
    *_violation(NEW, "UNSUBACK with an unknown code [MQTT-3.11.3-2]", "b0 04 0001 00 01"),
    # PINGREQ, PINGRESP, DISCONNECT, AUTH
    *_malformed(ALL_VERSIONS, "PINGREQ with a byte too many", "c0 01 00"),
    *_malformed(ALL_VERSIONS, "PINGRESP with a byte too many", "d0 01 00"),
    *_malformed(OLD, "DISCONNECT with a Reason Code", "e0 01 00"),
    *_violation(NEW, "DISCONNECT with an unknown Reason Code [MQTT-3.14.2-1]", "e0 01 01"),
    *_malformed(NEW, "DISCONNECT with a byte too many", "e0 03 00 00 00"),
    *_malformed(NEW, "DISCONNECT with a Receive Maximum", "e0 05 00 03 210001"),
    *_malformed(NEW, "AUTH without Property Length", "f0 01 18"),
    *_violation(NEW, "AUTH without Authentication Method", "f0 02 18 00"),
    *_violation(NEW, "AUTH with a Reason String alone", "f0 06 18 04 1f000165"),
    *_violation(NEW, "AUTH with an unknown Reason Code [MQTT-3.15.2-1]", "f0 06 01 04 1500016d"),
    *_malformed(NEW, "AUTH with a byte too many", "f0 07 18 04 1500016d 00"),
]
"""What a peer can do wrong, with the kind of error and its Reason Code."""
