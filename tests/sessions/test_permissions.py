"""What a Client may do where nobody grants it less."""

import pytest

from amqtt.sessions.permissions import Permissions


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
