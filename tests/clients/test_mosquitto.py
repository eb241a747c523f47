"""What people who know Mosquitto do without thinking."""

import json

import paho.mqtt.client as paho

from amqtt.server.events import ClientDisconnected
from support.commands import Mosquitto
from support.paho_client import Connects
from support.served import Served


def test_the_sys_topics_are_there_for_who_asks(mosquitto: Mosquitto, name: str) -> None:
    lines = mosquitto.start("sub", "-t", "$SYS/#", "-v", "-C", 40).lines()
    topics = {line.rpartition(" ")[0].split(" ")[0] for line in lines}
    assert {"$SYS/broker/version", "$SYS/broker/uptime", "$SYS/broker/clients/connected"} <= topics


def test_a_subscription_to_everything_is_not_sent_the_sys_topics(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    reader = mosquitto.start("sub", "-i", name, "-t", "#", "-t", "+/broker/uptime", "-R", "-C", 1, "-F", "%t")
    served.subscribed(name, "#", "+/broker/uptime")
    watcher = mosquitto.start("sub", "-t", "$SYS/broker/uptime", "-R", "-C", 2)
    watcher.finish()
    mosquitto.run("pub", "-t", name, "-m", "x")
    assert reader.lines() == [name]


def test_idle_time_is_not_counted_as_publishing(served: Served, mosquitto: Mosquitto) -> None:
    before = served.run(lambda broker: broker.server.counters.published)
    mosquitto.run("sub", "-t", "$SYS/broker/uptime", "-R", "-C", 1)
    assert served.run(lambda broker: broker.server.counters.published) == before


def test_what_mosquitto_pub_gives_mosquitto_sub_shows(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    reader = mosquitto.start("sub", "-V", 5, "-i", name, "-q", 2, "-t", name, "-C", 1, "-F", "%j")
    served.subscribed(name, name)
    properties = {
        "content-type": "text/plain",
        "response-topic": "answer",
        "correlation-data": "me",
        "message-expiry-interval": "100",
        "payload-format-indicator": "1",
    }
    given = [
        part
        for property_name, value in properties.items()
        for part in ("-D", "publish", property_name, value)
    ]
    users = ("-D", "publish", "user-property", "why", "because")
    mosquitto.run("pub", "-V", 5, "-q", 2, "-t", name, "-m", "text", *given, *users)
    (line,) = reader.lines()
    shown = json.loads(line)
    assert (shown["topic"], shown["qos"], shown["payload"]) == (name, 2, "text")
    arrived = shown["properties"]
    assert (arrived["content-type"], arrived["response-topic"]) == ("text/plain", "answer")
    assert (arrived["correlation-data"], arrived["payload-format-indicator"]) == ("me", 1)
    assert arrived["user-properties"] == {"why": "because"}


def test_mosquitto_rr_asks_and_is_answered(
    served: Served, mosquitto: Mosquitto, paho_client: Connects, name: str
) -> None:
    responder = paho_client(f"{name}-responder", paho.MQTTv5)
    responder.open(served.port("tcp"))
    responder.subscribe(f"{name}/request", 1)
    asking = mosquitto.start("rr", "-q", 1, "-t", f"{name}/request", "-e", f"{name}/answer", "-m", "2+2")
    request = responder.message()
    assert request.payload == b"2+2"
    assert request.properties is not None
    responder.publish(request.properties.ResponseTopic, b"4", 1)  # type: ignore[attr-defined]
    assert asking.lines() == ["4"]


def test_lines_files_and_nothing_can_be_published(served: Served, mosquitto: Mosquitto, name: str) -> None:
    reader = mosquitto.start("sub", "-i", name, "-q", 1, "-t", f"{name}/#", "-C", 5, "-F", "%t %l %p")
    served.subscribed(name, f"{name}/#")
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/null", "-n")
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/whole", "-s", data=b"a\nb")
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/again", "-m", "x", "--repeat", 2)
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/line", "-l", data=b"one\n")
    assert reader.lines() == [
        f"{name}/null 0 ",
        f"{name}/whole 3 a",
        "b",
        f"{name}/again 1 x",
        f"{name}/again 1 x",
        f"{name}/line 3 one",
    ]


def test_a_filter_left_out_and_one_unsubscribed_are_not_shown(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    mosquitto.run("sub", "-c", "-i", name, "-q", 1, "-t", f"{name}/old", "-E")
    served.left(name)
    wanted = ("-t", f"{name}/#", "-T", f"{name}/hidden", "-U", f"{name}/old")
    reader = mosquitto.start("sub", "-c", "-i", name, "-q", 1, *wanted, "-C", 1, "-v")
    served.subscribed(name, f"{name}/old", f"{name}/#")
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/hidden", "-m", "x")
    mosquitto.run("pub", "-q", 1, "-t", f"{name}/shown", "-m", "x")
    assert reader.lines() == [f"{name}/shown x"]


def test_a_shared_subscription_works_with_every_version(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    readers = []
    for version in ("mqttv311", "mqttv5"):
        client_id = f"{name}-{version}"
        readers.append(
            mosquitto.start("sub", "-V", version, "-i", client_id, "-q", 1, "-t", f"$share/g/{name}", "-C", 5)
        )
        served.subscribed(client_id, f"$share/g/{name}")
    mosquitto.run(
        "pub", "-q", 1, "-t", name, "-l", data="".join(f"{number}\n" for number in range(10)).encode()
    )
    shown = [line for reader in readers for line in reader.lines()]
    assert sorted(map(int, shown)) == list(range(10))


def test_two_clients_of_one_name_are_told_apart_by_who_came_last(
    served: Served, mosquitto: Mosquitto, name: str
) -> None:
    first = mosquitto.start("sub", "-V", 5, "-i", name, "-t", name, "-C", 1)
    served.subscribed(name, name)
    mosquitto.run("pub", "-V", 5, "-i", name, "-t", "elsewhere", "-m", "x")
    served.told(ClientDisconnected, client_id=name, reason_code=0x8E)
    out, _, _ = first.end()
    assert out == b""
