"""How Permissions come together: somebody must grant, nobody may refuse."""

from itertools import product

import pytest

from amqtt.abc import ConnectRequest, Peer
from amqtt.access.acl import AccessControlList
from amqtt.access.mosquitto_acl import MosquittoAcl, Rule
from amqtt.access.policy import CheckedPermissions, Policy, SharedPermissions, TopicCheck, TopicRules
from amqtt.access.taboo import Taboo
from amqtt.sessions.permissions import Permissions

VERDICTS = [True, False, None, "yes", 1]


class Says(TopicRules, TopicCheck):
    """Says the same to everything."""

    receives_everything = False

    def __init__(self, verdict: object) -> None:
        self.verdict = verdict

    def publish(self, topic: str) -> bool | None:
        return self.verdict  # type: ignore[return-value]

    def subscribe(self, topic_filter: str) -> bool | None:
        return self.verdict  # type: ignore[return-value]

    def receive(self, topic: str) -> bool | None:
        return self.verdict  # type: ignore[return-value]

    def rules(self, user: str | None) -> TopicRules:
        return self


class Own(Permissions):
    """Permissions that an Authenticator made itself."""

    receives_everything = False

    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic == "own" and not retain

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return min(qos, 1)

    def may_receive(self, topic: str) -> bool:
        return topic == "own"


@pytest.mark.parametrize("verdicts", list(product(VERDICTS, repeat=2)))
def test_somebody_must_grant_and_nobody_may_refuse(verdicts: tuple[object, ...]) -> None:
    permissions = CheckedPermissions("u", [Says(verdict) for verdict in verdicts])
    granted = set(verdicts) <= {True, None} and any(verdict is True for verdict in verdicts)
    granted = granted and not any(verdict == 1 and verdict is not True for verdict in verdicts)
    assert permissions.may_publish("t", False) is granted
    assert permissions.may_subscribe("t", 2) == (2 if granted else -1)
    kept_back = any(verdict is not True and verdict is not None for verdict in verdicts)
    assert permissions.may_receive("t") is not kept_back


def test_without_topic_plugins_nothing_is_granted() -> None:
    permissions = Policy([]).permissions([Permissions("u")])
    assert not permissions.may_publish("t", False)
    assert permissions.may_subscribe("t", 0) == -1


def test_nobody_publishes_to_dollar_topics() -> None:
    permissions = CheckedPermissions("admin", [Says(True)])
    assert not permissions.may_publish("$SYS/broker/x", True)
    assert not permissions.may_publish("$", False)
    assert permissions.may_publish("a/$", False)
    assert not Policy().permissions([]).may_publish("$SYS/x", False)


STATE = "$SYS/broker/connection/hut/state"


@pytest.mark.parametrize(
    ("client_id", "topic", "verdict", "granted"),
    [
        ("hut", STATE, True, True),
        ("hut", STATE, False, False),
        ("hut", STATE, None, False),
        ("inn", STATE, True, False),
        ("", STATE, True, False),
        ("", "$SYS/broker/connection//state", True, False),
        ("hut", f"{STATE}/x", True, False),
        ("hut", "$SYS/broker/uptime", True, False),
    ],
)
def test_whether_a_bridge_says_that_it_is_connected_is_for_the_rules(
    client_id: str, topic: str, verdict: object, granted: bool
) -> None:
    assert CheckedPermissions("u", [Says(verdict)], client_id).may_publish(topic, True) is granted


def test_the_rules_of_a_client_are_asked_with_its_client_identifier() -> None:
    acl = MosquittoAcl({}, [Rule("write", "$SYS/broker/connection/%c/state")])
    request = ConnectRequest("hut", "u", None, Peer())
    assert Policy([acl]).permissions([Permissions("u")], request).may_publish(STATE, True)
    assert not Policy([acl]).permissions([Permissions("u")]).may_publish(STATE, True)


def test_a_rule_that_receives_everything_is_not_asked() -> None:
    permissions = CheckedPermissions("u", [AccessControlList({}).rules("u"), Taboo().rules("admin")])
    assert permissions.receives_everything
    assert permissions.may_receive("prohibited")


def test_topics_that_are_not_checked_are_what_is_left_to_everybody() -> None:
    permissions = Policy().permissions([Permissions(None), Permissions("u"), Permissions("v")])
    assert type(permissions) is Permissions
    assert permissions.user == "u"


def test_permissions_of_an_authenticator_hold_as_they_are() -> None:
    own = Own("u")
    assert Policy().permissions([Permissions("u"), own]) is own


def test_permissions_of_an_authenticator_are_brought_to_the_user() -> None:
    permissions = Policy().permissions([Permissions("u"), Own(None)])
    assert permissions.user == "u"
    assert not permissions.may_publish("t", False)


def test_permissions_of_several_are_what_all_of_them_allow() -> None:
    permissions = Policy([AccessControlList({"u": ["#"]}, {"u": ["own", "other"]})]).permissions([Own("u")])
    assert isinstance(permissions, SharedPermissions)
    assert permissions.may_publish("own", False)
    assert not permissions.may_publish("own", True)
    assert not permissions.may_publish("other", False)
    assert permissions.may_subscribe("t", 2) == 1
    assert not permissions.receives_everything
    assert permissions.may_receive("own")
    assert not permissions.may_receive("other")
    assert SharedPermissions("u", [Permissions(), Permissions()]).receives_everything


TABOO = ["prohibited", "top-secret", "data/classified"]


@pytest.mark.parametrize("topic", TABOO)
@pytest.mark.parametrize("user", ["u", None, "Admin", "anonymous"])
def test_taboo_topics_are_refused_on_every_way(user: str | None, topic: str) -> None:
    permissions = Policy([Taboo()]).permissions([Permissions(user)])
    assert not permissions.may_publish(topic, False)
    assert permissions.may_subscribe(topic, 1) == -1
    assert permissions.may_subscribe("#", 1) == 1
    assert not permissions.receives_everything
    assert not permissions.may_receive(topic)
    assert permissions.may_receive("data")


@pytest.mark.parametrize("topic", [*TABOO, "#", "data"])
def test_the_admin_may_use_what_is_taboo(topic: str) -> None:
    permissions = Policy([Taboo()]).permissions([Permissions("admin")])
    assert permissions.may_publish(topic, False)
    assert permissions.may_subscribe(topic, 1) == 1
    assert permissions.receives_everything


def test_taboo_grants_all_other_topics() -> None:
    permissions = Policy([Taboo()]).permissions([Permissions("u")])
    assert permissions.may_publish("prohibited/x", False)
    assert permissions.may_subscribe("top-secret/#", 0) == 0
