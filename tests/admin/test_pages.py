"""Which page answers a request, and who may see it."""

from http import HTTPStatus

import pytest

from amqtt.admin.pages import Answer, Pages, Question

SHOWN = Answer(body="shown")


def pages(token: str | None = None, local: bool = True) -> Pages:
    return Pages({"/open": lambda: SHOWN, "/guarded": lambda: SHOWN}, frozenset({"/guarded"}), token, local)


def test_a_page_is_found_by_its_path_alone() -> None:
    assert pages().answer(Question("GET", "/open?x=1")) is SHOWN
    assert pages().answer(Question("HEAD", "/open")) is SHOWN
    for target in "/", "/open/", "/Open", "//open", "/./open", "/%6fpen", "http://x/open", "*":
        assert pages().answer(Question("GET", target)).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_nothing_can_be_changed(method: str) -> None:
    answer = pages().answer(Question(method, "/open"))
    assert (answer.status, answer.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "GET, HEAD")


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("localhost", True), ("LOCALHOST:9883", True), ("127.0.0.1", True), ("127.0.0.1:9883", True),
        ("[::1]:9883", True), ("::1", True), ("", True), ("10.0.0.7", True),
        ("evil.example", False), ("evil.example:9883", False), ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False), ("[evil]:1", False),
    ],
)
def test_a_web_page_whose_name_leads_here_is_not_answered(host: str, answered: bool) -> None:
    status = pages().answer(Question("GET", "/guarded", host)).status
    assert status == (HTTPStatus.OK if answered else HTTPStatus.MISDIRECTED_REQUEST)


def test_other_machines_may_ask_by_any_name() -> None:
    assert pages(local=False).answer(Question("GET", "/open", "broker.example")) is SHOWN


@pytest.mark.parametrize(
    ("token", "local", "authorization", "shown"),
    [
        (None, True, "", True),
        (None, False, "", False),
        (None, False, "Bearer ", False),
        ("secret", False, "", False),
        ("secret", True, "", False),
        ("secret", False, "Bearer wrong", False),
        ("secret", False, "secret", False),
        ("secret", False, "Basic secret", False),
        ("secret", False, "Bearer é", False),
        ("secret", False, "Bearer secret", True),
        ("secret", False, "bearer  secret ", True),
    ],
)
def test_a_guarded_page_is_for_this_machine_or_who_has_the_token(
    token: str | None, local: bool, authorization: str, shown: bool
) -> None:
    answer = pages(token, local).answer(Question("GET", "/guarded", "", authorization))
    assert answer.status == (HTTPStatus.OK if shown else HTTPStatus.UNAUTHORIZED)
    assert pages(token, local).answer(Question("GET", "/open")) is SHOWN
