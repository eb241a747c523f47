"""What is logged of Clients: why each was refused or lost, and nothing that it could forge."""

import logging

import pytest

from amqtt.abc import Answer, Authenticator, ConnectRequest, Peer, Refusal
from amqtt.observe.log import EventLog
from amqtt.observe.pace import EACH
from amqtt.server.events import Fault, LimitExceeded
from amqtt.wire.packets import MQTT_3_1_1, Disconnect
from amqtt.wire.reasons import ReasonCode
from support.bench_server import Bench


@pytest.fixture
def bench(caplog: pytest.LogCaptureFixture) -> Bench:
    caplog.set_level(logging.INFO, "amqtt")
    bench = Bench()
    EventLog(lambda: bench.turn.now).listen(bench.server.events)
    return bench


class Nobody(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Refusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD)


def test_clients_that_come_and_go_in_good_order_are_no_news(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.connected("a").send(Disconnect())
    bench.connected("b", MQTT_3_1_1).send(Disconnect())
    bench.connected("c")
    bench.server.shut_down()
    assert caplog.records == []


def test_at_debug_they_are_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "amqtt")
    bench.connected("a", username="u").send(Disconnect())
    assert caplog.messages == [
        "Client a connected from 192.0.2.1:40000 with MQTT 5.0 as user 'u' on listener bench",
        "Client a at 192.0.2.1:40000 left: the Client disconnected",
    ]


def test_a_client_that_is_lost_is_told_with_the_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.server.lost(bench.connected("a").state, "connection reset by peer")
    assert caplog.messages == ["Client a at 192.0.2.1:40000 left: connection reset by peer"]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    expected = {
        "event": "client_lost", "client_id": "a", "address": "192.0.2.1", "port": 40000, "listener": "bench",
        "reason": "connection reset by peer", "reason_code": 0x80,
    }  # fmt: skip
    assert {name: record.__dict__[name] for name in expected} == expected


def test_a_mistake_of_a_client_is_told_with_its_reason_code(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.connected("a").send(b"\x00\x00")
    assert caplog.messages[0].endswith("(0x81, malformed packet)")


def test_a_refusal_is_told_with_user_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amqtt")
    bench = Bench(Nobody())
    EventLog().listen(bench.server.events)
    bench.client().connect("a", username="mallory", password=b"canary")
    assert caplog.messages[0] == (
        "Connection of Client a from 192.0.2.1:40000 as user 'mallory' on listener bench was refused: "
        "not authorized (0x86, bad user name or password)"
    )
    assert caplog.records[0].__dict__["user"] == "mallory"
    assert "canary" not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\u202e", "x" * 1000])
def test_a_name_cannot_forge_or_flood_a_line(
    bench: Bench, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    bench.server.lost(bench.connected(name).state, "gone")
    assert caplog.messages[0].isprintable()
    assert len(caplog.messages[0]) < 300


def test_a_flood_is_cut_and_the_next_line_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(EACH[0] + 7):
        bench.server.lost(bench.connected(f"c{number}").state, "gone")
    assert len(caplog.records) == EACH[0]
    bench.pass_time(60)
    bench.server.lost(bench.connected("later").state, "gone")
    assert caplog.messages[-1].endswith("left: gone (and 7 more lines like this that are left out)")


def test_a_bound_that_was_exceeded_is_named(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.server.events.tell(LimitExceeded("maximum_topic_levels", "a", Peer("192.0.2.1", 4, "bench")))
    bench.server.events.tell(LimitExceeded("maximum_topic_levels", "", None))
    assert caplog.messages == [
        "Client a from 192.0.2.1:4 exceeded limits.maximum-topic-levels",
        "A Client exceeded limits.maximum-topic-levels",
    ]
    assert caplog.records[0].__dict__["limit"] == "maximum-topic-levels"


def test_a_fault_of_ours_has_its_traceback(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.server.events.tell(Fault("the Server", RuntimeError("broken")))
    assert "the Server failed: broken" in caplog.text
    assert "RuntimeError" in caplog.text
    for _ in range(100):
        bench.server.events.tell(Fault("the Server", RuntimeError("broken")))
    assert len(caplog.records) == EACH[0]
