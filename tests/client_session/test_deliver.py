"""PUBLISH from the Server to the Client (MQTT 5.0, 4.3, 4.9)."""

import pytest

from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel
from support.client_bench import ClientBench
from support.raw_client import properties

VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def connected(version: int = MQTT_5, **options: object) -> ClientBench:
    bench = ClientBench(version, clean_start=version == MQTT_5, **options)  # type: ignore[arg-type]
    bench.connect()
    return bench


def test_a_message_has_what_the_server_sent() -> None:
    bench = connected()
    given = properties(content_type="text/plain", user_properties=(("a", "b"),))
    given.subscription_identifiers = (3,)
    bench.give(Publish("a/b", "höher".encode(), 1, True, True, 5, given))
    (message,) = bench.delivered
    assert (message.topic, message.text, message.qos, message.retain, message.dup) == (
        "a/b", "höher", 1, True, True,
    )
    assert message.properties.content_type == "text/plain"
    assert message.properties.user_properties == (("a", "b"),)
    assert message.properties.subscription_identifiers == (3,)
    assert "a/b" in repr(message)


@VERSIONS
def test_qos_1_is_acknowledged_when_the_program_has_taken_it(version: int) -> None:
    bench = connected(version, reads=False)
    bench.give(Publish("a", b"x", 1, packet_id=5))
    assert bench.sent() == []
    bench.client.take(bench.delivered[0])
    assert bench.expect(Puback).packet_id == 5


@VERSIONS
def test_qos_2_is_delivered_once_however_often_it_is_sent(version: int) -> None:
    bench = connected(version)
    bench.give(Publish("a", b"x", 2, packet_id=5))
    bench.expect(Pubrec)
    bench.lose()
    bench.connect(session_present=True)
    bench.give(Publish("a", b"x", 2, dup=True, packet_id=5))
    bench.expect(Pubrec)
    bench.give(Pubrel(5))
    assert bench.expect(Pubcomp).reason_code == 0
    assert bench.payloads() == [b"x"]
    bench.give(Publish("a", b"y", 2, packet_id=5))
    assert bench.payloads() == [b"x", b"y"]


def test_everybody_who_holds_a_message_must_have_taken_it() -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"x", 2, packet_id=5))
    (message,) = bench.delivered
    message.hold()
    bench.client.take(message)
    assert bench.sent() == []
    bench.client.take(message)
    bench.expect(Pubrec)
    bench.client.take(message)
    assert bench.sent() == []


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_that_is_sent_again_while_it_waits_is_not_delivered_again(qos: int) -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"x", qos, packet_id=5))
    bench.lose()
    bench.connect(session_present=True)
    bench.give(Publish("a", b"x", qos, dup=True, packet_id=5))
    assert bench.payloads() == [b"x"]
    assert bench.sent() == []
    bench.client.take(bench.delivered[0])
    assert isinstance(bench.expect(Puback if qos == 1 else Pubrec), Puback | Pubrec)


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_taken_while_away_is_acknowledged_when_it_is_sent_again(qos: int) -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"x", qos, packet_id=5))
    bench.lose()
    bench.client.take(bench.delivered[0])
    bench.connect(session_present=True)
    assert bench.sent() == []
    bench.give(Publish("a", b"x", qos, dup=True, packet_id=5))
    assert isinstance(bench.expect(Puback if qos == 1 else Pubrec), Puback | Pubrec)
    assert bench.payloads() == [b"x"]


def test_what_was_taken_before_it_is_sent_again_waits_for_that() -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"x", 1, packet_id=5))
    bench.lose()
    bench.connect(session_present=True)
    bench.client.take(bench.delivered[0])
    assert bench.sent() == []
    bench.give(Publish("a", b"x", 1, dup=True, packet_id=5))
    bench.expect(Puback)
    assert bench.payloads() == [b"x"]


def test_a_new_message_under_the_number_of_one_that_waits_is_delivered() -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"x", 1, packet_id=5))
    bench.lose()
    bench.connect(session_present=True)
    bench.give(Publish("a", b"y", 1, packet_id=5))
    assert bench.payloads() == [b"x", b"y"]


def test_the_server_must_keep_to_receive_maximum() -> None:
    bench = connected(reads=False, receive_maximum=2)
    bench.give(Publish("a", b"1", 1, packet_id=1), Publish("a", b"2", 2, packet_id=2))
    bench.client.take(bench.delivered[0])
    bench.give(Publish("a", b"3", 1, packet_id=3))
    assert bench.endings == []
    bench.give(Publish("a", b"4", 1, packet_id=4))
    assert bench.endings[0].reason_code == 0x93
    *_, last = bench.sent()
    assert isinstance(last, Disconnect)
    assert last.reason_code == 0x93


def test_what_came_beyond_receive_maximum_was_not_received() -> None:
    bench = connected(receive_maximum=1, reads=False)
    bench.give(Publish("a", b"1", 2, packet_id=1), Publish("a", b"2", 2, packet_id=2))
    bench.client.take(bench.delivered[0])
    bench.connect(session_present=True)
    bench.give(Publish("a", b"1", 2, dup=True, packet_id=1), Publish("a", b"2", 2, dup=True, packet_id=2))
    assert bench.payloads() == [b"1", b"2"]


def test_what_was_taken_while_away_does_not_count_against_receive_maximum() -> None:
    bench = connected(reads=False, receive_maximum=1)
    bench.give(Publish("a", b"1", 1, packet_id=1))
    bench.lose()
    bench.client.take(bench.delivered[0])
    bench.connect(session_present=True)
    bench.give(Publish("a", b"2", 1, packet_id=2))
    assert bench.client.is_connected


def test_before_mqtt_5_a_server_knows_of_no_receive_maximum() -> None:
    bench = connected(MQTT_3_1_1, reads=False, receive_maximum=1)
    bench.give(*[Publish("a", b"", 1, packet_id=number) for number in range(1, 50)])
    assert bench.endings == []
    assert len(bench.delivered) == 49


@VERSIONS
def test_pubrel_of_nothing_is_answered(version: int) -> None:
    bench = connected(version)
    bench.give(Pubrel(9))
    assert bench.expect(Pubcomp).reason_code == (0x92 if version == MQTT_5 else 0)


def test_pubrel_before_pubrec_is_a_protocol_error() -> None:
    bench = connected(reads=False)
    bench.give(Publish("a", b"", 2, packet_id=5), Pubrel(5))
    assert bench.endings[0].reason_code == 0x82


def test_topic_aliases_of_the_server_are_resolved_and_die_with_the_network_connection() -> None:
    bench = connected()
    bench.give(Publish("a/b", b"1", properties=properties(topic_alias=3)))
    bench.give(Publish("", b"2", properties=properties(topic_alias=3)))
    assert [message.topic for message in bench.delivered] == ["a/b", "a/b"]
    bench.lose()
    bench.connect(session_present=True)
    bench.give(Publish("", b"3", properties=properties(topic_alias=3)))
    assert bench.endings[-1].reason_code == 0x82


def test_a_topic_alias_above_our_maximum_is_refused() -> None:
    bench = connected(topic_alias_maximum=2)
    bench.give(Publish("a/b", b"1", properties=properties(topic_alias=3)))
    assert bench.endings[0].reason_code == 0x94
