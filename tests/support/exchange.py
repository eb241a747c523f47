"""What tests do again and again with a Network Connection: take messages, acknowledge, leave, be refused."""

from typing import Any

from amqtt.wire.packets import (
    MQTT_5,
    PUBLISH,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from amqtt.wire.primitives import string_field, variable_byte_integer
from support.raw_client import RawClient

FOR_EVER = 0xFFFFFFFF


def frame(first: int, body: bytes) -> bytes:
    """A Control Packet out of its first byte and what follows its Remaining Length."""
    return bytes((first,)) + variable_byte_integer(len(body)) + body


def raw_publish(
    topic: bytes | str, properties: bytes = b"", payload: bytes = b"x", *, flags: int = 0, packet_id: int = 0
) -> bytes:
    """An MQTT 5.0 PUBLISH of any bytes: `properties` without their length."""
    name = string_field(topic) if isinstance(topic, str) else len(topic).to_bytes(2, "big") + topic
    identifier = packet_id.to_bytes(2, "big") if packet_id else b""
    body = name + identifier + variable_byte_integer(len(properties)) + properties + payload
    return frame(PUBLISH << 4 | flags, body)


def lasting(version: int) -> dict[str, Any]:
    """The options of a CONNECT that resumes the Session, and keeps it when the Network Connection ends."""
    if version == MQTT_5:
        return {"clean_start": False, "session_expiry_interval": FOR_EVER}
    return {"clean_start": False}


async def messages(client: RawClient) -> list[Publish]:
    """What has arrived by now, which must be PUBLISH packets and nothing else."""
    arrived: list[Publish] = []
    for packet in await client.sync():
        assert isinstance(packet, Publish), packet
        arrived.append(packet)
    return arrived


async def payloads(client: RawClient) -> list[bytes]:
    """The payloads of what has arrived by now."""
    return [message.payload for message in await messages(client)]


async def take(client: RawClient, count: int) -> list[Publish]:
    """The next `count` messages, each acknowledged as its QoS asks; PUBREL may come in between.

    At QoS 2 there are more than `count` when others follow before the handshakes are complete.
    """
    taken: list[Publish] = []
    open_handshakes: set[int] = set()
    while len(taken) < count or open_handshakes:
        packet = await client.receive()
        if isinstance(packet, Publish):
            taken.append(packet)
            if packet.qos == 2:
                open_handshakes.add(packet.packet_id)
        else:
            assert isinstance(packet, Pubrel), packet
            open_handshakes.remove(packet.packet_id)
        client.send(*answer(packet))
    return taken


def answer(packet: Packet) -> list[Packet]:
    """What a receiver answers to a PUBLISH or PUBREL."""
    if isinstance(packet, Pubrel):
        return [Pubcomp(packet.packet_id)]
    assert isinstance(packet, Publish), packet
    if packet.qos == 0:
        return []
    return [Puback(packet.packet_id) if packet.qos == 1 else Pubrec(packet.packet_id)]


async def deliver(client: RawClient, topic: str, payload: bytes, qos: int, packet_id: int = 1) -> None:
    """Publish, with the whole handshake of the QoS."""
    client.publish(topic, payload, qos, packet_id=packet_id)
    if qos == 1:
        assert (await client.expect(Puback)).packet_id == packet_id
    if qos == 2:
        assert (await client.expect(Pubrec)).packet_id == packet_id
        client.send(Pubrel(packet_id))
        assert (await client.expect(Pubcomp)).packet_id == packet_id
    if qos == 0:
        assert await client.sync() == []


async def leave(client: RawClient) -> None:
    """Disconnect, and wait until the Server has done with this Network Connection."""
    client.send(Disconnect())
    await client.read_to_end()


async def refused(client: RawClient, *reason_codes: int) -> None:
    """The Server closes: MQTT 5.0 Clients are told why before, with one of the Reason Codes."""
    packets = await client.expect_closed()
    if client.version != MQTT_5:
        assert packets == []
        return
    assert [type(packet) for packet in packets] == [Disconnect]
    assert isinstance(packets[0], Disconnect)
    assert packets[0].reason_code in reason_codes
