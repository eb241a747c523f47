"""Who publishes to whom, who comes and who only stays: the shapes of load that are measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """A number of publishers and receivers, and how many messages of a publisher may be under way.

    `paired`: publisher n publishes to receiver n alone; else every receiver gets every message.
    `topics` are those of one publisher, used one after the other. `others` are subscriptions of Clients
    that none of the messages is for.
    """

    name: str
    title: str
    publishers: int
    receivers: int
    qos: int
    window: int
    paired: bool = False
    payload_size: int = 64
    topics: int = 1
    version: int = 4
    transport: str = "tcp"
    others: int = 0
    unit: str = "message"

    @property
    def is_steady(self) -> bool:
        """Whether one run says as much as many, which would take long."""
        return self.others >= 100_000

    @property
    def batch(self) -> int:
        """How much of the window has to be free before a publisher sends again."""
        return max(1, self.window // 4)

    @property
    def slots(self) -> int:
        """The size of a publisher's Ring: with four windows no slot can be taken for another."""
        return self.topics * max(1, -(-max(16, 4 * self.window) // self.topics))


@dataclass(frozen=True, slots=True)
class Storm:
    """Clients that connect, subscribe and disconnect, `parallel` of them at a time."""

    name: str
    title: str
    parallel: int
    unit: str = "cycle"
    transport: str = "tcp"
    is_steady: bool = False


@dataclass(frozen=True, slots=True)
class Retained:
    """Messages retained on as many topics, and then a subscriber to all of them."""

    name: str
    title: str
    topics: int
    payload_size: int = 64
    unit: str = "message"
    transport: str = "tcp"
    is_steady: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """What one more of a thing costs the broker: "connection", "session", "subscription", "retained"."""

    name: str
    title: str
    unit: str
    count: int
    transport: str = "tcp"
    is_steady: bool = True


Shape = Stream | Storm | Retained | Memory


@dataclass(frozen=True, slots=True)
class Sweep:
    """One Stream, of which one thing is varied: its value at each point, in growing order."""

    name: str
    title: str
    axis: str
    points: tuple[tuple[int, Stream], ...]


STREAMS = (
    Stream("flood", "QoS 0, 1 to 1, 2,000 under way", 1, 1, 0, 2000),
    Stream("flood-1k", "QoS 0, 1 to 1, payload of 1 KiB, 500 under way", 1, 1, 0, 500, payload_size=1024),
    Stream("fan-out", "QoS 0, 1 to 100, 100 under way", 1, 100, 0, 100),
    Stream("fan-out-single", "QoS 0, 1 to 100, one at a time", 1, 100, 0, 1),
    Stream("fan-in", "QoS 0, 100 to 1, 50 each under way", 100, 1, 0, 50),
    Stream("ping", "QoS 0, 100 pairs, one each under way", 100, 100, 0, 1, paired=True),
    Stream("topics", "QoS 0, 10 pairs, 10,000 topics in rotation, 100 each under way", 10, 10, 0, 100,
           paired=True, topics=1000),
    Stream("qos1", "QoS 1, 10 pairs, 100 each under way", 10, 10, 1, 100, paired=True),
    Stream("qos2", "QoS 2, 10 pairs, 100 each under way", 10, 10, 2, 100, paired=True),
    Stream("qos1-ping", "QoS 1, 100 pairs, one each under way", 100, 100, 1, 1, paired=True),
    Stream("v5", "MQTT 5.0 with five properties, QoS 0, 10 pairs, 100 each under way", 10, 10, 0, 100,
           paired=True, version=5),
    Stream("tls", "TLS, QoS 0, 1 to 100, 100 under way", 1, 100, 0, 100, transport="tls"),
    Stream("wss", "WebSocket over TLS, QoS 0, 1 to 100, 100 under way", 1, 100, 0, 100, transport="wss"),
    Stream("filters-100", "QoS 0, 1 to 1, 10,000 topics, 100 other subscriptions", 1, 1, 0, 500,
           topics=10_000, others=100),
    Stream("filters-100k", "QoS 0, 1 to 1, 10,000 topics, 100,000 other subscriptions", 1, 1, 0, 500,
           topics=10_000, others=100_000),
    Stream("filters-1m", "QoS 0, 1 to 1, 10,000 topics, 1,000,000 other subscriptions", 1, 1, 0, 500,
           topics=10_000, others=1_000_000),
)
OTHERS = (
    Storm("storm", "connect, subscribe, disconnect, 50 in parallel", 50),
    Retained("retained", "100,000 retained messages and a subscriber to #", 100_000),
    Memory("idle", "10,000 connections with one subscription each", "connection", 10_000),
    Memory("idle-tls", "10,000 TLS connections with one subscription each", "connection", 10_000, "tls"),
    Memory("sessions", "10,000 sessions whose clients are away", "session", 10_000),
    Memory("subscriptions", "200,000 subscriptions of 200 clients", "subscription", 200_000),
    Memory("retained-memory", "100,000 retained messages of 64 B", "retained", 100_000),
)
SHAPES: tuple[Shape, ...] = (*STREAMS, *OTHERS)


def _fan_out(receivers: int) -> Stream:
    title = f"QoS 0, 1 to {receivers:,}, 100 under way"
    return Stream(f"fan-out={receivers}", title, 1, receivers, 0, 100)


def _filters(others: int) -> Stream:
    title = f"QoS 0, 1 to 1, 10,000 topics, {others:,} other subscriptions"
    return Stream(f"filters={others}", title, 1, 1, 0, 500, topics=10_000, others=others)


def _payload(size: int) -> Stream:
    window = max(16, min(1000, 500_000 // size))
    title = f"QoS 0, 1 to 1, {window:,} under way"
    return Stream(f"payload={size}", title, 1, 1, 0, window, payload_size=size)


SWEEPS = (
    Sweep("fan-out", "Cost of a delivery by fan-out", "receivers of each message (64 B, QoS 0)",
          tuple((n, _fan_out(n)) for n in (1, 3, 10, 30, 100, 300, 1000))),
    Sweep("subscriptions", "Cost of a delivery by subscriptions",
          "subscriptions of others: exact, with + and with # (64 B, QoS 0, 10,000 topics)",
          tuple((n, _filters(n)) for n in (100, 1000, 10_000, 100_000, 1_000_000))),
    Sweep("payload", "Cost of a delivery by size of payload", "bytes of payload (1 to 1, QoS 0)",
          tuple((n, _payload(n)) for n in (16, 64, 256, 1024, 4096, 16384, 65536))),
)
