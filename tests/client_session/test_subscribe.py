"""SUBSCRIBE and UNSUBSCRIBE of a Client (MQTT 5.0, 3.8 to 3.11)."""

import pytest

from amqtt.client_session.receipt import ANSWERED, DROPPED, UNKNOWN
from amqtt.client_session.subscribe import check_request
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.client_bench import ClientBench


def connected(version: int = MQTT_5, **values: object) -> ClientBench:
    bench = ClientBench(version)
    bench.connect(**values)
    return bench


def test_subscribe_says_all_its_options() -> None:
    bench = connected()
    request = SubscriptionRequest("a/#", 1, True, True, 2)
    bench.client.subscribe([request], 12, (("a", "b"),))
    packet = bench.expect(Subscribe)
    (sent,) = packet.requests
    assert (sent.topic_filter, sent.qos, sent.no_local, sent.retain_as_published, sent.retain_handling) == (
        "a/#", 1, True, True, 2,
    )
    assert packet.properties is not None
    assert packet.properties.subscription_identifiers == (12,)
    assert packet.properties.user_properties == (("a", "b"),)


def test_each_topic_filter_has_its_reason_code() -> None:
    bench = connected()
    receipt = bench.client.subscribe([SubscriptionRequest("a", 2), SubscriptionRequest("b", 2)])
    bench.give(Suback(bench.expect(Subscribe).packet_id, [1, 0x87]))
    assert (receipt.outcome, receipt.reason_codes) == (ANSWERED, [1, 0x87])
    assert list(bench.client.subscriptions) == ["a"]
    assert bench.client.subscriptions["a"].granted_qos == 1


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_unsubscribe_ends_subscriptions(version: int) -> None:
    bench = connected(version)
    bench.subscribe("a")
    bench.subscribe("b")
    receipt = bench.client.unsubscribe(["a"])
    bench.give(Unsuback(bench.expect(Unsubscribe).packet_id, [0]))
    assert (receipt.outcome, receipt.reason_codes) == (ANSWERED, [0])
    assert list(bench.client.subscriptions) == ["b"]


def test_packet_identifiers_of_messages_and_requests_are_never_the_same() -> None:
    bench = connected()
    for _ in range(20):
        bench.publish("a", qos=1)
        bench.client.subscribe([SubscriptionRequest("a")])
        bench.client.unsubscribe(["a"])
    ids = [p.packet_id for p in bench.sent() if isinstance(p, Publish | Subscribe | Unsubscribe)]
    assert len(set(ids)) == 60


def test_a_request_is_not_answered_any_more_when_the_network_connection_is_lost() -> None:
    bench = connected()
    receipt = bench.client.subscribe([SubscriptionRequest("a")])
    bench.lose()
    assert (receipt.outcome, receipt.reason) == (UNKNOWN, "it broke")
    bench.connect(session_present=True)
    assert bench.sent() == []


def test_a_server_that_does_not_answer_is_left() -> None:
    bench = ClientBench(keep_alive=0, response_timeout=20.0)
    bench.connect()
    receipt = bench.client.subscribe([SubscriptionRequest("a")])
    bench.pass_time(19)
    assert bench.endings == []
    bench.pass_time(2)
    assert bench.endings[0].reason == "no answer to SUBSCRIBE or UNSUBSCRIBE came"
    assert receipt.outcome == UNKNOWN


@pytest.mark.parametrize("answer", [Suback(9, [0]), Suback(1, [0, 0]), Unsuback(1, [0]), Unsuback(9, [0])])
def test_an_answer_that_does_not_fit_is_a_protocol_error(answer: Suback | Unsuback) -> None:
    bench = connected()
    bench.client.subscribe([SubscriptionRequest("a")])
    assert bench.expect(Subscribe).packet_id == 1
    bench.give(answer)
    assert bench.endings[0].reason_code == 0x82


def test_suback_for_an_unsubscribe_is_a_protocol_error() -> None:
    bench = connected()
    bench.client.unsubscribe(["a"])
    bench.give(Suback(bench.expect(Unsubscribe).packet_id, [0]))
    assert bench.endings[0].reason_code == 0x82


@pytest.mark.parametrize(
    ("said", "topic_filter", "identifier"),
    [
        ({"wildcard_subscription_available": 0}, "a/#", 0),
        ({"shared_subscription_available": 0}, "$share/g/a", 0),
        ({"subscription_identifier_available": 0}, "a", 4),
    ],
)
def test_what_the_server_does_not_have_is_not_asked_for(
    said: dict[str, object], topic_filter: str, identifier: int
) -> None:
    bench = connected(**said)
    receipt = bench.client.subscribe([SubscriptionRequest(topic_filter)], identifier)
    assert receipt.outcome == DROPPED
    assert bench.sent() == []


def test_a_request_larger_than_the_server_takes_is_not_sent() -> None:
    bench = connected(maximum_packet_size=50)
    receipt = bench.client.subscribe([SubscriptionRequest("a" * 60)])
    assert receipt.outcome == DROPPED
    assert bench.sent() == []
    assert not bench.client.awaits_answer


@pytest.mark.parametrize(
    ("version", "request_", "identifier", "said"),
    [
        (MQTT_5, SubscriptionRequest("a#"), 0, "wildcard"),
        (MQTT_5, SubscriptionRequest("a", 3), 0, "qos"),
        (MQTT_5, SubscriptionRequest("a", retain_handling=3), 0, "retain handling"),
        (MQTT_5, SubscriptionRequest("a"), 268_435_456, "Subscription Identifier"),
        (MQTT_5, SubscriptionRequest("$share/g/a", no_local=True), 0, "No Local"),
        (MQTT_3_1_1, SubscriptionRequest("a", no_local=True), 0, "use version 5"),
        (MQTT_3_1_1, SubscriptionRequest("a"), 3, "use version 5"),
    ],
)
def test_what_no_server_grants_is_the_programs_mistake(
    version: int, request_: SubscriptionRequest, identifier: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_request(version, request_, identifier)
