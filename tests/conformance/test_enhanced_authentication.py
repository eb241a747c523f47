"""Enhanced authentication and re-authentication with AUTH packets (MQTT 5.0, 4.12)."""

import asyncio
from collections.abc import Awaitable

import pytest

from amqtt.abc import (
    Accepted,
    Answer,
    AuthenticationExchange,
    Authenticator,
    Challenge,
    ConnectRequest,
    Refusal,
)
from amqtt.broker import Broker
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from support.loopback import Clients, farewell, refusal
from support.raw_client import RawClient, properties

CONTINUE = 0x18
RE_AUTHENTICATE = 0x19
PROTOCOL_ERROR = 0x82
NOT_AUTHORIZED = 0x87
BAD_AUTHENTICATION_METHOD = 0x8C

Step = Accepted | Refusal | Challenge


class Steps(AuthenticationExchange):
    """Answers b"begin" and b"more" with a challenge, b"enough" with yes, anything else with no."""

    def __init__(self, authenticator: "BySteps") -> None:
        self._authenticator = authenticator

    def step(self, data: bytes | None) -> Step | Awaitable[Step]:
        if data == b"think":
            return self._authenticator.thought
        if data in (b"begin", b"more"):
            return Challenge(b"after " + data)
        if data == b"enough":
            return Accepted(self._authenticator.permissions, b"welcome")
        return Refusal(NOT_AUTHORIZED, "that is no answer")


class BySteps(Authenticator):
    """Knows the method "steps", and lets everybody in who names none."""

    methods = ("steps",)

    def __init__(self) -> None:
        self.permissions = Permissions("somebody")
        self.thought: asyncio.Future[Step] = asyncio.get_running_loop().create_future()
        self.plain: object = Accepted(Permissions())

    def authenticate(self, request: ConnectRequest) -> Answer:
        return self.plain  # type: ignore[return-value]

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        return Steps(self) if request.authentication_method == "steps" else None


class Nothing(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return False


@pytest.fixture
async def by_steps(broker: Broker) -> BySteps:
    authenticator = BySteps()
    broker.server.authenticator = authenticator
    return authenticator


def auth(reason_code: int = CONTINUE, data: bytes | None = b"enough", method: str | None = "steps") -> Auth:
    given = properties(authentication_data=data) if data is not None else properties()
    given.authentication_method = method
    return Auth(reason_code, given)


def connect(data: bytes | None = b"begin", method: str = "steps", will: WillFields | None = None) -> Connect:
    given = properties(authentication_method=method, authentication_data=data)
    return Connect("a", will=will, properties=given)


async def authenticated(client: Clients, will: WillFields | None = None) -> RawClient:
    """A Client that was accepted by the method "steps"."""
    sender = await client()
    sender.send(connect(b"enough", will=will))
    assert (await sender.expect(Connack)).reason_code == 0
    return sender


def method_and_data(packet: Auth | Connack) -> tuple[str | None, bytes | None]:
    assert packet.properties is not None
    return packet.properties.authentication_method, packet.properties.authentication_data


# -- at CONNECT


@pytest.mark.mqtt5("4.12.0-1", "3.2.2-7")
@pytest.mark.parametrize("method", ["unknown", "STEPS", ""])
async def test_an_unknown_authentication_method_is_refused(
    client: Clients, by_steps: BySteps, method: str
) -> None:
    stranger = await client()
    stranger.send(connect(method=method))
    assert (await refusal(stranger)).reason_code == BAD_AUTHENTICATION_METHOD


@pytest.mark.mqtt5("4.12.0-1")
async def test_without_such_an_authenticator_every_method_is_unknown(client: Clients) -> None:
    stranger = await client()
    stranger.send(connect())
    assert (await refusal(stranger)).reason_code == BAD_AUTHENTICATION_METHOD


@pytest.mark.mqtt5("4.12.0-2", "4.12.0-3", "4.12.0-5", "3.2.0-1", "3.15.2-1")
async def test_the_server_continues_with_auth_until_it_accepts(client: Clients, by_steps: BySteps) -> None:
    sender = await client()
    sender.send(connect(b"begin"))
    first = await sender.expect(Auth)
    assert (first.reason_code, method_and_data(first)) == (CONTINUE, ("steps", b"after begin"))
    sender.send(auth(data=b"more"))
    second = await sender.expect(Auth)
    assert (second.reason_code, method_and_data(second)) == (CONTINUE, ("steps", b"after more"))
    sender.send(auth(data=b"enough"))
    connack = await sender.expect(Connack)
    assert (connack.reason_code, method_and_data(connack)) == (0, ("steps", b"welcome"))
    assert await sender.sync() == []


@pytest.mark.mqtt5("4.12.0-5")
async def test_the_server_may_accept_at_once(client: Clients, by_steps: BySteps) -> None:
    sender = await client()
    sender.send(connect(b"enough"))
    connack = await sender.expect(Connack)
    assert (connack.reason_code, method_and_data(connack)) == (0, ("steps", b"welcome"))


@pytest.mark.mqtt5("4.12.0-2", "4.12.0-5")
async def test_a_step_may_take_its_time(client: Clients, by_steps: BySteps) -> None:
    sender = await client()
    sender.send(connect(b"think"))
    other = await client.connected("other")
    assert await other.sync() == []
    by_steps.thought.set_result(Challenge(b"thought"))
    challenge = await sender.expect(Auth)
    assert (challenge.reason_code, method_and_data(challenge)) == (CONTINUE, ("steps", b"thought"))
    sender.send(auth())
    assert (await sender.expect(Connack)).reason_code == 0


@pytest.mark.mqtt5("4.12.0-4", "3.2.2-7", "3.1.4-2")
@pytest.mark.parametrize("challenges", [0, 1, 2])
async def test_the_server_may_reject_at_any_step(client: Clients, by_steps: BySteps, challenges: int) -> None:
    stranger = await client()
    stranger.send(connect(b"more" if challenges else b"wrong"))
    for left in reversed(range(challenges)):
        assert (await stranger.expect(Auth)).reason_code == CONTINUE
        stranger.send(auth(data=b"more" if left else b"wrong"))
    connack = await refusal(stranger)
    assert (connack.reason_code, connack.session_present) == (NOT_AUTHORIZED, False)


WRONG_AUTHS = {
    "Success": auth(0x00),
    "Re-authenticate": auth(RE_AUTHENTICATE),
    "another method": auth(method="others"),
    "no method": auth(data=None, method=None),
}


@pytest.mark.mqtt5("4.12.0-3", "4.12.0-5", "3.1.4-2")
@pytest.mark.parametrize("wrong", WRONG_AUTHS.values(), ids=WRONG_AUTHS)
async def test_the_answer_of_the_client_must_continue_with_the_same_method(
    client: Clients, by_steps: BySteps, wrong: Auth
) -> None:
    stranger = await client()
    stranger.send(connect())
    assert (await stranger.expect(Auth)).reason_code == CONTINUE
    stranger.send(wrong)
    assert (await refusal(stranger)).reason_code == PROTOCOL_ERROR


TOO_EARLY: dict[str, Packet] = {
    "PUBLISH": Publish("t", b"x", retain=True),
    "SUBSCRIBE": Subscribe(1, [SubscriptionRequest("t")]),
    "UNSUBSCRIBE": Unsubscribe(1, ["t"]),
    "PINGREQ": Pingreq(),
    "CONNECT": Connect("a"),
    "PUBACK": Puback(1),
}


@pytest.mark.mqtt5("3.1.2-30", "3.1.4-6", "3.2.0-1")
@pytest.mark.parametrize("early", TOO_EARLY.values(), ids=TOO_EARLY)
async def test_while_authenticating_only_auth_and_disconnect_are_allowed(
    client: Clients, broker: Broker, by_steps: BySteps, early: Packet
) -> None:
    stranger = await client()
    stranger.send(connect())
    assert (await stranger.expect(Auth)).reason_code == CONTINUE
    stranger.send(early, auth())
    assert (await refusal(stranger)).reason_code == PROTOCOL_ERROR
    assert broker.server.realm.sessions == {}
    assert len(broker.server.retained) == 0


@pytest.mark.mqtt5("3.1.2-30")
async def test_a_client_may_disconnect_while_authenticating(
    client: Clients, broker: Broker, by_steps: BySteps
) -> None:
    stranger = await client()
    stranger.send(connect(will=WillFields("w", b"")))
    assert (await stranger.expect(Auth)).reason_code == CONTINUE
    stranger.send(Disconnect(0x04), auth())
    assert await stranger.expect_closed() == []
    assert broker.server.realm.sessions == {}


# -- without an Authentication Method


@pytest.mark.mqtt5("4.12.0-6")
async def test_without_a_method_connack_has_none(client: Clients, by_steps: BySteps) -> None:
    by_steps.plain = Accepted(Permissions(), b"data")
    sender = await client()
    connack = await sender.connect("a")
    assert connack.reason_code == 0
    assert method_and_data(connack) == (None, None)


@pytest.mark.mqtt5("4.12.0-6")
async def test_without_a_method_the_server_sends_no_auth(
    client: Clients, by_steps: BySteps, faults: list[BaseException]
) -> None:
    by_steps.plain = Challenge(b"prove it")
    stranger = await client()
    stranger.send(Connect("a"))
    assert (await refusal(stranger)).reason_code == NOT_AUTHORIZED
    assert [type(fault) for fault in faults] == [TypeError]
    faults.clear()


@pytest.mark.mqtt5("4.12.0-7", "4.13.1-1")
@pytest.mark.parametrize("method", ["steps", None])
@pytest.mark.parametrize("reason_code", [0x00, CONTINUE, RE_AUTHENTICATE])
async def test_without_a_method_auth_is_a_protocol_error(
    client: Clients, by_steps: BySteps, reason_code: int, method: str | None
) -> None:
    sender = await client.connected("a")
    sender.send(auth(reason_code, b"enough" if method else None, method))
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


# -- re-authentication


@pytest.mark.mqtt5("4.12.1-1", "4.12.0-5")
async def test_a_client_may_authenticate_again_with_its_method(client: Clients, by_steps: BySteps) -> None:
    sender = await authenticated(client)
    for _ in range(2):
        sender.send(auth(RE_AUTHENTICATE, b"begin"))
        challenge = await sender.expect(Auth)
        assert (challenge.reason_code, method_and_data(challenge)) == (CONTINUE, ("steps", b"after begin"))
        sender.send(auth())
        success = await sender.expect(Auth)
        assert (success.reason_code, method_and_data(success)) == (0, ("steps", b"welcome"))
    assert await sender.sync() == []


@pytest.mark.mqtt5("4.12.1-1")
async def test_packets_flow_with_the_old_permissions_until_the_new_ones_are_given(
    client: Clients, by_steps: BySteps
) -> None:
    sender = await authenticated(client)
    await sender.subscribe("t")
    by_steps.permissions = Nothing("somebody")
    sender.send(auth(RE_AUTHENTICATE, b"begin"))
    assert (await sender.expect(Auth)).reason_code == CONTINUE
    sender.publish("t", b"old")
    assert (await sender.expect(Publish)).payload == b"old"
    sender.send(auth())
    assert (await sender.expect(Auth)).reason_code == 0
    sender.publish("t", b"new", 1)
    assert (await sender.expect(Puback)).reason_code == NOT_AUTHORIZED


@pytest.mark.mqtt5("4.12.1-2", "4.13.2-1")
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_failed_re_authentication_closes_the_network_connection(
    client: Clients, by_steps: BySteps, at_once: bool
) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w")
    sender = await authenticated(client, WillFields("w", b"gone"))
    if not at_once:
        sender.send(auth(RE_AUTHENTICATE, b"begin"))
        assert (await sender.expect(Auth)).reason_code == CONTINUE
    sender.send(auth(RE_AUTHENTICATE if at_once else CONTINUE, b"wrong"))
    assert (await farewell(sender)).reason_code == NOT_AUTHORIZED
    assert (await receiver.expect(Publish)).payload == b"gone"


WRONG_AUTHS_AGAIN = {
    "Success": auth(0x00),
    "Continue": auth(CONTINUE),
    "another method": auth(RE_AUTHENTICATE, method="others"),
    "no method": auth(RE_AUTHENTICATE, data=None, method=None),
}


@pytest.mark.mqtt5("4.12.1-1", "4.12.0-5", "4.13.1-1")
@pytest.mark.parametrize("wrong", WRONG_AUTHS_AGAIN.values(), ids=WRONG_AUTHS_AGAIN)
async def test_re_authentication_begins_with_its_reason_code_and_the_same_method(
    client: Clients, by_steps: BySteps, wrong: Auth
) -> None:
    sender = await authenticated(client)
    sender.send(wrong)
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("4.12.1-1")
@pytest.mark.parametrize("wrong", [auth(RE_AUTHENTICATE), auth(0x00)], ids=["Re-authenticate", "Success"])
async def test_re_authentication_does_not_begin_twice(
    client: Clients, by_steps: BySteps, wrong: Auth
) -> None:
    sender = await authenticated(client)
    sender.send(auth(RE_AUTHENTICATE, b"begin"), wrong)
    assert (await sender.expect(Auth)).reason_code == CONTINUE
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR
