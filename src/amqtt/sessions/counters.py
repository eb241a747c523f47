"""What a Server counts on the way of a message: plain integers, read by `$SYS` and by metrics."""


class Counters:
    """Totals since the Server was made, and (inflight, queued) what there is now.

    Messages are Application Messages: PUBLISH packets. `published` are those that Clients sent.
    """

    __slots__ = (
        "bytes_received", "connections", "delivered", "dropped_expired",
        "dropped_full", "dropped_refused", "dropped_too_large", "held_bytes", "inflight_in", "inflight_out",
        "packets_received", "published", "queued_bytes", "queued_messages",
        "refused_connections", "taken_over",
    )

    def __init__(self) -> None:
        self.bytes_received = 0
        self.packets_received = 0
        self.connections = 0
        self.refused_connections = 0
        self.taken_over = 0
        self.published = 0
        self.delivered = 0
        self.dropped_full = 0
        self.dropped_expired = 0
        self.dropped_too_large = 0
        self.dropped_refused = 0
        self.inflight_in = 0
        self.inflight_out = 0
        self.queued_messages = 0
        self.queued_bytes = 0
        self.held_bytes = 0

    @property
    def dropped(self) -> int:
        """Messages that a Subscriber was not sent, or a Client could not publish."""
        return self.dropped_full + self.dropped_expired + self.dropped_too_large + self.dropped_refused
