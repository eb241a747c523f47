"""A Broker in a thread of its own, used from others."""

import asyncio
import threading

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.message import Message
from amqtt.threaded import ServiceThread
from support.raw_client import RawClient

LISTENERS = {"default": {"bind": "127.0.0.1:0"}}
CONFIG = {"listeners": LISTENERS, "auth": {"allow-anonymous": True}, "sys-interval": 0}


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_it_serves_until_it_is_stopped_and_leaves_no_thread() -> None:
    with Broker(CONFIG).run_in_thread() as running:
        assert "amqtt-broker" in threads()
        assert running.service.is_running
        assert running.address() == ("127.0.0.1", running.port)
    assert not running.service.is_running
    assert "amqtt-broker" not in threads()
    running.stop()


def test_a_program_without_an_event_loop_publishes_and_subscribes() -> None:
    arrived: list[Message] = []
    with Broker(CONFIG).run_in_thread() as running:
        running.subscribe("a/#", arrived.append, qos=1)
        assert running.publish("a/b", "x", qos=1, retain=True, properties={"content_type": "text"}) == 1
        assert running.publish("b", b"") == 0
        assert running.call(lambda: len(running.service.server.retained)) == 1
    (message,) = arrived
    assert (message.topic, message.payload, message.qos) == ("a/b", b"x", 1)


def test_what_fails_there_is_raised_here() -> None:
    with Broker(CONFIG).run_in_thread() as running:
        with pytest.raises(ValueError, match="wildcard"):
            running.publish("a/#", b"")
        with pytest.raises(BrokerError, match="use shutdown"):
            running.call(running.stop)
        assert running.service.is_running


def test_a_start_that_fails_is_raised_and_leaves_no_thread() -> None:
    with Broker(CONFIG).run_in_thread() as running:
        taken = {**CONFIG, "listeners": {"default": {"bind": f"127.0.0.1:{running.port}"}}}
        with pytest.raises(BrokerError, match="cannot bind"):
            Broker(taken).run_in_thread()
    assert "amqtt-broker" not in threads()


def test_after_the_end_it_says_so() -> None:
    with Broker(CONFIG).run_in_thread() as running:
        pass
    with pytest.raises(BrokerError, match="does not run any more"):
        running.publish("a", b"")
    with pytest.raises(BrokerError, match="does not run"):
        assert running.port
    with pytest.raises(BrokerError, match="does not run"):
        ServiceThread(Broker(CONFIG)).publish("a", b"")


async def test_it_may_run_beside_another_event_loop_as_in_jupyter() -> None:
    with Broker(CONFIG).run_in_thread() as running:
        client = await RawClient.open(("127.0.0.1", running.port))
        assert (await client.connect("a")).reason_code == 0
        await client.subscribe("t")
        running.publish("t", b"x")
        assert (await asyncio.wait_for(client.receive(), 30)).payload == b"x"
        await client.close()


class TakesNote(Broker):
    """A Broker that notes how much time it was given to stop."""

    given: float | None = None

    async def shutdown(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - as in Service
        self.given = timeout if self.given is None else self.given
        await super().shutdown(timeout)


def test_a_stop_may_be_given_less_time() -> None:
    broker = TakesNote(CONFIG)
    running = broker.run_in_thread()
    running.stop(0.25)
    assert broker.given == 0.25
    assert not broker.is_running
    assert "amqtt-broker" not in threads()
