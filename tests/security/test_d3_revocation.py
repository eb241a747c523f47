"""D3: what is revoked while the Server runs is revoked: live, queued, in flight, retained, as a Will."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions
from amqtt.access.password_lines import changing
from amqtt.broker import Broker
from amqtt.message import Message
from amqtt.sessions.session import Session
from amqtt.topics.names import covers
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Puback, Publish, Unsubscribe, WillFields
from support.bench_server import Bench, BenchClient
from support.exchange import deliver, lasting, leave, messages
from support.opener import Opener
from support.raw_client import properties

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


class Listed(Permissions):
    """What some Topic Filters cover."""

    receives_everything = False

    def __init__(self, user: str | None, filters: Sequence[str]) -> None:
        super().__init__(user)
        self.filters = tuple(filters)

    def may_publish(self, topic: str, retain: bool) -> bool:
        return any(covers(each, topic) for each in self.filters)

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if any(covers(each, topic_filter) for each in self.filters) else -1

    def may_receive(self, topic: str) -> bool:
        return any(covers(each, topic) for each in self.filters)


class Rules(Authenticator):
    """Users and what they may use; to be changed by the test."""

    def __init__(self) -> None:
        self.users: dict[str, list[str]] = {"alice": ["#"], "bob": ["#"]}
        self.kind: type[Listed] = Listed

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(self.kind(request.username, self.users[request.username or ""]))

    def of(self, session: Session) -> Permissions | None:
        return self.of_user(session.client_id, session.owner or "")

    def of_user(self, client_id: str, owner: str) -> Permissions | None:
        filters = self.users.get(owner)
        return None if filters is None else self.kind(owner, filters)


class Office:
    def __init__(self, version: int) -> None:
        self.version = version
        self.rules = Rules()
        self.bench = Bench(self.rules)

    def come(self, user: str, **more: object) -> BenchClient:
        if self.version == MQTT_5:
            more["session_expiry_interval"] = 1000
        return self.bench.connected(user, self.version, username=user, clean_start=False, **more)

    def allow(self, user: str, *filters: str) -> None:
        self.rules.users[user] = list(filters)
        self.bench.server.review(self.rules.of, self.rules.of_user)

    def dismiss(self, user: str) -> None:
        del self.rules.users[user]
        self.bench.server.review(self.rules.of, self.rules.of_user)


def topics(client: BenchClient) -> list[str]:
    return [packet.topic for packet in client.received() if isinstance(packet, Publish)]


@BOTH
@pytest.mark.parametrize("shared", ["", "$share/g/"])
def test_a_live_subscription_ends_and_one_that_is_still_granted_stays(version: int, shared: str) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe(f"{shared}secret/#", 1)
    alice.subscribe(f"{shared}news", 1)
    office.allow("alice", "news")
    bob.publish("secret/1", b"x", 1)
    bob.publish("news", b"x", 1)
    assert topics(alice) == ["news"]
    assert alice.subscribe("secret/#") >= 0x80
    assert list(office.bench.server.realm.sessions["alice"].subscriptions) == [f"{shared}news"]


@BOTH
def test_a_wider_subscription_than_the_grant_ends_though_part_of_it_is_granted(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    office.allow("alice", "news")
    bob.publish("news", b"x", 1)
    assert topics(alice) == []


@BOTH
def test_what_was_queued_for_a_client_that_is_away_is_not_sent(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    alice.lose()
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    office.allow("alice", "news")
    assert topics(office.come("alice")) == ["news"]


@BOTH
def test_what_was_in_flight_is_not_sent_again(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    assert topics(alice) == ["secret", "news"]
    alice.lose()
    office.allow("alice", "news")
    assert topics(office.come("alice")) == ["news"]


@BOTH
def test_what_waits_behind_a_full_window_is_not_sent(version: int) -> None:
    office = Office(version)
    office.bench = Bench(office.rules, maximum_inflight=1)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("news", "secret", "news"):
        bob.publish(topic, b"x", 1)
    office.allow("alice", "news")
    (first,) = [packet for packet in alice.received() if isinstance(packet, Publish)]
    alice.send(Puback(first.packet_id))
    assert topics(alice) == ["news"]


class Uncensored(Listed):
    """Lists what may be subscribed to, and leaves what comes by it free."""

    receives_everything = True


@BOTH
def test_what_waits_of_a_subscription_that_was_ended_before_is_permitted_anew(version: int) -> None:
    office = Office(version)
    office.rules.kind = Uncensored
    office.bench = Bench(office.rules, maximum_inflight=1)
    alice, bob = office.come("alice"), office.come("bob")
    alice.subscribe("#", 1)
    for topic in ("news", "secret", "news"):
        bob.publish(topic, b"x", 1)
    alice.send(Unsubscribe(1, ["#"]))
    office.allow("alice", "news")
    (first,) = [packet for packet in alice.received() if isinstance(packet, Publish)]
    alice.send(Puback(first.packet_id))
    assert topics(alice) == ["news"]


@BOTH
@pytest.mark.parametrize("then", ["stays", "is away", "ends its Session"])
def test_what_a_client_retained_and_may_not_publish_any_more_is_retained_no_longer(
    version: int, then: str
) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    for topic in ("secret", "news"):
        alice.publish(topic, b"x", retain=True)
    if then == "is away":
        alice.lose()
    elif then == "ends its Session":
        office.bench.connected("alice", version, username="alice").send(Disconnect())
        assert "alice" not in office.bench.server.realm.sessions
    bob.publish("bobs", b"x", retain=True)
    office.bench.server.publish(Message("the program's", b"x", 0, True))
    office.allow("alice", "news")
    bob.subscribe("#")
    assert sorted(topics(bob)) == ["bobs", "news", "the program's"]


@BOTH
def test_a_user_who_comes_back_with_less_is_not_sent_what_waits_for_a_subscription_that_ends(
    version: int,
) -> None:
    """Nobody has reviewed anything: what is granted now is what the Authenticator says at CONNECT."""
    office = Office(version)
    office.rules.kind = Uncensored
    alice, bob = office.come("alice"), office.come("bob")
    for topic in ("secret", "news"):
        alice.subscribe(topic, 1)
    alice.lose()
    for topic in ("secret", "news"):
        bob.publish(topic, b"x", 1)
    office.rules.users["alice"] = ["news"]
    again = office.come("alice")
    assert topics(again) == ["news"]
    assert list(office.bench.server.realm.sessions["alice"].subscriptions) == ["news"]


@BOTH
def test_a_will_message_is_judged_when_it_is_to_be_published(version: int) -> None:
    office = Office(version)
    bob = office.come("bob")
    bob.subscribe("#")
    alice = office.come("alice", will=WillFields("secret", b"x"))
    office.allow("alice", "news")
    alice.lose()
    assert topics(bob) == []
    assert office.bench.server.counters.dropped_refused == 1


@BOTH
@pytest.mark.parametrize("is_there", [True, False])
def test_a_user_who_is_no_more_loses_connection_session_will_and_retained(
    version: int, is_there: bool
) -> None:
    office = Office(version)
    bob = office.come("bob")
    bob.subscribe("#")
    alice = office.come("alice", will=WillFields("w", b"x"))
    alice.subscribe("#")
    alice.publish("news", b"x", retain=True)
    assert topics(bob) == ["news"]
    if not is_there:
        alice.send(Disconnect())
    office.dismiss("alice")
    assert alice.state.closed
    realm = office.bench.server.realm
    assert list(realm.sessions) == ["bob"]
    assert len(realm.retained) == 0
    assert topics(bob) == []
    if is_there and version == MQTT_5:
        assert alice.received()[-1].reason_code == 0x87  # type: ignore[union-attr]


@BOTH
def test_publishing_is_judged_by_the_permissions_of_today(version: int) -> None:
    office = Office(version)
    alice, bob = office.come("alice"), office.come("bob")
    bob.subscribe("#")
    office.allow("alice", "news")
    alice.publish("secret", b"x")
    alice.publish("news", b"x")
    assert topics(bob) == ["news"]
    office.allow("alice", "#")
    alice.publish("secret", b"x")
    assert topics(bob) == ["secret"]


SHA_CRYPT = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
RIGHT = b"secret word"
ALL = "topic readwrite #\n"
ROUTES = [
    "a reload", "a restart", "a restart, then a reload", "a reload, then a restart", "the same broker again",
]
"""How rules that were changed come to count: as many ways as there are."""


class Site:
    """A Broker with a file of users, one of rules, and one for what it keeps; all of them may change."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._opener = Opener(stack)
        self._broker: Broker | None = None
        self.believes_names = True
        self.persistence: dict[str, Any] = {"durability": "normal"}
        self.rules("user alice", ALL, "user bob", ALL)
        self.users("alice", "bob")

    def rules(self, *lines: str) -> None:
        (self._directory / "rules").write_text("\n".join(lines), encoding="utf-8")

    def users(self, *names: str) -> None:
        (self._directory / "users").unlink(missing_ok=True)
        with changing(self._directory / "users") as lines:
            for name in names:
                lines.put(name, SHA_CRYPT)
            lines.write()

    def config(self) -> dict[str, Any]:
        auth: dict[str, Any] = {"allow-anonymous": self.believes_names}
        if not self.believes_names:
            auth["password-file"] = str(self._directory / "users")
        return {
            "listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0, "auth": auth,
            "topic-check": {"acl-file": str(self._directory / "rules")},
            "persistence": {"file": str(self._directory / "amqtt.db"), **self.persistence},
        }

    @property
    def broker(self) -> Broker:
        assert self._broker is not None
        return self._broker

    @property
    def retained(self) -> list[str]:
        return sorted(message.topic for message in self.broker.server.retained)

    async def start(self) -> None:
        self._broker = Broker(self.config())
        await self._broker.start()
        self._stack.push_async_callback(self._broker.shutdown)

    async def restart(self) -> None:
        await self.broker.shutdown()
        await self.start()

    async def take(self, route: str) -> None:
        """Have the Broker go by what the files say now."""
        if route == "the same broker again":
            await self.broker.shutdown()
            self.broker.reload(self.config())
            await self.broker.start()
            return
        for step in route.split(", then "):
            if step == "a reload":
                self.broker.reload(self.config())
            else:
                await self.restart()

    async def come(self, client_id: str, user: str | None, **options: Any) -> Any:
        client = await self._opener(self.broker)
        password = None if self.believes_names else RIGHT
        answer = await client.connect(client_id, username=user, password=password, **options)
        assert answer.reason_code == 0
        return client

    async def retain(self, client_id: str, user: str | None, *topics: str) -> None:
        """Have somebody retain this, and end his Session."""
        client = await self.come(client_id, user)
        for topic in topics:
            client.publish(topic, b"x", 1, retain=True)
            await client.expect(Puback)
        await leave(client)
        assert client_id not in self.broker.server.realm.sessions


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        made = Site(tmp_path, stack)
        yield made


@pytest.mark.parametrize("route", ROUTES)
async def test_what_somebody_retained_whose_session_has_ended_goes_with_his_right(
    site: Site, route: str
) -> None:
    """Mosquitto's test 04-retain-check-source, and -persist for what is changed in between."""
    await site.start()
    await site.retain("c", "alice", "secret", "news")
    await site.retain("c", "bob", "secret/2")
    await site.broker.publish("the program's", b"x", retain=True)
    site.rules("user alice", "topic readwrite news", "user bob", ALL)
    await site.take(route)
    witness = await site.come("w", "bob")
    await witness.subscribe("#")
    assert sorted(each.topic for each in await messages(witness)) == ["news", "secret/2", "the program's"]
    site.rules("user alice", ALL, "user bob", ALL)
    await site.restart()
    assert site.retained == ["news", "secret/2", "the program's"], "what was revoked does not come back"


@pytest.mark.parametrize("route", ROUTES)
async def test_rules_with_names_in_them_ask_for_those_it_was_published_with(site: Site, route: str) -> None:
    await site.start()
    for client_id, user in (("c1", "alice"), ("c2", "bob")):
        await site.retain(client_id, user, f"by/{user}", f"from/{client_id}", f"more/{client_id}")
    site.rules("pattern readwrite by/%u", "pattern readwrite from/%c", "user bob", "topic deny from/#")
    await site.take(route)
    assert site.retained == ["by/alice", "by/bob", "from/c1"]


@pytest.mark.parametrize("route", ROUTES)
async def test_what_a_user_retained_who_is_gone_goes_too_and_so_does_his_session(
    site: Site, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.believes_names = False
    await site.start()
    await site.retain("c1", "alice", "alices")
    await site.retain("c2", "bob", "bobs")
    for user in ("alice", "bob"):
        await leave(await site.come(f"lasting-{user}", user, **lasting(MQTT_5)))
    site.users("bob")
    await site.take(route)
    assert site.retained == ["bobs"]
    assert list(site.broker.server.realm.sessions) == ["lasting-bob"]
    assert "Sessions have ended (1), and messages are retained no longer (1)" in caplog.text


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("comes_in", [True, False])
async def test_what_was_retained_without_a_name_goes_by_the_rules_for_those_without(
    site: Site, route: str, comes_in: bool
) -> None:
    site.rules(ALL, "user alice", ALL)
    await site.start()
    await site.retain("c", None, "secret", "news")
    await site.retain("c", "alice", "alices")
    if comes_in:
        site.rules("topic readwrite news", "user alice", ALL)
    else:
        site.believes_names = False
    await site.take(route)
    assert site.retained == (["alices", "news"] if comes_in else ["alices"])


@pytest.mark.parametrize("route", ROUTES)
async def test_where_nothing_was_revoked_everything_is_as_it_was(
    site: Site, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    await site.start()
    await site.retain("c", "alice", "secret", "news")
    alice = await site.come("lasting", "alice", **lasting(MQTT_5))
    await alice.subscribe("#", 1)
    await leave(alice)
    site.rules("user alice", "topic readwrite #", "topic deny other", "user bob", ALL)
    await site.take(route)
    assert site.retained == ["news", "secret"]
    assert list(site.broker.server.realm.sessions["lasting"].subscriptions) == ["#"]
    assert "By the present rules" not in caplog.text


@pytest.mark.parametrize("route", ["a restart", "the same broker again"])
async def test_what_a_stored_session_may_no_more_ends_though_nobody_has_come_for_it(
    site: Site, route: str
) -> None:
    await site.start()
    alice = await site.come("c", "alice", **lasting(MQTT_5))
    for topic_filter in ("secret/#", "news"):
        await alice.subscribe(topic_filter, 1)
    await leave(alice)
    site.rules("user alice", "topic readwrite news", "user bob", ALL)
    await site.take(route)
    bob = await site.come("b", "bob")
    for topic in ("secret/1", "news"):
        await deliver(bob, topic, b"x", 1)
    session = site.broker.server.realm.sessions["c"]
    assert list(session.subscriptions) == ["news"]
    assert [each.message.topic for each in session.backlog] == ["news"]


async def test_a_stored_will_is_judged_by_the_rules_of_the_day_it_is_due(site: Site) -> None:
    """Both are due at the same moment, and one of them has been revoked while the Broker was down."""
    site.persistence["restart-grace"] = 1
    await site.start()
    for user in ("alice", "bob"):
        will = WillFields(f"wills/{user}", b"x", 1, True, properties(will_delay_interval=1))
        await site.come(f"c-{user}", user, will=will, **lasting(MQTT_5))
    site.rules("user alice", "topic readwrite news", "user bob", ALL)
    await site.restart()
    witness = await site.come("w", "bob")
    await witness.subscribe("wills/#")
    assert (await witness.expect(Publish)).topic == "wills/bob"
    assert await messages(witness) == []
    assert site.retained == ["wills/bob"]
    assert site.broker.server.counters.dropped_refused == 1


async def test_a_retained_will_is_its_users_after_a_restart(site: Site) -> None:
    await site.start()
    for user in ("alice", "bob"):
        client = await site.come(f"c-{user}", user, will=WillFields(f"wills/{user}", b"x", 0, True))
        witness = await site.come("w", "bob")
        await witness.subscribe(f"wills/{user}")
        client.abort()
        await witness.expect(Publish)
    site.rules("user alice", "topic readwrite news", "user bob", ALL)
    await site.restart()
    assert site.retained == ["wills/bob"]
