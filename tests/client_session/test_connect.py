"""How a Client comes in, and how it comes back (MQTT 5.0, 3.1, 3.2, 4.12)."""

import pytest

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.receipt import ANSWERED, UNKNOWN
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Disconnect,
    Packet,
    Pingreq,
    Publish,
    Pubrec,
    Pubrel,
    WillFields,
)
from support.client_bench import ClientBench
from support.raw_client import properties


def test_connect_is_the_first_packet_and_says_what_was_asked_for() -> None:
    will = WillFields("gone", b"me", 1, True)
    bench = ClientBench(username="u", password=b"p", will=will, keep_alive=7, user_properties=[("a", "b")])
    connect = bench.open()
    assert (connect.client_id, connect.version, connect.keep_alive) == ("me", MQTT_5, 7)
    assert (connect.username, connect.password, connect.clean_start) == ("u", b"p", True)
    assert connect.will is not None
    assert (connect.will.topic, connect.will.payload, connect.will.qos, connect.will.retain) == (
        "gone", b"me", 1, True,
    )
    assert connect.properties is not None
    assert connect.properties.user_properties == (("a", "b"),)
    assert connect.properties.receive_maximum == 256


def test_nothing_is_sent_before_connack() -> None:
    bench = ClientBench()
    bench.open()
    bench.publish("a", qos=1)
    assert bench.sent() == []
    bench.give(Connack())
    assert bench.expect(Publish).topic == "a"


def test_a_first_connect_starts_clean_and_the_next_one_resumes() -> None:
    bench = ClientBench()
    assert bench.connect().clean_start
    bench.lose()
    assert not bench.connect(session_present=True).clean_start


def test_before_mqtt_5_clean_start_holds_for_every_connect() -> None:
    bench = ClientBench(MQTT_3_1_1)
    assert bench.connect().clean_start
    bench.lose()
    assert bench.connect().clean_start


def test_the_session_lasts_until_the_client_comes_back_and_ends_when_it_leaves() -> None:
    bench = ClientBench(resume_within=90)
    connect = bench.connect()
    assert connect.properties is not None
    assert connect.properties.session_expiry_interval == 90
    bench.client.leave()
    farewell = bench.expect(Disconnect)
    assert farewell.properties is not None
    assert farewell.properties.session_expiry_interval == 0
    assert bench.link.closing


def test_a_session_that_is_to_last_longer_is_let_be() -> None:
    bench = ClientBench(session_expiry_interval=1000)
    connect = bench.connect()
    assert connect.properties is not None
    assert connect.properties.session_expiry_interval == 1000
    bench.client.leave()
    assert bench.expect(Disconnect).properties is None


def test_an_assigned_client_identifier_is_kept() -> None:
    bench = ClientBench()
    bench.connect(assigned_client_identifier="yours")
    bench.lose()
    assert bench.connect(session_present=True).client_id == "yours"


def test_a_refusal_carries_its_reason_code_and_words() -> None:
    bench = ClientBench()
    bench.open()
    bench.give(Connack(False, 0x87, properties(reason_string="not on Mondays", server_reference="other")))
    (ending,) = bench.endings
    assert (ending.reason_code, ending.refused, ending.by_server) == (0x87, True, True)
    assert ending.reason == "not authorized: not on Mondays"
    assert ending.server_reference == "other"
    assert bench.link.closing
    assert not bench.client.is_connected


def test_a_session_that_cannot_be_there_is_a_protocol_error() -> None:
    bench = ClientBench()
    bench.open()
    bench.give(Connack(session_present=True))
    assert bench.endings[0].reason_code == 0x82


@pytest.mark.parametrize("packet", [Publish("a", b""), Pubrel(1), Disconnect()])
def test_another_packet_in_place_of_connack_is_a_protocol_error(packet: Packet) -> None:
    bench = ClientBench()
    bench.open()
    bench.give(packet)
    assert bench.endings[0].reason_code == 0x82
    assert bench.sent() == []


def test_a_second_connack_is_a_protocol_error() -> None:
    bench = ClientBench()
    bench.connect()
    bench.give(Connack())
    assert bench.endings[0].reason_code == 0x82
    assert bench.expect(Disconnect).reason_code == 0x82


def test_before_mqtt_5_the_server_says_no_disconnect() -> None:
    bench = ClientBench(MQTT_3_1_1)
    bench.connect()
    bench.give(Disconnect())
    assert not bench.endings[0].by_server


def test_the_servers_disconnect_is_told_with_its_reason() -> None:
    bench = ClientBench()
    bench.connect()
    bench.give(Disconnect(0x8E, properties(reason_string="you again")))
    (ending,) = bench.endings
    assert (ending.reason_code, ending.by_server, ending.refused) == (0x8E, True, False)
    assert ending.reason == "session taken over: you again"
    assert bench.sent() == []


def test_rubbish_closes_the_network_connection_with_its_reason_code() -> None:
    bench = ClientBench()
    bench.connect()
    bench.give(b"\x36\x00")
    assert bench.expect(Disconnect).reason_code == 0x81
    assert bench.endings[0].reason_code == 0x81
    bench.give(Connack())
    assert len(bench.endings) == 1


def test_connack_must_come_in_time() -> None:
    bench = ClientBench(connect_timeout=5.0)
    bench.open()
    bench.pass_time(4.9)
    assert bench.endings == []
    bench.pass_time(0.2)
    assert bench.endings[0].reason == "no CONNACK came"


def test_a_silent_client_says_pingreq_within_keep_alive() -> None:
    bench = ClientBench(keep_alive=60)
    bench.connect()
    bench.pass_time(50)
    bench.expect(Pingreq)


def test_keep_alive_0_means_no_pingreq() -> None:
    bench = ClientBench(keep_alive=0)
    bench.connect()
    assert bench.client.tick() is None


def test_the_servers_keep_alive_takes_the_place_of_ours() -> None:
    bench = ClientBench(keep_alive=60)
    bench.connect(server_keep_alive=4)
    bench.pass_time(3.5)
    bench.expect(Pingreq)


def test_a_server_that_does_not_answer_pingreq_is_gone() -> None:
    bench = ClientBench(keep_alive=60)
    bench.connect()
    bench.pass_time(56)
    assert bench.endings[0].reason == "no PINGRESP came"
    *_, last = bench.sent()
    assert isinstance(last, Disconnect)
    assert last.reason_code == 0x8D


def test_pingresp_keeps_the_network_connection() -> None:
    bench = ClientBench(keep_alive=60)
    bench.connect()
    answered: list[int] = []
    for round_number in range(10):
        bench.pass_time(45)
        bench.expect(Pingreq)
        bench.client.state.pings.append(lambda number=round_number: answered.append(number))  # type: ignore[misc]
        bench.give(b"\xd0\x00")
    assert bench.endings == []
    assert answered == list(range(10))


class Steps(ClientAuthentication):
    """Answers each challenge with its upper case; the Server must say "done" at last."""

    method = "SHOUT"

    def begin(self) -> bytes | None:
        return b"hello"

    def step(self, data: bytes | None) -> bytes | None:
        if not data:
            raise ValueError("the Server whispers")
        return data.upper()

    def finish(self, data: bytes | None) -> None:
        if data != b"done":
            raise ValueError("the Server is not who it says")


def shout(data: bytes) -> dict[str, object]:
    return {"authentication_method": "SHOUT", "authentication_data": data}


def test_enhanced_authentication_goes_on_until_connack() -> None:
    bench = ClientBench(authentication=Steps())
    connect = bench.open()
    assert connect.properties is not None
    assert connect.properties.authentication_method == "SHOUT"
    assert connect.properties.authentication_data == b"hello"
    bench.give(Auth(0x18, properties(**shout(b"who?"))))
    answer = bench.expect(Auth)
    assert answer.properties is not None
    assert (answer.reason_code, answer.properties.authentication_data) == (0x18, b"WHO?")
    bench.give(Connack(False, 0, properties(**shout(b"done"))))
    assert bench.client.is_connected


@pytest.mark.parametrize(
    "given",
    [
        Auth(0x18, properties(**shout(b""))),
        Auth(0x18, properties(authentication_method="OTHER")),
        Auth(0x00, properties(**shout(b"done"))),
        Connack(False, 0, properties(**shout(b"perhaps"))),
        Connack(),
    ],
)
def test_a_server_that_authenticates_wrongly_is_left(given: Auth | Connack) -> None:
    bench = ClientBench(authentication=Steps())
    bench.open()
    bench.give(given)
    assert not bench.client.is_connected
    assert len(bench.endings) == 1
    assert bench.connacks == []


def test_auth_without_an_authentication_method_is_a_protocol_error() -> None:
    bench = ClientBench()
    bench.open()
    bench.give(Auth(0x18, properties(**shout(b"who?"))))
    assert bench.endings[0].reason_code == 0x82


def test_a_client_authenticates_anew() -> None:
    bench = ClientBench(authentication=Steps())
    bench.connect(**shout(b"done"))
    receipt = bench.client.reauthenticate()
    assert bench.expect(Auth).reason_code == 0x19
    bench.give(Auth(0x18, properties(**shout(b"still you?"))))
    assert bench.expect(Auth).reason_code == 0x18
    bench.give(Auth(0x00, properties(**shout(b"done"))))
    assert receipt.outcome == ANSWERED


def test_a_reauthentication_that_is_not_answered_ends_the_network_connection() -> None:
    bench = ClientBench(authentication=Steps(), keep_alive=0)
    bench.connect(**shout(b"done"))
    receipt = bench.client.reauthenticate()
    bench.pass_time(31)
    assert receipt.outcome == UNKNOWN
    assert bench.endings[0].reason == "no answer to AUTH came"


def test_a_lost_session_is_lost_on_our_side_too() -> None:
    bench = ClientBench(reads=False)
    bench.connect()
    bench.subscribe("a/#", 2)
    bench.give(Publish("a/1", b"x", 2, packet_id=7))
    bench.lose()
    bench.connect(session_present=False)
    assert [lost.request.topic_filter for lost in bench.lost_subscriptions] == ["a/#"]
    # Number 7 is a new message now, and the old one is acknowledged to nobody.
    bench.client.take(bench.delivered[0])
    assert bench.sent() == []
    bench.give(Publish("a/2", b"y", 2, packet_id=7))
    assert bench.payloads() == [b"x", b"y"]


def test_a_session_that_lasts_keeps_its_subscriptions() -> None:
    bench = ClientBench()
    bench.connect()
    bench.subscribe("a/#", 2)
    bench.lose()
    bench.connect(session_present=True)
    assert bench.lost_subscriptions == []
    assert list(bench.client.subscriptions) == ["a/#"]


def test_what_a_new_server_does_not_take_is_given_up() -> None:
    bench = ClientBench()
    bench.connect(receive_maximum=1)
    sent, waiting, good = bench.publish("a", qos=2), bench.publish("b", qos=2), bench.publish("c", qos=1)
    bench.sent()
    bench.lose()
    bench.connect(session_present=True, maximum_qos=1)
    assert "QoS" in sent.reason
    assert "QoS" in waiting.reason
    publish = bench.expect(Publish)
    assert publish.topic == "c"
    assert good.outcome == 0


def test_pubrec_of_the_last_session_completes_nothing_twice() -> None:
    bench = ClientBench()
    bench.connect()
    receipt = bench.publish("a", qos=2)
    packet_id = bench.expect(Publish).packet_id
    bench.give(Pubrec(packet_id))
    bench.expect(Pubrel)
    bench.lose()
    bench.connect(session_present=False)
    assert receipt.outcome == ANSWERED
    assert bench.sent() == []
