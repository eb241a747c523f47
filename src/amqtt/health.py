"""What a Service says of itself over HTTP: whether it lives, whether it is ready, and what it counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import amqtt
from amqtt.admin.http import HttpListener
from amqtt.admin.pages import Answer, Page, Pages
from amqtt.config import is_local
from amqtt.errors import BrokerError
from amqtt.net.listener import Listener, ListenerError
from amqtt.net.settings import ListenerSettings
from amqtt.net.tcp import tcp_sockets
from amqtt.net.tls import server_context
from amqtt.observe.figures import metrics_of_process
from amqtt.observe.metrics import CONTENT_TYPE, COUNTER, GAUGE, Metric, server_metrics, single
from amqtt.server.realm import Realm

METRICS: Final = "/metrics"
HEALTHZ: Final = "/healthz"
READYZ: Final = "/readyz"
_NOT_READY: Final = Answer(HTTPStatus.SERVICE_UNAVAILABLE, "not ready\n")
GUARDED: Final = frozenset({METRICS})

_LONGEST_TOKEN: Final = 4096


async def open_http(settings: ListenerSettings, pages: Mapping[str, Page]) -> HttpListener:
    """Serve these pages as the settings say; BrokerError where that cannot be."""
    try:
        token = None if settings.token_file is None else token_in(Path(settings.token_file))
        tls = None if settings.tls is None else server_context(settings.tls, ["http/1.1"])
        sockets = await tcp_sockets(settings)
    except ListenerError as error:
        raise BrokerError(str(error)) from None
    except (ValueError, OSError) as error:
        raise BrokerError(f"listener {settings.name!r}: {error}") from None
    listener = HttpListener(settings.name, Pages(pages, GUARDED, token, is_local(settings)), sockets)
    await listener.open(tls)
    return listener


def token_in(path: Path) -> str:
    """The token in this file, without the end of its line."""
    try:
        with path.open(encoding="ascii") as file:
            token = file.read(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        raise ValueError(f"token-file {path} cannot be read: {reason}") from None
    if len(token) < 16 or not token.isprintable():
        raise ValueError(f"token-file {path} must hold a token of 16 characters or more")
    return token


def pages_of(metrics: Callable[[], str], is_ready: Callable[[], bool]) -> Mapping[str, Page]:
    """The pages by their paths."""
    return {
        METRICS: lambda: Answer(body=metrics(), content_type=CONTENT_TYPE),
        HEALTHZ: lambda: Answer(body="ok\n"),
        READYZ: lambda: Answer(body="ready\n") if is_ready() else _NOT_READY,
    }


def figures_of(
    realm: Realm, listeners: Sequence[Listener], is_ready: bool, uptime: float
) -> Iterator[Metric]:
    """Everything that is counted; it may be asked from another thread than the Broker's."""
    version = (({"version": amqtt.__version__}, 1.0),)
    yield Metric("amqtt_info", GAUGE, "The version that runs.", version)
    yield single("amqtt_ready", GAUGE, "Whether it serves: 1 or 0.", is_ready)
    yield single("amqtt_uptime_seconds", GAUGE, "Seconds since it was started.", uptime)
    yield from server_metrics(realm)
    yield Metric(
        "amqtt_listener_connections", GAUGE, "Network Connections that are open.",
        tuple(({"listener": each.name}, each.open_connections) for each in listeners),
    )
    yield Metric(
        "amqtt_listener_refused_total", COUNTER, "Network Connections beyond max-connections.",
        tuple(({"listener": each.name}, each.refused) for each in listeners),
    )
    yield from metrics_of_process()


