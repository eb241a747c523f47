"""A9: whatever limits are configured, within their ranges, no traffic brings about a Fault of ours."""

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqtt.config_file import load
from amqtt.config_file.limits import _RANGES
from amqtt.errors import BrokerError
from amqtt.server.limits import Limits
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from support.bench_server import Bench
from support.raw_client import properties
from support.sizes import sized

SMALL = st.sampled_from([0, 1, 2, 3, 7])
PACKETS: list[Packet] = [
    Publish("a", b"x" * 50), Publish("a/b", b"y", 1, packet_id=1), Publish("a", b"z", 2, packet_id=2),
    Publish("a", b"r", 1, True, packet_id=3), Pubrel(2), Puback(1), Pubrec(1), Pingreq(),
    Subscribe(1, [SubscriptionRequest("a", 2), SubscriptionRequest("#", 1)]),
    Subscribe(2, [SubscriptionRequest("$share/g/a", 1)]), Unsubscribe(3, ["a"]), Disconnect(),
]


def value_of(field: dataclasses.Field[Any]) -> st.SearchStrategy[object]:
    if isinstance(field.default, bool):
        return st.booleans()
    if field.name == "memory_to_refuse_clients":
        return st.sampled_from([0.0, 0.5, 1.0])
    if isinstance(field.default, float):
        return st.sampled_from([0.01, 1.0, 100.0])
    least, most = _RANGES.get(field.name, (0, 1 << 40))
    return st.just(field.default) | st.just(least) | st.just(most) | SMALL.map(lambda n: min(least + n, most))


ODD = st.fixed_dictionaries({field.name: value_of(field) for field in dataclasses.fields(Limits)})
STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(range(len(PACKETS))), SMALL), max_size=25)


@settings(
    max_examples=sized(120, 3_000), deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(ODD, STEPS, st.sampled_from([MQTT_3_1_1, MQTT_5]))
def test_no_valid_limits_and_no_traffic_bring_about_a_fault(
    odd: dict[str, Any], steps: list[tuple[int, int, int]], version: int
) -> None:
    assert load({"limits": odd}).limits == Limits(**odd)
    bench = Bench(**odd)
    clients: dict[int, Any] = {}
    for who, number, seconds in steps:
        client = clients.get(who)
        if client is None or client.state.closed:
            client = clients[who] = bench.client(version)
            more = {"session_expiry_interval": 5} if version == MQTT_5 else {}
            client.send(
                Connect(f"c{who}", version, False, 3, WillFields("a", b"w", 1),
                        properties=properties(**more) if more else None)
            )
        client.send(encode(PACKETS[number], version))
        bench.server.lagged(float(seconds), seconds / 7)
        bench.pass_time(seconds)
    bench.pass_time(400)
    assert bench.faults == []


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_a_limit_out_of_its_range_is_a_mistake_that_names_it(field: dataclasses.Field[Any]) -> None:
    key = field.name.replace("_", "-")
    for wrong in ("some", None if isinstance(field.default, bool) else -1, []):
        if wrong is None:
            continue
        with pytest.raises(BrokerError, match=f"limits.{key}: "):
            load({"limits": {key: wrong}})
