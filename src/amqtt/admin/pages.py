"""What is served over HTTP: which page answers a request, and who may see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final, TypeAlias

LOCAL_NAME: Final = "localhost"
_BEARER: Final = "bearer "

Page: TypeAlias = Callable[[], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus = HTTPStatus.OK
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A request: its method, its target as it was sent, and the headers that count here."""

    method: str
    target: str
    host: str = ""
    authorization: str = ""


class Pages:
    """The pages by their paths. `guarded` are shown to the machine itself, and to who has the token.

    `token` None: to nobody else. `local` says that only this machine reaches the Listener. Then a
    request must be for an address or for localhost: a web page whose name leads here is not asked.
    """

    def __init__(
        self, pages: Mapping[str, Page], guarded: frozenset[str], token: str | None = None, local: bool = True
    ) -> None:
        self._pages = pages
        self._guarded = guarded
        self._token = token
        self._local = local

    def answer(self, question: Question) -> Answer:
        """The page that the request is for, or what is wrong with it."""
        if question.method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD\n", headers={"Allow": "GET, HEAD"})
        if self._local and not _is_address(question.host):
            return Answer(HTTPStatus.MISDIRECTED_REQUEST, "ask for localhost\n")
        path = question.target.partition("?")[0]
        page = self._pages.get(path)
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, "there is no such page\n")
        if path in self._guarded and not self._may_see(question.authorization):
            text = "this page needs the token of the listener's token-file\n"
            return Answer(HTTPStatus.UNAUTHORIZED, text, headers={"WWW-Authenticate": "Bearer"})
        return page()

    def _may_see(self, authorization: str) -> bool:
        if self._token is None:
            return self._local
        given = authorization[len(_BEARER) :] if authorization[: len(_BEARER)].lower() == _BEARER else ""
        return compare_digest(given.strip().encode(), self._token.encode())


def _is_address(host: str) -> bool:
    """Whether a Host header names localhost or an address, with a port or without; none is one, too."""
    name = host.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name.lower() in ("", LOCAL_NAME):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
