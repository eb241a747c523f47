"""Sessions, Subscriptions and retained messages of a running Broker, as programs and plugins read them."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amqtt.abc import ConnectRequest, Peer
from amqtt.broker import Broker
from amqtt.compat import session as views
from amqtt.compat.session import Session, legacy_session, session_of_request
from amqtt.contexts import BrokerContext
from amqtt.errors import BrokerError
from amqtt.server.events import ClientDisconnected
from amqtt.wire.packets import Disconnect, Puback, Publish, Pubrec, WillFields
from amqtt.wire.reasons import ReasonCode
from support.opener import Opener
from support.raw_client import WAIT, RawClient
from support.tls import Authority


@pytest.fixture
async def reader(broker: Broker) -> AsyncIterator[RawClient]:
    """An MQTT 3.1.1 Client with a stored Session."""
    client = await connected_reader(broker)
    yield client
    await client.close()


async def connected_reader(broker: Broker) -> RawClient:
    client = await RawClient.open(broker.listeners["test"].addresses[0], version=4)
    connack = await client.connect(
        "reader", clean_start=False, keep_alive=60, username="ann", password=b"secret",
        will=WillFields("w/t", b"gone", 1, True),
    )
    assert connack.reason_code == 0
    return client


async def gone(client: RawClient, broker: Broker) -> None:
    """Close the Network Connection, and wait until the broker knows."""
    news = asyncio.Event()
    broker.server.events.on(ClientDisconnected, lambda _: news.set())
    client.abort()
    async with asyncio.timeout(WAIT):
        await news.wait()


async def test_a_session_says_what_its_connect_said(broker: Broker, reader: RawClient) -> None:
    session, connection = broker.sessions["reader"]
    assert isinstance(session, Session)
    assert (session.client_id, session.username, session.password) == ("reader", "ann", "secret")
    assert (session.remote_address, session.clean_session, session.keep_alive) == ("127.0.0.1", False, 60)
    assert session.remote_port == reader._writer.get_extra_info("sockname")[1]
    assert (session.will_flag, session.will_topic, session.will_message) == (True, "w/t", b"gone")
    assert (session.will_qos, session.will_retain) == (1, True)
    assert (session.ssl_object, session.parent, session.is_anonymous) == (None, 0, False)
    assert session.transitions.state == "connected"
    assert session.transitions.is_connected()
    assert (session.inflight_in_count, session.inflight_out_count) == (0, 0)
    assert session.retained_messages_count == 0
    assert session.last_connect_time is not None
    assert connection.session is session
    assert repr(session) == "Session(clientId=reader, state=connected)"


async def test_what_a_plugin_writes_to_a_session_stays(broker: Broker, reader: RawClient) -> None:
    broker.sessions["reader"][0].username = "ann@example.org"
    assert broker.sessions["reader"][0].username == "ann@example.org"


async def test_the_tls_of_a_client_is_there_with_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    listener = {
        "bind": "127.0.0.1:0", "ssl": "on", "certfile": authority.certfile, "keyfile": authority.keyfile,
        "cafile": authority.cafile,
    }
    async with Broker({"listeners": {"test": listener}}) as broker:
        address = broker.listeners["test"].addresses[0]
        client = await RawClient.open(address, tls=authority.client_context("ann@example.org"))
        await client.connect("one")
        tls = broker.sessions["one"][0].ssl_object
        assert isinstance(tls, ssl.SSLObject)
        assert tls.getpeercert(binary_form=True)
        certificate = tls.getpeercert()
        assert certificate is not None
        assert (("commonName", "ann@example.org"),) in certificate["subject"]
        await client.close()


async def test_sessions_are_a_live_view_by_client_identifier(
    broker: Broker, reader: RawClient, opener: Opener
) -> None:
    sessions = broker.sessions
    assert list(sessions) == ["reader"]
    anonymous = await opener.connected(broker, "other")
    assert set(sessions) == {"reader", "other"}
    assert len(sessions) == len(broker._sessions) == 2
    assert "other" in sessions
    assert sessions["reader"] == sessions["reader"]
    assert sessions["reader"] != sessions["other"]
    assert sessions["reader"][0] is broker.sessions["reader"][0]
    assert sessions["other"][0].is_anonymous
    assert sessions.get("nobody", (None, None))[0] is None
    anonymous.send(Disconnect())
    await anonymous.expect_closed()
    assert list(sessions) == ["reader"]
    with pytest.raises(KeyError):
        sessions["other"]


async def test_a_stored_session_is_disconnected_and_counts_what_waits(
    broker: Broker, reader: RawClient
) -> None:
    await reader.subscribe("a/#", 1)
    session = broker.sessions["reader"][0]
    await gone(reader, broker)
    assert broker.sessions["reader"][0] is session
    assert session.transitions.is_disconnected()
    assert session.username == "ann"
    await broker.internal_message_broadcast("a/b", b"1", 1)
    await broker.internal_message_broadcast("a/c", b"2", 1)
    assert session.retained_messages_count == 2
    waiting = session.retained_messages
    messages = [waiting.get_nowait() for _ in range(waiting.qsize())]
    assert [(message.topic, message.data, message.qos) for message in messages] == [
        ("a/b", b"1", 1), ("a/c", b"2", 1),
    ]
    assert session.retained_messages_count == 2

    again = await connected_reader(broker)
    assert [(await again.expect(Publish)).payload for _ in range(2)] == [b"1", b"2"]
    assert broker.sessions["reader"][0] is session
    assert session.transitions.is_connected()
    assert session.retained_messages_count == 0
    await again.close()


async def test_messages_in_flight_are_there_until_they_are_acknowledged(
    broker: Broker, reader: RawClient
) -> None:
    await reader.subscribe("a", 1)
    session = broker.sessions["reader"][0]
    await broker.internal_message_broadcast("a", b"1")
    packet = await reader.expect(Publish)
    assert session.inflight_out_count == 1
    sent = session.inflight_out[packet.packet_id]
    assert (sent.topic, sent.data, sent.qos, sent.packet_id) == ("a", b"1", 1, packet.packet_id)
    reader.send(Puback(packet.packet_id))
    await reader.sync()
    assert session.inflight_out_count == 0
    assert session.inflight_out == {}
    reader.publish("b", b"2", 2, packet_id=7)
    await reader.expect(Pubrec)
    assert session.inflight_in_count == 1
    assert list(session.inflight_in) == [7]


async def test_a_clean_session_that_follows_is_another_one(broker: Broker, opener: Opener) -> None:
    await opener.connected(broker, "one")
    first = broker.sessions["one"][0]
    await opener.connected(broker, "one")
    second = broker.sessions["one"][0]
    assert first is not second
    assert first == second, "both are of the same Client"
    assert hash(first) == hash(second)
    assert first.transitions.state == "disconnected"
    assert second.transitions.state == "connected"


async def test_the_views_of_sessions_that_are_gone_are_forgotten(broker: Broker) -> None:
    address = broker.listeners["test"].addresses[0]
    for number in range(80):
        client = await RawClient.open(address)
        await client.connect(f"client {number}")
        assert broker.sessions[f"client {number}"]
        client.send(Disconnect())
        await client.expect_closed()
        await client.close()
    assert len(broker.session_views._views) < 70


async def test_subscriptions_are_a_live_view_by_topic_filter(
    broker: Broker, reader: RawClient, opener: Opener
) -> None:
    subscriptions = broker.subscriptions
    assert dict(subscriptions) == {}
    await reader.subscribe("a/#", 1)
    other = await opener.connected(broker, "other")
    await other.subscribe("a/#", 2)
    await other.subscribe("$share/g/b")
    session, another = broker.sessions["reader"][0], broker.sessions["other"][0]
    assert subscriptions["a/#"] == [(session, 1), (another, 2)]
    assert dict(subscriptions) == {"a/#": [(session, 1), (another, 2)], "$share/g/b": [(another, 0)]}
    assert len(subscriptions) == len(broker._subscriptions) == 2
    # As after an UNSUBSCRIBE in aMQTT: nobody, and no fault.
    assert subscriptions["a/b"] == []
    assert ("a/#" in subscriptions, "a/b" in subscriptions) == (True, False)
    assert (subscriptions.get("a/b"), subscriptions.get("a/b", 3)) == (None, 3)


async def test_retained_messages_are_a_live_view_by_topic(broker: Broker, reader: RawClient) -> None:
    retained = broker.retained_messages
    assert dict(retained) == {}
    reader.publish("a/b", b"kept", 1, retain=True)
    await reader.expect(Puback)
    message = retained["a/b"]
    assert (message.topic, message.data, message.qos, message.retain) == ("a/b", b"kept", 1, True)
    assert message.source_session is broker.sessions["reader"][0]
    assert list(retained) == ["a/b"]
    assert len(retained) == len(broker._retained_messages) == 1
    reader.publish("a/b", b"", 1, retain=True)
    await reader.expect(Puback)
    assert "a/b" not in retained


async def test_an_expired_retained_message_is_not_shown(broker: Broker) -> None:
    broker.publish("a", b"old", retain=True, properties={"message_expiry_interval": 0})
    assert "a" not in broker.retained_messages
    assert len(broker.retained_messages) == 0


async def test_stop_closes_the_connection_of_a_client(broker: Broker, opener: Opener) -> None:
    client = await opener.connected(broker, "one")
    await broker.sessions["one"][1].stop()
    packets = await client.expect_closed()
    assert isinstance(packets[0], Disconnect)
    assert packets[0].reason_code == ReasonCode.ADMINISTRATIVE_ACTION


# -- before the Client is accepted


def request_of(peer: Peer, username: str = "ann") -> ConnectRequest:
    return ConnectRequest("one", username, b"p\xff", peer, 4, False, 30, will=WillFields("w", b"gone"))


def test_the_session_of_a_request_says_who_wants_to_come_in() -> None:
    peer = Peer("192.0.2.1", 4711, tls="the TLS")
    session = session_of_request(request_of(peer))
    assert (session.client_id, session.username, session.clean_session, session.keep_alive) == (
        "one", "ann", False, 30,
    )
    assert (session.remote_address, session.remote_port, session.ssl_object) == ("192.0.2.1", 4711, "the TLS")
    assert (session.will_flag, session.will_topic, session.will_message) == (True, "w", b"gone")
    assert session.password is not None
    assert session.password.encode("utf-8", "surrogateescape") == b"p\xff"
    assert session.transitions.state == "new"


def test_whoever_is_asked_about_a_request_is_given_the_same_session() -> None:
    peer = Peer()
    session = session_of_request(request_of(peer))
    assert session_of_request(request_of(peer)) is session
    assert session_of_request(request_of(peer, "ben")) is not session
    assert session_of_request(request_of(Peer())) is not session


def test_the_session_of_a_request_is_forgotten_with_its_network_connection() -> None:
    peer = Peer()
    session_of_request(request_of(peer))
    assert peer in views._asked
    before = len(views._asked)
    del peer
    gc.collect()
    assert len(views._asked) < before


async def test_what_a_plugin_noted_at_connect_is_there_afterwards(broker: Broker, opener: Opener) -> None:
    inner = broker.server.authenticator
    asked: list[Session] = []

    class Noting(type(inner)):  # type: ignore[misc]
        def __init__(self) -> None:
            return

        def authenticate(self, request: ConnectRequest) -> object:
            session = session_of_request(request)
            session.attributes["group"] = "admins"
            session.is_anonymous = True
            asked.append(session)
            return inner.authenticate(request)

    broker.server.authenticator = Noting()
    await opener.connected(broker, "one")
    session = broker.sessions["one"][0]
    assert session is asked[0]
    assert (session.attributes, session.is_anonymous) == ({"group": "admins"}, True)
    assert session.transitions.state == "connected"
    broker.server.authenticator = inner


def test_a_session_can_be_made_by_hand_for_the_tests_of_a_plugin() -> None:
    session = Session()
    session.username, session.password = "ann", "secret"
    assert (session.client_id, session.transitions.state) == (None, "new")
    assert (session.retained_messages.qsize(), session.inflight_in, session.inflight_out) == (0, {}, {})
    assert session != Session()
    assert session == session  # noqa: PLR0124
    assert session != "ann"


async def test_a_client_that_never_was_has_a_new_session(broker: Broker) -> None:
    session = legacy_session(broker, "nobody")
    assert (session.client_id, session.transitions.state) == ("nobody", "new")
    assert "nobody" not in broker.sessions


# -- Clients that are away


async def test_a_client_that_is_away_is_subscribed_and_finds_what_came(broker: Broker) -> None:
    connection, session = broker.create_offline_session("reader")
    assert broker.sessions["reader"] == (session, connection)
    assert session.transitions.state == "disconnected"
    assert broker.create_offline_session("reader")[1] is session
    assert await broker.add_subscription(("a/+", 2), session) == 2
    await broker.internal_message_broadcast("a/b", b"1", 1)
    assert session.retained_messages_count == 1
    client = await connected_reader(broker)
    assert (await client.expect(Publish)).payload == b"1"
    await client.close()


async def test_a_plugin_subscribes_a_client_that_never_was(broker: Broker) -> None:
    context = BrokerContext(broker)
    await context.add_subscription("away", None, None)
    assert (list(broker.sessions), dict(broker.subscriptions)) == (["away"], {})
    await context.add_subscription("away", "a", 1)
    await context.add_subscription("another", "a", 0)
    assert broker.subscriptions["a"] == [(broker.sessions["away"][0], 1), (broker.sessions["another"][0], 0)]


async def test_there_are_no_more_sessions_of_clients_away_than_may_be() -> None:
    broker = Broker({"listeners": {}, "limits": {"maximum-sessions": 1}})
    broker.create_offline_session("one")
    with pytest.raises(BrokerError, match="maximum-sessions"):
        broker.create_offline_session("two")


async def test_a_connected_client_is_subscribed_and_sent_what_is_retained(
    broker: Broker, opener: Opener
) -> None:
    client = await opener.connected(broker, "one")
    broker.retain_message(None, "a/b", b"kept")
    assert await broker.add_subscription(("a/b", 0), broker.sessions["one"][0]) == 0
    assert (await client.expect(Publish)).payload == b"kept"


@pytest.mark.parametrize("subscription", [("a/#/b", 0), ("", 0), ("a", 3), ("a", -1), ("$share/g", 0)])
async def test_what_cannot_be_subscribed_to_is_refused(broker: Broker, subscription: tuple[str, int]) -> None:
    session = broker.create_offline_session("one")[1]
    assert await broker.add_subscription(subscription, session) == 0x80
    assert dict(broker.subscriptions) == {}


async def test_nobody_who_is_not_there_is_subscribed(broker: Broker) -> None:
    assert await broker.add_subscription(("a", 0), Session()) == 0x80
    assert await broker.add_subscription(("a", 0), None) == 0x80
