"""What MQTT 5.0 added, through paho: properties both ways, and the options of a Subscription."""

from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from support.paho_client import Connects, Paho, given
from support.served import Served


@pytest.fixture
def client(served: Served, paho_client: Connects, name: str) -> Paho:
    made = paho_client(name, paho.MQTTv5)
    assert made.open(served.port("tcp")) == 0
    return made


def properties_of(message: paho.MQTTMessage) -> dict[str, Any]:
    assert message.properties is not None
    return dict(message.properties.json())


def test_a_publisher_s_properties_reach_the_subscriber(client: Paho, name: str) -> None:
    client.subscribe(name, 1)
    users = [("first", "1"), ("second", "2"), ("first", "3")]
    client.publish(
        name,
        b"text",
        1,
        PayloadFormatIndicator=1,
        ContentType="text/plain",
        ResponseTopic=f"{name}/answer",
        CorrelationData=b"\0\1",
        UserProperty=users,
        MessageExpiryInterval=1000,
    )
    arrived = properties_of(client.message())
    assert 990 <= arrived.pop("MessageExpiryInterval") <= 1000
    assert arrived == {
        "PayloadFormatIndicator": 1,
        "ContentType": "text/plain",
        "ResponseTopic": f"{name}/answer",
        "CorrelationData": "0001",
        "UserProperty": users,
    }


def test_a_request_is_answered_where_it_says(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    responder = paho_client(f"{name}-responder", paho.MQTTv5)
    responder.open(served.port("tcp"))
    responder.subscribe(f"{name}/request", 1)
    client.subscribe(f"{name}/answer", 1)
    client.publish(f"{name}/request", b"2+2", 1, ResponseTopic=f"{name}/answer", CorrelationData=b"42")
    request = responder.message().properties
    assert request is not None
    responder.publish(request.ResponseTopic, b"4", 1, CorrelationData=request.CorrelationData)  # type: ignore[attr-defined]
    answer = client.message()
    assert (answer.payload, properties_of(answer)) == (b"4", {"CorrelationData": b"42".hex()})


def test_a_message_that_expired_is_not_sent_to_a_client_that_returns(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    away = paho_client(f"{name}-away", paho.MQTTv5)
    away.open(served.port("tcp"), clean=False, SessionExpiryInterval=300)
    away.subscribe(name, 1)
    away.close()
    served.left(f"{name}-away")
    client.published(client.publish(name, b"short", 1, MessageExpiryInterval=1))
    client.published(client.publish(name, b"long", 1, MessageExpiryInterval=1000))
    # The Server publishes its uptime once a second: four of them, one retained, are past the expiry.
    client.subscribe("$SYS/broker/uptime")
    client.take(4)
    again = paho_client(f"{name}-away", paho.MQTTv5)
    again.open(served.port("tcp"), clean=False, SessionExpiryInterval=300)
    message = again.message()
    assert message.payload == b"long"
    assert properties_of(message)["MessageExpiryInterval"] < 1000


def test_a_topic_alias_stands_for_its_topic_both_ways(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    assert client.connack_properties["TopicAliasMaximum"] > 0
    reader = paho_client(f"{name}-reader", paho.MQTTv5)
    reader.open(served.port("tcp"), TopicAliasMaximum=1)
    reader.subscribe(name, 1)
    client.publish(name, b"1", 1, TopicAlias=1)
    client.publish("", b"2", 1, TopicAlias=1)
    first, second = reader.take(2)
    assert [first.payload, second.payload] == [b"1", b"2"]
    # paho hands over what is on the wire: the topic once, then its alias alone.
    assert [(m.topic, properties_of(m)["TopicAlias"]) for m in (first, second)] == [(name, 1), ("", 1)]


def test_a_topic_alias_above_the_maximum_ends_the_connection(client: Paho, name: str) -> None:
    client.publish(name, b"x", TopicAlias=client.connack_properties["TopicAliasMaximum"] + 1)
    code, by_server = client.expect_closed()
    assert (code.value, by_server) == (0x94, True)


def test_each_message_bears_the_identifiers_of_the_subscriptions_it_matched(client: Paho, name: str) -> None:
    for identifier, topic_filter in ((1, name), (268_435_455, f"{name}/#"), (0, f"+/{name}")):
        client.subscribe(topic_filter, 1, identifier)
    client.publish(name, b"x", 1)
    found: list[int] = []
    # One message for all Subscriptions, or one for each: the standard leaves it to the Server.
    while len(found) < 2:
        found += properties_of(client.message()).get("SubscriptionIdentifier", [])
    assert sorted(found) == [1, 268_435_455]


def test_no_local_retain_as_published_and_retain_handling(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    other = paho_client(f"{name}-other", paho.MQTTv5)
    other.open(served.port("tcp"))
    client.subscribe(f"{name}/local", 1, noLocal=True)
    client.subscribe(f"{name}/as-published", 1, retainAsPublished=True)
    client.subscribe(f"{name}/cleared", 1)
    other.published(other.publish(f"{name}/kept", b"kept", 1, retain=True))
    client.subscribe(f"{name}/kept", 1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    client.published(client.publish(f"{name}/local", b"mine", 1))
    other.published(other.publish(f"{name}/local", b"another's", 1))
    other.published(other.publish(f"{name}/as-published", b"", 1, retain=True))
    other.published(other.publish(f"{name}/cleared", b"", 1, retain=True))
    assert [(message.topic, message.retain) for message in client.take(3)] == [
        (f"{name}/local", False),
        (f"{name}/as-published", True),
        (f"{name}/cleared", False),
    ]
    new_only = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
    client.subscribe(f"{name}/kept", 1, retainHandling=new_only)
    other.publish(f"{name}/local", b"end", 1)
    assert client.message().payload == b"end"


def test_a_client_that_takes_one_at_a_time_gets_the_next_when_it_acknowledges(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    slow = paho_client(f"{name}-slow", paho.MQTTv5, manual_ack=True)
    slow.open(served.port("tcp"), ReceiveMaximum=1)
    slow.subscribe(name, 1)
    for number in range(3):
        client.publish(name, str(number).encode(), 1)
    client.published(client.publish(name, b"0 again", 0))
    # What has no Packet Identifier is not held back, so nothing else was sent before it.
    first, unbound = slow.take(2)
    assert [first.payload, unbound.payload] == [b"0", b"0 again"]
    slow.client.ack(first.mid, 1)
    second = slow.message()
    assert second.payload == b"1"
    slow.client.ack(second.mid, 1)
    assert slow.message().payload == b"2"


def test_a_message_larger_than_the_client_takes_is_left_out(
    served: Served, client: Paho, paho_client: Connects, name: str
) -> None:
    small = paho_client(f"{name}-small", paho.MQTTv5)
    small.open(served.port("tcp"), MaximumPacketSize=200)
    small.subscribe(name, 1)
    client.publish(name, bytes(200), 1)
    client.publish(name, b"fits", 1)
    assert small.message().payload == b"fits"


def test_a_client_without_a_name_is_told_the_one_it_gets(served: Served, paho_client: Connects) -> None:
    nameless = paho_client("", paho.MQTTv5)
    nameless.open(served.port("tcp"))
    assert nameless.connack_properties["AssignedClientIdentifier"]


def test_who_subscribes_unsubscribes_and_publishes_to_nobody_is_told(client: Paho, name: str) -> None:
    assert client.published(client.publish(name, b"x", 1)) == "No matching subscribers"
    client.subscribe(name, 1)
    assert client.published(client.publish(name, b"x", 1)) == "Success"
    client.client.unsubscribe(name, given(PacketTypes.UNSUBSCRIBE, UserProperty=("a", "b")))
    assert client.published(client.publish(name, b"x", 1)) == "No matching subscribers"
