"""PUBLISH from the Client to the Server (MQTT 5.0, 4.3, 4.4, 4.9)."""

import pytest

from amqtt.client_session.publish import check_message
from amqtt.client_session.receipt import ANSWERED, DROPPED, PENDING, UNKNOWN
from amqtt.message import Message
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Puback, Pubcomp, Publish, Pubrec, Pubrel
from support.client_bench import ClientBench
from support.raw_client import properties


def sent_topics(bench: ClientBench) -> list[str]:
    return [packet.topic for packet in bench.sent() if isinstance(packet, Publish)]


def test_qos_0_is_done_when_it_is_sent() -> None:
    bench = ClientBench()
    bench.connect()
    assert bench.publish("a", b"x").outcome == ANSWERED
    packet = bench.expect(Publish)
    assert (packet.topic, packet.payload, packet.qos, packet.packet_id) == ("a", b"x", 0, 0)


def test_qos_1_is_done_at_puback() -> None:
    bench = ClientBench()
    bench.connect()
    receipt = bench.publish("a", b"x", 1, retain=True)
    packet = bench.expect(Publish)
    assert (packet.qos, packet.retain, packet.dup) == (1, True, False)
    assert receipt.outcome == PENDING
    bench.give(Puback(packet.packet_id, 0x10))
    assert (receipt.outcome, receipt.reason_codes) == (ANSWERED, [0x10])
    assert not bench.client.awaits_answer


def test_qos_2_is_done_at_pubcomp_with_the_reason_code_of_pubrec() -> None:
    bench = ClientBench()
    bench.connect()
    receipt = bench.publish("a", b"x", 2)
    packet_id = bench.expect(Publish).packet_id
    bench.give(Pubrec(packet_id, 0x10, properties(reason_string="nobody there")))
    assert bench.expect(Pubrel).packet_id == packet_id
    assert receipt.outcome == PENDING
    bench.give(Pubcomp(packet_id))
    assert (receipt.outcome, receipt.reason_codes) == (ANSWERED, [0x10])
    assert receipt.properties is not None
    assert receipt.properties.reason_string == "nobody there"


def test_a_refusal_of_qos_2_is_the_end_of_it() -> None:
    bench = ClientBench()
    bench.connect()
    receipt = bench.publish("a", b"x", 2)
    bench.give(Pubrec(bench.expect(Publish).packet_id, 0x87))
    assert (receipt.outcome, receipt.reason_codes) == (ANSWERED, [0x87])
    assert bench.sent() == []


@pytest.mark.parametrize(("version", "most"), [(MQTT_3_1_1, 20), (MQTT_5, 256)])
def test_before_mqtt_5_no_more_are_under_way_than_mosquitto_takes(version: int, most: int) -> None:
    bench = ClientBench(version=version)
    bench.connect()
    for number in range(300):
        bench.publish(str(number), qos=2)
    first, *others = [packet for packet in bench.sent() if isinstance(packet, Publish)]
    assert len(others) == most - 1
    bench.give(Pubrec(first.packet_id), Pubcomp(first.packet_id))
    assert sent_topics(bench) == [str(most)]


def test_the_server_decides_how_many_are_under_way() -> None:
    bench = ClientBench()
    bench.connect(receive_maximum=2)
    for number in range(5):
        bench.publish(str(number), qos=1)
    first, second = bench.sent()
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    bench.give(Puback(first.packet_id))
    assert sent_topics(bench) == ["2"]


def test_what_was_not_acknowledged_is_sent_again_with_dup_and_its_identifier() -> None:
    bench = ClientBench()
    bench.connect()
    bench.publish("a", qos=1)
    receipt = bench.publish("b", qos=2)
    bench.publish("c", qos=2)
    first, second, third = (p.packet_id for p in bench.sent() if isinstance(p, Publish))
    bench.give(Pubrec(third))
    bench.expect(Pubrel)
    bench.lose()
    bench.publish("d", qos=1)
    bench.connect(session_present=True)
    release, *again = bench.sent()
    assert isinstance(release, Pubrel)
    assert release.packet_id == third
    shown = [(p.topic, p.packet_id, p.dup) for p in again if isinstance(p, Publish)]
    assert shown[:2] == [("a", first, True), ("b", second, True)]
    assert shown[2][0::2] == ("d", False)
    assert receipt.outcome == PENDING


def test_when_the_session_is_lost_qos_1_is_sent_as_new_and_qos_2_is_not() -> None:
    bench = ClientBench()
    bench.connect()
    once, again = bench.publish("a", qos=2), bench.publish("b", qos=1)
    bench.sent()
    bench.lose()
    bench.connect(session_present=False)
    packet = bench.expect(Publish)
    assert (packet.topic, packet.dup) == ("b", False)
    assert once.outcome == UNKNOWN
    assert "lost the Session" in once.reason
    bench.give(Puback(packet.packet_id))
    assert again.outcome == ANSWERED


def test_what_waits_is_bounded() -> None:
    bench = ClientBench(maximum_queued_messages=2)
    for _ in range(2):
        assert bench.publish("a", qos=1).outcome == PENDING
    assert not bench.client.has_room(Message("a", b"", 1))
    assert bench.publish("a", qos=1).outcome == DROPPED


def test_qos_0_has_room_only_while_connected() -> None:
    bench = ClientBench()
    message = Message("a", b"")
    assert not bench.client.has_room(message)
    bench.connect()
    assert bench.client.has_room(message)
    bench.link.full = True
    assert not bench.client.has_room(message)


def test_a_message_larger_than_all_that_may_wait_can_be_sent_at_once() -> None:
    bench = ClientBench(maximum_queued_bytes=10)
    message = Message("a", bytes(100), 1)
    assert not bench.client.has_room(message)
    bench.connect()
    assert bench.client.has_room(message)
    assert bench.client.publish(message).outcome == PENDING


def test_what_expires_before_it_is_sent_is_not_sent() -> None:
    bench = ClientBench()
    receipt = bench.client.publish(Message("a", b"", 1, expires_at=bench.turn.now + 5))
    bench.pass_time(6)
    bench.connect()
    assert bench.sent() == []
    assert receipt.outcome == DROPPED
    assert "Message Expiry Interval" in receipt.reason


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_is_larger_than_the_server_takes_is_not_sent(qos: int) -> None:
    bench = ClientBench()
    bench.connect(maximum_packet_size=100)
    receipt = bench.publish("a", bytes(98), qos)
    assert receipt.outcome == DROPPED
    assert bench.sent() == []
    assert bench.publish("a", bytes(200), qos).outcome == DROPPED
    assert bench.publish("a", bytes(50), qos).outcome != DROPPED


@pytest.mark.parametrize(
    ("said", "message"),
    [({"maximum_qos": 1}, Message("a", b"", 2)), ({"retain_available": 0}, Message("a", b"", 0, True))],
)
def test_what_the_server_does_not_take_is_not_sent(said: dict[str, object], message: Message) -> None:
    bench = ClientBench()
    bench.connect(**said)
    assert bench.client.publish(message).outcome == DROPPED
    assert bench.sent() == []


def test_topic_aliases_are_used_as_far_as_the_server_allows() -> None:
    bench = ClientBench()
    bench.connect(topic_alias_maximum=1)
    for topic in ("a", "a", "b", "a"):
        bench.publish(topic)
    shown = [
        (p.topic, p.properties.topic_alias if p.properties else None)
        for p in bench.sent() if isinstance(p, Publish)
    ]
    assert shown == [("a", 1), ("", 1), ("b", None), ("", 1)]


def test_an_acknowledgement_of_nothing_is_let_be() -> None:
    bench = ClientBench()
    bench.connect()
    bench.give(Puback(9), Pubcomp(9))
    assert bench.sent() == []
    bench.give(Pubrec(9))
    assert bench.expect(Pubrel).reason_code == 0x92
    assert bench.endings == []


def test_nothing_is_sent_any_more_once_it_is_given_up() -> None:
    bench = ClientBench()
    receipt = bench.publish("a", qos=1)
    bench.client.give_up("the program stops")
    assert (receipt.outcome, receipt.reason) == (UNKNOWN, "the program stops")


@pytest.mark.parametrize(
    ("version", "message", "said"),
    [
        (MQTT_5, Message("", b""), "at least one character"),
        (MQTT_5, Message("a/+", b""), "wildcard"),
        (MQTT_5, Message("a", b"", 3), "qos is 0, 1 or 2"),
        (MQTT_3_1_1, Message("a", b"", properties=properties(content_type="x")), "before MQTT 5.0"),
        (MQTT_5, Message("a", b"", properties=properties(response_topic="#")), "response topic"),
        (MQTT_5, Message("a", b"", properties=properties(payload_format_indicator=7)), "payload_format"),
    ],
)
def test_what_no_server_takes_is_the_programs_mistake(version: int, message: Message, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_message(version, message)
