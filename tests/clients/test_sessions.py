"""Sessions, Wills, retained messages and shared Subscriptions, as Clients of others see them."""

from collections import Counter

import paho.mqtt.client as paho
import pytest

from support.commands import Mosquitto
from support.paho_client import Connects, Paho
from support.served import Served

VERSIONS = [paho.MQTTv31, paho.MQTTv311, paho.MQTTv5]


def persistent(
    paho_client: Connects, served: Served, client_id: str, version: int, **options: object
) -> Paho:
    """A Client whose Session outlasts its Network Connection."""
    if version == paho.MQTTv5:
        client = paho_client(client_id, version, **options)
        assert client.open(served.port("tcp"), clean=False, SessionExpiryInterval=300) == 0
    else:
        client = paho_client(client_id, version, clean_session=False, **options)
        assert client.open(served.port("tcp")) == 0
    return client


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_keeps_what_came_while_its_client_was_away(
    served: Served, paho_client: Connects, name: str, version: int, qos: int
) -> None:
    client_id = name[-23:]
    client = persistent(paho_client, served, client_id, version)
    assert not client.session_present
    assert client.subscribe(name, qos) == qos
    client.close()
    served.left(client_id)
    writer = paho_client("writer", version)
    writer.open(served.port("tcp"))
    for number in range(500):
        last = writer.publish(name, str(number).encode(), qos)
    writer.published(last)
    again = persistent(paho_client, served, client_id, version)
    # MQTT 3.1 has no Session Present, and paho reads none there.
    assert again.session_present or version == paho.MQTTv31
    assert [int(message.payload) for message in again.take(500)] == list(range(500))
    writer.publish(name, b"end", qos)
    assert again.message().payload == b"end"


def test_what_was_not_acknowledged_comes_again_marked_as_such(
    served: Served, paho_client: Connects, name: str
) -> None:
    client = persistent(paho_client, served, name, paho.MQTTv5, manual_ack=True)
    client.subscribe(name, 1)
    for number in range(3):
        client.publish(name, str(number).encode(), 1)
    first = client.take(3)
    assert [message.dup for message in first] == [False] * 3
    client.client.ack(first[0].mid, 1)
    client.close()
    again = persistent(paho_client, served, name, paho.MQTTv5)
    assert [(message.payload, message.dup, message.mid) for message in again.take(2)] == [
        (message.payload, True, message.mid) for message in first[1:]
    ]


def test_mosquitto_sub_with_c_finds_what_it_missed(served: Served, mosquitto: Mosquitto, name: str) -> None:
    session = ("-c", "-i", name, "-q", 1, "-t", name)
    mosquitto.run("sub", *session, "-E")
    served.left(name)
    for number in range(3):
        mosquitto.run("pub", "-q", 1, "-t", name, "-m", number)
    assert mosquitto.start("sub", *session, "-C", 3).lines() == ["0", "1", "2"]


def test_a_session_expiry_interval_as_option_d_keeps_the_session(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    session = ("-V", 5, "-i", name, "-q", 2, "-t", name)
    mosquitto.run("sub", *session, "-D", "connect", "session-expiry-interval", 60, "-E")
    served.left(name)
    mosquitto.run("pub", "-q", 2, "-t", name, "-m", "kept")
    assert served.run(lambda broker: broker.server.realm.sessions[name].expiry_interval) == 60
    assert mosquitto.start("sub", *session, "-c", "-x", 60, "-C", 1).lines() == ["kept"]


def test_a_second_client_of_the_same_identifier_takes_over(
    served: Served, paho_client: Connects, name: str
) -> None:
    first = persistent(paho_client, served, name, paho.MQTTv5)
    first.subscribe(name, 1)
    second = persistent(paho_client, served, name, paho.MQTTv5)
    code, by_server = first.expect_closed()
    assert (code.value, by_server) == (0x8E, True)
    assert second.session_present
    second.publish(name, b"for me", 1)
    assert second.message().payload == b"for me"


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_a_client_that_is_killed_leaves_its_will(
    served: Served, mosquitto: Mosquitto, paho_client: Connects, name: str, version: str
) -> None:
    client_id = name[-23:]
    watcher = paho_client("watcher")
    watcher.open(served.port("tcp"))
    watcher.subscribe(f"{name}/will", 2)
    will = ("--will-topic", f"{name}/will", "--will-payload", "gone", "--will-qos", 2, "--will-retain")
    victim = mosquitto.start("sub", "-V", version, "-i", client_id, "-t", name, *will)
    served.subscribed(client_id, name)
    victim.kill()
    message = watcher.message()
    assert (message.payload, message.qos, message.retain) == (b"gone", 2, False)
    (kept,) = mosquitto.start("sub", "-t", f"{name}/will", "-C", 1, "-F", "%p %r").lines()
    assert kept == "gone 1"


def test_a_client_that_says_goodbye_leaves_none(
    served: Served, mosquitto: Mosquitto, paho_client: Connects, name: str
) -> None:
    watcher = paho_client("watcher")
    watcher.open(served.port("tcp"))
    watcher.subscribe(f"{name}/will", 2)
    mosquitto.run(
        "sub", "-i", name, "-t", name, "-E", "--will-topic", f"{name}/will", "--will-payload", "gone"
    )
    served.left(name)
    watcher.publish(f"{name}/will", b"no will came")
    assert watcher.message().payload == b"no will came"


def test_a_delayed_will_waits_and_is_forgotten_when_the_client_returns(
    served: Served, mosquitto: Mosquitto, paho_client: Connects, name: str
) -> None:
    watcher = paho_client("watcher")
    watcher.open(served.port("tcp"))
    watcher.subscribe(f"{name}/will/#", 2)

    def victim(delay: int) -> None:
        options = ("-V", 5, "-c", "-x", 60, "-i", name, "-t", name)
        will = ("--will-topic", f"{name}/will/{delay}", "--will-payload", "gone")
        running = mosquitto.start("sub", *options, *will, "-D", "will", "will-delay-interval", delay)
        served.subscribed(name, name)
        running.kill()
        served.left(name)

    victim(3600)
    victim(1)
    assert watcher.message().topic == f"{name}/will/1"
    watcher.publish(f"{name}/will/end")
    assert watcher.message().topic == f"{name}/will/end"


def test_a_retained_message_is_kept_replaced_and_removed(
    served: Served, mosquitto: Mosquitto, paho_client: Connects, name: str
) -> None:
    for payload in ("old", "new"):
        mosquitto.run("pub", "-r", "-q", 1, "-t", f"{name}/1", "-m", payload)
    mosquitto.run("pub", "-r", "-q", 1, "-t", f"{name}/2", "-m", "second")
    reader = mosquitto.start("sub", "-t", f"{name}/#", "-C", 2, "-F", "%t %r %p")
    assert sorted(reader.lines()) == [f"{name}/1 1 new", f"{name}/2 1 second"]
    mosquitto.run("pub", "-r", "-n", "-q", 1, "-t", f"{name}/1")
    late = paho_client("late")
    late.open(served.port("tcp"))
    late.subscribe(f"{name}/#", 1)
    assert late.message().topic == f"{name}/2"
    late.publish(f"{name}/end", b"", 1)
    assert late.message().topic == f"{name}/end"


def test_mosquitto_sub_removes_retained_messages(served: Served, mosquitto: Mosquitto, name: str) -> None:
    for number in range(5):
        mosquitto.run("pub", "-r", "-q", 1, "-t", f"{name}/{number}", "-m", number)
    reader = mosquitto.start("sub", "-q", 1, "-t", f"{name}/#", "--remove-retained", "-F", "%r %p")
    # Each comes as it was retained, and again as the empty one by which it is removed.
    assert sorted(reader.line() for _ in range(10)) == sorted(
        ["0 "] * 5 + [f"1 {number}" for number in range(5)]
    )
    assert served.run(lambda broker: broker.server.retained.match(f"{name}/#").take(10, 0.0)) == []


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_three_members_of_a_group_share_every_message_among_them(
    served: Served, paho_client: Connects, name: str, qos: int
) -> None:
    members = [paho_client(f"{name}-{number}", paho.MQTTv5) for number in range(3)]
    for member in members:
        member.open(served.port("tcp"))
        assert member.subscribe(f"$share/group/{name}/+", qos) == qos
    writer = paho_client("writer", paho.MQTTv5)
    writer.open(served.port("tcp"))
    for number in range(900):
        last = writer.publish(f"{name}/{number}", b"", qos)
    writer.published(last)
    whole = Counter({f"{name}/{number}": 1 for number in range(900)})
    # Their own last message ends what each of them has got: at QoS 0 it would overtake what is queued.
    for member in members:
        member.subscribe(f"end/{name}", qos)
    writer.publish(f"end/{name}", b"", qos)
    got: Counter[str] = Counter()
    for member in members:
        mine = 0
        while (topic := member.message().topic) != f"end/{name}":
            got[topic] += 1
            mine += 1
        assert mine > 0
    assert got == whole


def test_a_member_that_leaves_without_a_session_hands_its_share_to_the_others(
    served: Served, paho_client: Connects, name: str
) -> None:
    members = [paho_client(f"{name}-{number}", paho.MQTTv5, manual_ack=number == 0) for number in range(3)]
    for member in members:
        member.open(served.port("tcp"))
        member.subscribe(f"$share/group/{name}", 1)
    writer = paho_client("writer", paho.MQTTv5)
    writer.open(served.port("tcp"))
    for number in range(30):
        writer.publish(name, str(number).encode(), 1)
    assert members[0].message() is not None
    members[0].close()
    for member in members[1:]:
        member.subscribe(f"end/{name}", 1)
    served.left(f"{name}-0")
    writer.publish(f"end/{name}", b"end", 1)
    numbers: list[int] = []
    for member in members[1:]:
        while (payload := member.message().payload) != b"end":
            numbers.append(int(payload))
    assert sorted(numbers) == list(range(30))
