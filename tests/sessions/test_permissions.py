"""What a Client may do where nobody grants it less."""

import pytest

from amqtt.sessions.permissions import Permissions, may_publish


@pytest.mark.parametrize(
    ("topic", "allowed"), [("a", True), ("a/$b", True), ("/", True), ("$SYS/x", False), ("$", False)]
)
@pytest.mark.parametrize("retain", [False, True])
def test_every_topic_but_those_of_the_server_may_be_published_to(
    topic: str, allowed: bool, retain: bool
) -> None:
    assert Permissions().may_publish(topic, retain) is allowed


@pytest.mark.parametrize("topic_filter", ["#", "a", "$SYS/#"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_everything_may_be_subscribed_to_at_the_requested_qos(topic_filter: str, qos: int) -> None:
    assert Permissions().may_subscribe(topic_filter, qos) == qos


def test_everything_may_be_received_and_need_not_be_asked() -> None:
    assert Permissions().may_receive("$SYS/x")
    assert Permissions().receives_everything


def test_they_say_who_the_user_is() -> None:
    assert Permissions().user is None
    assert Permissions("somebody").user == "somebody"


@pytest.mark.parametrize(
    ("client_id", "topic", "granted"),
    [
        ("bridge", "$SYS/broker/connection/bridge/state", True),
        ("a/b", "$SYS/broker/connection/a/b/state", True),
        ("bridge", "$SYS/broker/connection/other/state", False),
        ("bridge", "$SYS/broker/connection/bridge/state/x", False),
        ("bridge", "$SYS/broker/connection/bridge", False),
        ("bridge", "$SYS/broker/connection/", False),
        ("", "$SYS/broker/connection/bridge/state", False),
        ("bridge", "$SYS/broker/version", False),
        ("bridge", "$CONTROL/x", False),
        ("bridge", "a", True),
    ],
)
def test_a_client_may_say_of_its_own_connection_whether_it_stands(
    client_id: str, topic: str, granted: bool
) -> None:
    assert may_publish(Permissions(), client_id, topic, True) is granted


def test_who_is_restricted_may_not_even_say_that() -> None:
    class OfAPlugin(Permissions):
        pass

    assert not may_publish(OfAPlugin(), "bridge", "$SYS/broker/connection/bridge/state", True)
