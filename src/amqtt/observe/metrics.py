"""What is counted, in the text format of Prometheus; no label has a value that a Client chooses."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from amqtt.server.realm import Realm
from amqtt.sessions.counters import Counters

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Metric(NamedTuple):
    """One figure, or one for each set of labels."""

    name: str
    kind: str
    text: str
    values: tuple[tuple[Labels, float], ...] = ()

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.values:
            written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{self.name}{{{written}}} {value:.15g}" if written else f"{self.name} {value:.15g}"


def exposition(metrics: Iterable[Metric]) -> str:
    """All of them as one text."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def single(name: str, kind: str, text: str, value: float) -> Metric:
    """A figure without labels."""
    return Metric(name, kind, text, (({}, value),))


_COUNTED: Final[Mapping[str, tuple[str, str, str]]] = {
    "bytes_received": ("received_bytes_total", COUNTER, "Bytes that Clients sent."),
    "packets_received": ("received_packets_total", COUNTER, "Control Packets that Clients sent."),
    "connections": ("connections_total", COUNTER, "Clients that were accepted."),
    "refused_connections": ("refused_connections_total", COUNTER, "CONNECT packets that were refused."),
    "taken_over": ("taken_over_total", COUNTER, "Network Connections that the same Client replaced."),
    "published": ("received_messages_total", COUNTER, "Application Messages that Clients published."),
    "delivered": ("sent_messages_total", COUNTER, "Application Messages that were sent to Clients."),
    "inflight_in": ("inflight_received_messages", GAUGE, "QoS 2 messages of Clients, not released."),
    "inflight_out": ("inflight_sent_messages", GAUGE, "QoS 1 and 2 messages sent, not acknowledged."),
    "queued_messages": ("queued_messages", GAUGE, "Messages that wait for a Client."),
    "queued_bytes": ("queued_bytes", GAUGE, "Bytes of messages that wait for a Client."),
}
"""Attribute of Counters → name, kind and meaning. Those that are not here have names after themselves."""

_DROPPED: Final = "dropped_"


def server_metrics(realm: Realm) -> Iterator[Metric]:
    """What one Server counts; the same figures are published below `$SYS/broker/`."""
    connected, sessions = len(realm.connected), len(realm.sessions)
    yield single("amqtt_connected_clients", GAUGE, "Clients that are connected.", connected)
    yield single("amqtt_sessions", GAUGE, "Sessions, connected or stored.", sessions)
    yield single("amqtt_subscriptions", GAUGE, "Subscriptions of all Sessions.", len(realm.tree))
    yield single("amqtt_retained_messages", GAUGE, "Retained messages.", len(realm.retained))
    yield single("amqtt_retained_bytes", GAUGE, "Bytes of retained messages.", realm.retained.size)
    yield single("amqtt_sent_bytes_total", COUNTER, "Bytes sent to Clients.", realm.turn.bytes_sent)
    yield single(
        "amqtt_sent_packets_total", COUNTER, "Control Packets sent to Clients.", realm.turn.packets_sent
    )
    yield from _counters(realm.counters)
    yield single(
        "amqtt_overload_level", GAUGE,
        "0: calm, 1: publishers are held back, 2: newcomers are refused, 3: QoS 0 is dropped.",
        realm.overload.level,
    )
    yield single(
        "amqtt_overload_dropped_messages_total", COUNTER, "QoS 0 messages given up for overload.",
        realm.overload.dropped,
    )
    # A copy: somebody may ask from another thread.
    exceeded = dict(realm.excess.counts)
    yield Metric(
        "amqtt_exceeded_limits_total", COUNTER, "How often one of the limits was exceeded.",
        tuple(({"limit": limit.replace("_", "-")}, count) for limit, count in exceeded.items()),
    )


def _counters(counters: Counters) -> Iterator[Metric]:
    names = [name for name in dir(counters) if not name.startswith("_") and name != "dropped"]
    found = {name: getattr(counters, name) for name in names}
    dropped = tuple(
        ({"reason": name.removeprefix(_DROPPED)}, value)
        for name, value in found.items() if name.startswith(_DROPPED)
    )
    yield Metric(
        "amqtt_dropped_messages_total", COUNTER,
        "Messages that a Subscriber was not sent, or a Client could not publish.", dropped,
    )
    for name, value in found.items():
        if name.startswith(_DROPPED) or not isinstance(value, int):
            continue
        stated = (f"{name}_total", COUNTER, f"Total of {name.replace('_', ' ')}.")
        own_name, kind, text = _COUNTED.get(name, stated)
        yield single(f"amqtt_{own_name}", kind, text, value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
