"""A slow, obvious decoder of MQTT, written from the standard alone: the oracle of the fast one.

It takes a whole stream at once and uses nothing of amqtt's: packets are tuples, as `described`
makes them. It does not tell kinds of errors apart: two faults in one packet have no order.
"""

from io import BytesIO

NAMES = ("", "Connect", "Connack", "Publish", "Puback", "Pubrec", "Pubrel", "Pubcomp", "Subscribe", "Suback",
         "Unsubscribe", "Unsuback", "Pingreq", "Pingresp", "Disconnect", "Auth")

EVERY_BEARER = " ".join(("Will", *NAMES[1:12], "Disconnect", "Auth"))

# identifier: (attribute, type, bearers by name), from table 2-4.
PROPERTIES = {
    0x01: ("payload_format_indicator", "bool", "Publish Will"),
    0x02: ("message_expiry_interval", "4", "Publish Will"),
    0x03: ("content_type", "text", "Publish Will"),
    0x08: ("response_topic", "topic", "Publish Will"),
    0x09: ("correlation_data", "binary", "Publish Will"),
    0x0B: ("subscription_identifiers", "variable", "Publish Subscribe"),
    0x11: ("session_expiry_interval", "4", "Connect Connack Disconnect"),
    0x12: ("assigned_client_identifier", "text", "Connack"),
    0x13: ("server_keep_alive", "2", "Connack"),
    0x15: ("authentication_method", "text", "Connect Connack Auth"),
    0x16: ("authentication_data", "binary", "Connect Connack Auth"),
    0x17: ("request_problem_information", "bool", "Connect"),
    0x18: ("will_delay_interval", "4", "Will"),
    0x19: ("request_response_information", "bool", "Connect"),
    0x1A: ("response_information", "text", "Connack"),
    0x1C: ("server_reference", "text", "Connack Disconnect"),
    0x1F: ("reason_string", "text", "Connack Puback Pubrec Pubrel Pubcomp Suback Unsuback Disconnect Auth"),
    0x21: ("receive_maximum", "2 not 0", "Connect Connack"),
    0x22: ("topic_alias_maximum", "2", "Connect Connack"),
    0x23: ("topic_alias", "2 not 0", "Publish"),
    0x24: ("maximum_qos", "bool", "Connack"),
    0x25: ("retain_available", "bool", "Connack"),
    0x26: ("user_properties", "pair", EVERY_BEARER),
    0x27: ("maximum_packet_size", "4 not 0", "Connect Connack"),
    0x28: ("wildcard_subscription_available", "bool", "Connack"),
    0x29: ("subscription_identifier_available", "bool", "Connack"),
    0x2A: ("shared_subscription_available", "bool", "Connack"),
}

# Reason Codes by packet, from the tables of chapter 3.
REASONS = {
    "Connack": "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
    "Puback": "00 10 80 83 87 90 91 97 99",
    "Pubrec": "00 10 80 83 87 90 91 97 99",
    "Pubrel": "00 92",
    "Pubcomp": "00 92",
    "Suback": "00 01 02 80 83 87 8f 91 97 9e a1 a2",
    "Unsuback": "00 11 80 83 87 8f 91",
    "Disconnect": "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
    "Auth": "00 18 19",
}
RETURN_CODES = {0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}


class RefusedError(Exception):
    """The bytes are not MQTT."""


class IncompleteError(Exception):
    """The bytes end within a packet."""


def require(truth: bool) -> None:
    if not truth:
        raise RefusedError


class Fields:
    """The fields of a packet, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.stream = BytesIO(data)
        self.length = len(data)

    def left(self) -> int:
        return self.length - self.stream.tell()

    def take(self, count: int) -> bytes:
        require(count <= self.left())
        return self.stream.read(count)

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def variable(self) -> int:
        encoded = bytearray(self.take(1))
        while encoded[-1] >= 0x80:
            require(len(encoded) < 4)
            encoded += self.take(1)
        require(len(encoded) == 1 or encoded[-1] != 0)
        return sum((byte & 0x7F) * 128**place for place, byte in enumerate(encoded))

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        try:
            text = self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedError from None
        require("\0" not in text)
        return text

    def topic(self) -> str:
        topic = self.text()
        require(not set(topic) & set("+#"))
        return topic

    def packet_id(self) -> int:
        packet_id = self.number(2)
        require(packet_id != 0)
        return packet_id

    def reason(self, name: str) -> int:
        reason = self.take(1)
        require(reason.hex() in REASONS[name].split())
        return reason[0]

    def value(self, kind: str) -> object:
        if kind == "bool":
            number = self.number(1)
            require(number in (0, 1))
            return number
        if kind[0] in "24":
            number = self.number(int(kind[0]))
            require(number != 0 or "not 0" not in kind)
            return number
        if kind == "topic":
            topic = self.topic()
            require(topic != "")
            return topic
        if kind == "variable":
            number = self.variable()
            require(number != 0)
            return number
        if kind == "pair":
            return (self.text(), self.text())
        return self.binary() if kind == "binary" else self.text()

    def properties(self, bearer: str) -> object:
        fields = Fields(self.take(self.variable()))
        if not fields.left():
            return None
        found: dict[str, object] = {}
        lists: dict[str, list[object]] = {}
        while fields.left():
            identifier = fields.number(1)
            require(identifier in PROPERTIES)
            attribute, kind, bearers = PROPERTIES[identifier]
            require(bearer in bearers.split())
            value = fields.value(kind)
            if kind in ("pair", "variable"):
                lists.setdefault(attribute, []).append(value)
                require(kind == "pair" or bearer == "Publish" or len(lists[attribute]) == 1)
            else:
                require(attribute not in found)
                found[attribute] = value
        require("authentication_data" not in found or "authentication_method" in found)
        require(len(lists.get("user_properties", [])) <= 64)
        found.update({attribute: tuple(values) for attribute, values in lists.items()})
        return ("Properties", tuple(sorted(found.items())))


def packet_of(name: str, **values: object) -> tuple[str, tuple[tuple[str, object], ...]]:
    return (name, tuple(sorted(values.items())))


def decode_all(data: bytes, version: int) -> tuple[list[object], bool]:
    """The packets of a stream up to its first fault or its incomplete end, and whether there is a fault."""
    packets: list[object] = []
    while data:
        try:
            body, kind, flags, rest = fixed_header(data, version)
            fields = Fields(body)
            packet, version = packet_from(kind, flags, fields, version)
            require(fields.left() == 0)
        except IncompleteError:
            return packets, False
        except RefusedError:
            return packets, True
        packets.append(packet)
        data = rest
    return packets, False


def fixed_header(data: bytes, version: int) -> tuple[bytes, int, int, bytes]:
    kind, flags = divmod(data[0], 16)
    require(kind == 1 or version != 0)
    require(kind != 0 and (kind != 15 or version == 5))
    if kind == 3:
        require(flags & 6 != 6 and flags not in (8, 9))
    elif kind in (6, 8, 10):
        require(flags == 2 or (flags == 10 and version == 3))
    else:
        require(flags == 0 or (kind == 1 and version == 0))
    stop = 1
    while stop < 5 and data[stop - 1 : stop] and (stop == 1 or data[stop - 1] >= 0x80):
        stop += 1
    header = Fields(data[1:stop])
    try:
        length = header.variable()
    except RefusedError:
        if stop > len(data):
            raise IncompleteError from None
        raise
    if len(data) < stop + length:
        raise IncompleteError
    return data[stop : stop + length], kind, flags, data[stop + length :]


def packet_from(kind: int, flags: int, fields: Fields, version: int) -> tuple[object, int]:
    name = NAMES[kind]
    if name == "Connect":
        packet, named_version = connect(fields)
        require(flags == 0 or named_version == 3)
        return packet, version or named_version
    if name == "Connack":
        return connack(fields, version), version
    if name == "Publish":
        return publish(flags, fields, version), version
    if name in ("Pingreq", "Pingresp"):
        return packet_of(name), version
    if name in ("Disconnect", "Auth"):
        return reason_alone(name, fields, version), version
    if name in ("Puback", "Pubrec", "Pubrel", "Pubcomp"):
        return acknowledgement(name, fields.packet_id(), fields, version), version
    return subscription_packet(name, fields.packet_id(), fields, version), version


def subscription_packet(name: str, packet_id: int, fields: Fields, version: int) -> object:
    properties = fields.properties(name) if version == 5 else None
    if name == "Subscribe":
        requests = [request(fields, version)]
        while fields.left():
            requests.append(request(fields, version))
        return packet_of(name, packet_id=packet_id, requests=requests, properties=properties)
    if name == "Unsubscribe":
        filters = [fields.text()]
        while fields.left():
            filters.append(fields.text())
        require("" not in filters)
        return packet_of(name, packet_id=packet_id, topic_filters=filters, properties=properties)
    codes: list[int] = []
    if name == "Suback" or version == 5:
        codes.append(fields.reason(name))
        while fields.left():
            codes.append(fields.reason(name))
    if version != 5:
        require(set(codes) <= {0, 1, 2, 0x80})
    return packet_of(name, packet_id=packet_id, reason_codes=codes, properties=properties)


def connect(fields: Fields) -> tuple[object, int]:
    protocol = (fields.text(), fields.number(1))
    levels = {("MQIsdp", 3): (3, False), ("MQIsdp", 0x83): (3, True), ("MQTT", 4): (4, False),
              ("MQTT", 0x84): (4, True), ("MQTT", 5): (5, False)}
    require(protocol in levels)
    version, bridge = levels[protocol]
    bits = [character == "1" for character in f"{fields.number(1):08b}"]
    has_username, has_password, will_retain, qos_high, qos_low, has_will, clean_start, reserved = bits
    will_qos = 2 * qos_high + qos_low
    require(not has_will or will_qos != 3)
    require(version == 5 or has_username or not has_password)
    if version != 3:
        require(not reserved)
        require(has_will or not (will_retain or will_qos))
    keep_alive = fields.number(2)
    properties = fields.properties("Connect") if version == 5 else None
    client_id = fields.text()
    will = None
    if has_will:
        will_properties = fields.properties("Will") if version == 5 else None
        topic = fields.topic()
        require(topic != "")
        will = packet_of("WillFields", topic=topic, payload=fields.binary(), qos=will_qos, retain=will_retain,
                         properties=will_properties)
    username = fields.text() if has_username and (version != 3 or fields.left()) else None
    password = fields.binary() if has_password and (version != 3 or fields.left()) else None
    return packet_of("Connect", client_id=client_id, version=version, clean_start=clean_start,
                     keep_alive=keep_alive, will=will, username=username, password=password,
                     properties=properties, bridge=bridge), version


def connack(fields: Fields, version: int) -> object:
    flags = fields.number(1)
    require(flags in (0, 1))
    if version == 5:
        reason = fields.reason("Connack")
        properties = fields.properties("Connack")
    else:
        code = fields.number(1)
        require(code in RETURN_CODES)
        reason = RETURN_CODES[code]
        properties = None
    require(not (flags and reason))
    return packet_of("Connack", session_present=flags == 1, reason_code=reason, properties=properties)


def publish(flags: int, fields: Fields, version: int) -> object:
    topic = fields.topic()
    qos = flags // 2 % 4
    packet_id = fields.packet_id() if qos else 0
    properties = fields.properties("Publish") if version == 5 else None
    require(topic != "" or "topic_alias" in str(properties).split("'"))
    return packet_of("Publish", topic=topic, payload=fields.take(fields.left()), qos=qos,
                     retain=flags % 2 == 1, dup=flags >= 8, packet_id=packet_id, properties=properties)


def reason_alone(name: str, fields: Fields, version: int) -> object:
    reason = 0
    properties = None
    if fields.left():
        require(version == 5)
        reason = fields.reason(name)
        if fields.left() or name == "Auth":
            properties = fields.properties(name)
        if name == "Auth":
            require("authentication_method" in str(properties).split("'"))
    return packet_of(name, reason_code=reason, properties=properties)


def acknowledgement(name: str, packet_id: int, fields: Fields, version: int) -> object:
    reason = 0
    properties = None
    if fields.left():
        require(version == 5)
        reason = fields.reason(name)
        if fields.left():
            properties = fields.properties(name)
    return packet_of(name, packet_id=packet_id, reason_code=reason, properties=properties)


def request(fields: Fields, version: int) -> object:
    topic_filter = fields.text()
    options = fields.number(1)
    require(topic_filter != "")
    require(options % 4 != 3 and options < 0x30)
    require(version == 5 or options < 3)
    return packet_of("SubscriptionRequest", topic_filter=topic_filter, qos=options % 4,
                     no_local=options & 4 != 0, retain_as_published=options & 8 != 0,
                     retain_handling=options // 16)
