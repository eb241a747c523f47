"""D1, D2, D5, D6: whatever is granted and asked for, and whichever way a message takes: nobody gets more.

The oracle knows a handful of topics by heart and tries every list on each of them, level by level.
"""

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amqtt.access.acl import AccessControlList
from amqtt.access.anonymous import Anonymous
from amqtt.access.authenticators import Authenticators
from amqtt.access.policy import Policy
from amqtt.message import Message
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Publish, Suback, Subscribe, SubscriptionRequest, WillFields
from support.bench_server import Bench, BenchClient
from support.sizes import sized

TOPICS = ["/".join(levels) for length in (1, 2) for levels in product("ab", repeat=length)]
TOPICS += ["a/b/a", "a/a/b"]
HIDDEN = ["$SYS/a", "$SYS", "$share/g/a", "$CONTROL/a", "$amqtt/a", "$x/a/b"]
EVERY = [*TOPICS, *HIDDEN]
LEVEL = st.sampled_from(["a", "b", "+"])
FILTERS = st.one_of(
    st.just("#"),
    st.builds("/".join, st.lists(LEVEL, min_size=1, max_size=3)),
    st.builds(lambda levels: "/".join([*levels, "#"]), st.lists(LEVEL, min_size=1, max_size=2)),
    st.sampled_from(["$SYS/#", "$SYS/a", "+/+/b", "$x/#"]),
)
LISTS = st.lists(FILTERS, max_size=3)


def lists_cover(entries: list[str], topic: str, fewest: int = 1) -> bool:
    """Whether a list grants a topic: as the documents say it, `#` being one level or more.

    With `fewest` 0 it is what can come by a Subscription that is listed: `a/#` matches `a`, too.
    """
    levels = topic.split("/")
    for entry in entries:
        listed = entry.split("/")
        if listed[-1] == "#":
            same = len(levels) >= len(listed) - 1 + fewest
            listed = listed[:-1]
        else:
            same = len(levels) == len(listed)
        if same and all(one in ("+", other) for one, other in zip(listed, levels, strict=False)):
            return True
    return False


def subscription_matches(topic_filter: str, topic: str) -> bool:
    """Whether the standard matches them (4.7), spelt out once more."""
    if topic[0] == "$" and topic_filter[0] in "+#":
        return False
    listed, levels = topic_filter.split("/"), topic.split("/")
    while listed and listed[0] != "#":
        if not levels or listed[0] not in ("+", levels[0]):
            return False
        listed, levels = listed[1:], levels[1:]
    return bool(listed) or not levels


class World:
    """A Server with lists for the user `u`; `boss` may do everything but publish to `$…`."""

    def __init__(self, subscribe: list[str], receive: list[str] | None, version: int) -> None:
        self.version = version
        lists = AccessControlList(
            {"u": subscribe, "boss": ["#"]},
            {"boss": ["#", "$SYS/#", "$share/#", "$CONTROL/#", "$amqtt/#", "$x/#"]},
            None if receive is None else {"u": receive, "boss": ["#"]},
        )
        self.bench = Bench(Authenticators({"who": Anonymous()}, Policy([lists])))
        self.boss = self.bench.connected("boss", version, username="boss")

    def user(self) -> BenchClient:
        more = {"session_expiry_interval": 1000} if self.version == MQTT_5 else {}
        return self.bench.connected("u", self.version, username="u", clean_start=False, **more)

    def publish_all(self, qos: int, retain: bool = False) -> None:
        for number, topic in enumerate(EVERY, start=1):
            self.boss.publish(topic, b"x", qos, retain=retain, packet_id=number if qos else 0)


def arrived(client: BenchClient) -> set[str]:
    return {packet.topic for packet in client.received() if isinstance(packet, Publish)}


def live(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    user = world.user()
    codes = [user.subscribe(share + each, 1) for each in filters]
    world.publish_all(1)
    return arrived(user), codes


def at_qos_0(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    user = world.user()
    codes = [user.subscribe(share + each, 0) for each in filters]
    world.publish_all(0)
    return arrived(user), codes


def retained(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    world.publish_all(0, retain=True)
    user = world.user()
    user.send(Subscribe(1, [SubscriptionRequest(share + each, 1) for each in filters]))
    world.bench.pass_time(1)
    suback, *rest = user.received()
    assert isinstance(suback, Suback)
    return {packet.topic for packet in rest if isinstance(packet, Publish)}, suback.reason_codes


def queued(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    user = world.user()
    codes = [user.subscribe(share + each, 1) for each in filters]
    user.lose()
    world.publish_all(1)
    return arrived(world.user()), codes


def will(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    user = world.user()
    codes = [user.subscribe(share + each, 1) for each in filters]
    for topic in EVERY:
        dying = world.bench.client(world.version)
        dying.connect("dying", username="boss", will=WillFields(topic, b"x", 1))
        dying.lose()
    return arrived(user), codes


def in_process(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    """The program may publish to `$…`: who may have it may have it."""
    user = world.user()
    codes = [user.subscribe(share + each, 1) for each in filters]
    for topic in EVERY:
        world.bench.server.publish(Message(topic, b"x", 1))
    return arrived(user), codes


def in_one_piece(world: World, filters: list[str], share: str) -> tuple[set[str], list[int]]:
    """What comes together is passed on together: as runs, where nothing asks for a closer look."""
    user = world.user()
    codes = [user.subscribe(share + each, 1) for each in filters]
    world.boss.send(*(Publish(topic, b"x") for topic in EVERY))
    at_qos_0 = arrived(user)
    world.boss.send(*(Publish(topic, b"x", 1, packet_id=n) for n, topic in enumerate(EVERY, start=1)))
    assert arrived(user) == at_qos_0
    return at_qos_0, codes


PATHS = [live, at_qos_0, retained, queued, will, in_process, in_one_piece]


@pytest.mark.parametrize("share", ["", "$share/g/"], ids=["own", "shared"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_what_arrives_is_what_is_granted_and_asked_for(path, share: str, version: int) -> None:  # type: ignore[no-untyped-def]
    @example(["#"], ["a"], ["#"])
    @example(["a"], None, ["#", "a"])
    @example(["+"], None, ["#", "+/+"])
    @example(["a/+"], None, ["a/#", "a/b", "+/b"])
    @example(["#"], ["a/b", "b/a"], ["a/#", "b/#"])
    @example(["a/#"], ["+/b", "a"], ["a/#", "a/b"])
    @example(["+"], [], ["+", "a"])
    @example(["#", "$SYS/#"], ["$SYS/a", "b/#"], ["$SYS/#", "#"])
    @settings(max_examples=sized(16, 500), deadline=None, derandomize=True, database=None)
    @given(LISTS, st.none() | LISTS, st.lists(FILTERS, min_size=1, max_size=3))
    def holds(subscribe: list[str], receive: list[str] | None, wanted: list[str]) -> None:
        world = World(subscribe, receive, version)
        got, codes = path(world, wanted, share)
        granted = [each for each, code in zip(wanted, codes, strict=True) if code < 0x80]
        refused = 0x80 if version == MQTT_3_1_1 else 0x87
        assert all(code in (0, 1, refused) for code in codes)
        universe = EVERY if path is in_process else TOPICS
        permitted = {
            topic for topic in universe
            if lists_cover(subscribe, topic, 0) and (receive is None or lists_cover(receive, topic))
        }
        assert got <= permitted, "more than is permitted"
        if path is retained and share:
            assert got == set()  # A Shared Subscription is sent none (4.8.2)
            return
        matched = {topic for topic in universe if any(subscription_matches(each, topic) for each in granted)}
        assert got == permitted & matched, "less than is permitted"
        assert world.bench.faults == []

    holds()


@pytest.mark.parametrize("topic_filter", ["#", "+/#", "+/a", "+", "$share/g/#", "$share/g/+/a"])
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_wildcard_at_the_beginning_matches_nothing_of_ours(topic_filter: str, version: int) -> None:
    bench = Bench()
    client = bench.connected("c", version)
    client.subscribe(topic_filter, 1)
    for topic in HIDDEN:
        bench.server.publish(Message(topic, b"x", 1, retain=True))
    client.subscribe(topic_filter, 1)
    bench.pass_time(1)
    assert arrived(client) == set()


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_clients_publish_nothing_below_a_dollar(version: int, qos: int) -> None:
    bench = Bench()
    program: list[str] = []
    for topic in ("#", "$SYS/#", "$CONTROL/#", "$amqtt/#", "$x/#"):
        bench.server.subscribe(topic, 0, lambda message, _: program.append(message.topic))
    client = bench.connected("c", version)
    for number, topic in enumerate(HIDDEN, start=1):
        client.publish(topic, b"x", qos, packet_id=number if qos else 0)
    answers = client.received()
    if version == MQTT_5 and qos:
        assert [packet.reason_code for packet in answers] == [0x87] * len(HIDDEN)  # type: ignore[union-attr]
    assert program == []
    assert len(bench.server.realm.retained) == 0
    assert bench.faults == []
