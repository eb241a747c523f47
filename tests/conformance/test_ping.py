"""PINGREQ and PINGRESP (MQTT 5.0, 3.12 and 3.13)."""

import pytest

from amqtt.wire.packets import MQTT_3_1, Pingreq, Pingresp
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5

every_version = pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])


@every_version
@pytest.mark.mqtt5("3.12.4-1")
@pytest.mark.mqtt311("3.12.4-1")
async def test_each_pingreq_is_answered_with_a_pingresp(client, version):
    pinger = await client.connected("pinger", version)
    pinger.send(*[Pingreq()] * 50)
    for _ in range(50):
        await pinger.expect(Pingresp)
    assert await pinger.sync() == []


@every_version
@pytest.mark.mqtt5("3.12.4-1")
@pytest.mark.mqtt311("3.12.4-1")
async def test_a_pingresp_is_two_bytes(client, version):
    pinger = await client.connected("pinger", version)
    pinger.send(Pingreq(), b"\xe0\x00")
    assert await pinger.read_to_end() == b"\xd0\x00"


@every_version
@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt5("2.1.3-1")
@pytest.mark.mqtt311("2.2.2-2")
async def test_reserved_flags_of_pingreq_are_malformed(client, version, flags):
    pinger = await client.connected("pinger", version)
    pinger.send(bytes((0xC0 | flags, 0)))
    await expect_disconnect(pinger, 0x81)


@every_version
@pytest.mark.mqtt5("4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_pingreq_with_a_payload_is_malformed(client, version):
    pinger = await client.connected("pinger", version)
    pinger.send(b"\xc0\x01\x00")
    await expect_disconnect(pinger, 0x81)


@every_version
@pytest.mark.mqtt5("4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_pingresp_of_a_client_is_a_protocol_error(client, version):
    pinger = await client.connected("pinger", version)
    pinger.send(Pingresp())
    await expect_disconnect(pinger, 0x82)
