"""Hypothesis strategies: any valid packet of a version, and streams of bytes that are almost valid."""

from collections.abc import Callable

from hypothesis import strategies as st

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_5,
    Acknowledgement,
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
from amqtt.wire.properties import Properties
from support.packet_cases import OTHER_FORMS, VALID
from support.reference_decoder import PROPERTIES, REASONS, RETURN_CODES

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
topic_names = st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=20)
topic_filters = texts.filter(bool)
binaries = st.binary(max_size=40)
packet_ids = st.integers(1, 65_535)
qos_levels = st.integers(0, 2)

VALUES: dict[str, st.SearchStrategy[object]] = {
    "bool": st.integers(0, 1),
    "2": st.integers(0, 65_535),
    "2 not 0": st.integers(1, 65_535),
    "4": st.integers(0, 0xFFFFFFFF),
    "4 not 0": st.integers(1, 0xFFFFFFFF),
    "variable": st.lists(st.integers(1, 268_435_455), min_size=1, max_size=1).map(tuple),
    "text": texts,
    "topic": topic_names,
    "binary": binaries,
    "pair": st.lists(st.tuples(texts, texts), min_size=1, max_size=4).map(tuple),
}


def properties_for(bearer: str) -> st.SearchStrategy[Properties | None]:
    values = {
        attribute: VALUES[kind]
        for attribute, kind, bearers in PROPERTIES.values()
        if bearer in bearers.split()
    }

    def built(values: dict[str, object]) -> Properties | None:
        if "authentication_data" in values:
            values.setdefault("authentication_method", "method")
        if not values:
            return None
        properties = Properties()
        for attribute, value in values.items():
            setattr(properties, attribute, value)
        return properties

    return st.fixed_dictionaries({}, optional=values).map(built)


def reasons(name: str) -> st.SearchStrategy[int]:
    return st.sampled_from([int(code, 16) for code in REASONS[name].split()])


@st.composite
def connects(draw: st.DrawFn, version: int) -> Connect:
    new = version == MQTT_5
    will = None
    if draw(st.booleans()):
        will = WillFields(
            draw(topic_names), draw(binaries), draw(qos_levels), draw(st.booleans()),
            draw(properties_for("Will")) if new else None,
        )
    username = draw(st.none() | texts)
    password = draw(st.none() | binaries) if new or username is not None else None
    return Connect(
        draw(texts), version, draw(st.booleans()), draw(st.integers(0, 65_535)), will, username, password,
        draw(properties_for("Connect")) if new else None, draw(st.booleans()) and not new,
    )


@st.composite
def publishes(draw: st.DrawFn, version: int) -> Publish:
    qos = draw(qos_levels)
    properties = draw(properties_for("Publish")) if version == MQTT_5 else None
    aliased = properties is not None and properties.topic_alias is not None
    topic = draw(topic_names | st.just("") if aliased else topic_names)
    return Publish(
        topic, draw(binaries), qos, draw(st.booleans()), draw(st.booleans()) and qos > 0,
        draw(packet_ids) if qos else 0, properties,
    )


@st.composite
def connacks(draw: st.DrawFn, version: int) -> Connack:
    if version == MQTT_5:
        reason_code = draw(reasons("Connack"))
        present = draw(st.booleans()) and not reason_code
        return Connack(present, reason_code, draw(properties_for("Connack")))
    reason_code = draw(st.sampled_from(sorted(RETURN_CODES.values())))
    return Connack(draw(st.booleans()) and not reason_code and version != MQTT_3_1, reason_code)


@st.composite
def acknowledgements(draw: st.DrawFn, version: int) -> Acknowledgement:
    kinds: tuple[type[Acknowledgement], ...] = (Puback, Pubrec, Pubrel, Pubcomp)
    kind = draw(st.sampled_from(kinds))
    if version != MQTT_5:
        return kind(draw(packet_ids))
    return kind(draw(packet_ids), draw(reasons(kind.__name__)), draw(properties_for(kind.__name__)))


@st.composite
def subscription_packets(draw: st.DrawFn, version: int) -> Subscribe | Unsubscribe | Suback | Unsuback:
    new = version == MQTT_5
    packet_id = draw(packet_ids)
    kind = draw(st.sampled_from(("Subscribe", "Unsubscribe", "Suback", "Unsuback")))
    properties = draw(properties_for(kind)) if new else None
    if kind == "Subscribe":
        options = (st.booleans(), st.booleans(), qos_levels) if new else ()
        requests = st.builds(SubscriptionRequest, topic_filters, qos_levels, *options)
        return Subscribe(packet_id, draw(st.lists(requests, min_size=1, max_size=4)), properties)
    if kind == "Unsubscribe":
        return Unsubscribe(packet_id, draw(st.lists(topic_filters, min_size=1, max_size=4)), properties)
    if kind == "Suback":
        codes = reasons(kind) if new else st.sampled_from((0, 1, 2, 0x80))
        return Suback(packet_id, draw(st.lists(codes, min_size=1, max_size=4)), properties)
    codes_of_unsuback = draw(st.lists(reasons(kind), min_size=1, max_size=4)) if new else []
    return Unsuback(packet_id, codes_of_unsuback, properties)


@st.composite
def disconnects(draw: st.DrawFn, version: int) -> Disconnect:
    if version != MQTT_5:
        return Disconnect()
    return Disconnect(draw(reasons("Disconnect")), draw(properties_for("Disconnect")))


@st.composite
def auths(draw: st.DrawFn) -> Auth:
    properties = draw(properties_for("Auth"))
    if properties is None:
        return Auth()
    if properties.authentication_method is None:
        properties.authentication_method = draw(texts)
    return Auth(draw(reasons("Auth")), properties)


def packets(version: int) -> st.SearchStrategy[Packet]:
    """Any valid packet that a peer of `version` may send or be sent, except CONNECT."""
    kinds: list[st.SearchStrategy[Packet]] = [
        connacks(version), publishes(version), acknowledgements(version), subscription_packets(version),
        st.builds(Pingreq), st.builds(Pingresp), disconnects(version),
    ]
    if version == MQTT_5:
        kinds.append(auths())
    return st.one_of(kinds)


@st.composite
def conversations(draw: st.DrawFn, version: int) -> list[Packet]:
    """A CONNECT and what follows it."""
    return [draw(connects(version)), *draw(st.lists(packets(version), max_size=4))]


def encoded(version: int) -> Callable[[list[Packet]], bytes]:
    return lambda sent: b"".join(encode(packet, version) for packet in sent)


@st.composite
def spoiled(draw: st.DrawFn, version: int) -> bytes:
    """A conversation, or packet cases in a row, with some bytes changed, added or taken away."""
    cases = [case.data for case in VALID + OTHER_FORMS if case.version == version]
    begun = draw(conversations(version).map(encoded(version)))
    data = bytearray(begun + b"".join(draw(st.lists(st.sampled_from(cases), max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(("set", "add", "take")))
        if change == "add":
            data.insert(at, draw(st.integers(0, 255)))
        elif at < len(data):
            if change == "set":
                data[at] = draw(st.integers(0, 255))
            else:
                del data[at]
    return bytes(data)


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
