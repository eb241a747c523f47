"""What a peer can do wrong on the wire: each error carries its Reason Code."""

from amqtt.wire.reasons import ReasonCode


class PeerError(Exception):
    """A fault of the other side, with the Reason Code that says which (MQTT 5.0, 4.13).

    `limit` is the one of our bounds that was exceeded, as the configuration calls it; "": none.
    """

    def __init__(self, text: str, reason_code: int, limit: str = "") -> None:
        super().__init__(text)
        self.reason_code = reason_code
        self.limit = limit


class MalformedPacket(PeerError):
    """A Control Packet that cannot be parsed according to the standard (MQTT 5.0, 1.2)."""

    def __init__(self, text: str, reason_code: int = ReasonCode.MALFORMED_PACKET, limit: str = "") -> None:
        super().__init__(text, reason_code, limit)


class ProtocolError(PeerError):
    """A well-formed packet with data, or at a time, that the protocol does not allow (MQTT 5.0, 1.2)."""

    def __init__(self, text: str, reason_code: int = ReasonCode.PROTOCOL_ERROR, limit: str = "") -> None:
        super().__init__(text, reason_code, limit)
