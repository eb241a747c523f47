"""Write the page of Reason Codes: FILE."""

import sys
from pathlib import Path

from amqtt.wire import reasons
from amqtt.wire.reasons import RETURN_CODES, ReasonCode

BEARERS = {
    "CONNACK": reasons.CONNACK_REASONS,
    "PUBACK, PUBREC": reasons.PUBACK_REASONS,
    "PUBREL, PUBCOMP": reasons.PUBREL_REASONS,
    "SUBACK": reasons.SUBACK_REASONS,
    "UNSUBACK": reasons.UNSUBACK_REASONS,
    "DISCONNECT": reasons.DISCONNECT_REASONS,
    "AUTH": reasons.AUTH_REASONS,
}

INTRODUCTION = """\
# Reason Codes

What an MQTT 5.0 Server and Client tell each other about success and failure (section 2.4), the packets that
may say so, and the return code that a CONNACK of MQTT 3.1 and 3.1.1 has for it. `ReasonCode` is in
`amqtt.wire.reasons`. Below 0x80 it is a success. Made by `make docs` from the source.

| Value | Name | In | Before MQTT 5.0 |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(row(value) for value in sorted({int(code) for code in ReasonCode}))


def row(value: int) -> str:
    """One Reason Code; one value may have several names."""
    names = [name for name, code in ReasonCode.__members__.items() if code == value]
    bearers = "; ".join(packet for packet, codes in BEARERS.items() if value in codes)
    older = RETURN_CODES.get(ReasonCode(value))
    shown = "" if older is None or not value else f"return code {older}"
    listed = ", ".join(name.replace("_", " ").capitalize().replace("qos", "QoS") for name in names)
    return f"| 0x{value:02X} | {listed} | {bearers} | {shown} |\n"


def main() -> None:
    """Write the page that the command line names."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
