"""How `amqtt sub` writes a message: the formats of mosquitto_sub -F."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from amqtt.clients import ReceivedMessage

ESCAPES: Final = {
    "0": b"\0", "a": b"\a", "e": b"\x1b", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\",
}
TEXTS: "Final[dict[str, Callable[[ReceivedMessage, datetime], str]]]" = {
    "%": lambda message, moment: "%",
    "A": lambda message, moment: _or_empty(message.properties.topic_alias),
    "C": lambda message, moment: _or_empty(message.properties.content_type),
    "E": lambda message, moment: _or_empty(message.properties.message_expiry_interval),
    "F": lambda message, moment: _or_empty(message.properties.payload_format_indicator),
    "I": lambda message, moment: moment.strftime("%Y-%m-%dT%H:%M:%S%z"),
    "l": lambda message, moment: str(len(message.payload)),
    "m": lambda message, moment: str(message.packet_id),
    "P": lambda message, moment: " ".join(f"{name}:{value}" for name, value in _pairs(message)),
    "q": lambda message, moment: str(message.qos),
    "R": lambda message, moment: _or_empty(message.properties.response_topic),
    "r": lambda message, moment: str(int(message.retain)),
    "S": lambda message, moment: " ".join(map(str, message.properties.subscription_identifiers)),
    "t": lambda message, moment: message.topic,
    "U": lambda message, moment: f"{moment.timestamp():.9f}",
    "x": lambda message, moment: message.payload.hex(),
    "X": lambda message, moment: message.payload.hex().upper(),
    "j": lambda message, moment: json.dumps(as_object(message, moment), ensure_ascii=False),
}
"""Conversion → its text; `%p`, `%D` and `%J` are bytes, or more."""
PROPERTIES: Final = (
    "content_type", "response_topic", "payload_format_indicator", "message_expiry_interval", "topic_alias",
)

Value = TypeVar("Value")
Piece: TypeAlias = "Callable[[ReceivedMessage, datetime], bytes]"


class MessageFormat:
    """A format such as `%t %p`, read once; ValueError for a conversion that there is not."""

    def __init__(self, text: str, pretty: bool = False) -> None:
        self._pretty = pretty
        self._pieces: list[Piece] = []
        at = 0
        while at < len(text):
            at = self._read(text, at)

    def write(self, message: "ReceivedMessage", moment: datetime) -> bytes:
        """The message in this format; ValueError where %J is asked for and the payload is no JSON."""
        return b"".join([piece(message, moment) for piece in self._pieces])

    def _read(self, text: str, at: int) -> int:
        """Read the piece at `at`; where it ends."""
        character, following = text[at], text[at + 1 : at + 2]
        if character == "\\" and following in ESCAPES:
            self._add(ESCAPES[following])
            return at + 2
        if character == "@" and following:
            self._add_time(following)
            return at + 2
        if character == "%":
            return self._read_conversion(text, at + 1)
        self._add(character.encode(errors="surrogateescape"))
        return at + 1

    def _read_conversion(self, text: str, at: int) -> int:
        """`[-0][width][.precision]letter`, as in C."""
        start = at
        while text[at : at + 1] in ("-", "0"):
            at += 1
        flags = text[start:at]
        width, at = _number(text, at)
        precision = None
        if text[at : at + 1] == ".":
            precision, at = _number(text, at + 1)
        letter = text[at : at + 1]
        if letter not in TEXTS and letter not in ("p", "D", "J"):
            raise ValueError(f"there is no conversion %{letter}")
        convert = self._conversion(letter)

        def fitted(message: "ReceivedMessage", moment: datetime) -> bytes:
            return _fitted(convert(message, moment), flags, width, precision)

        self._pieces.append(fitted)
        return at + 1

    def _conversion(self, letter: str) -> Piece:
        if letter == "p":
            return lambda message, moment: message.payload
        if letter == "D":
            return lambda message, moment: message.properties.correlation_data or b""
        indent = "\t" if self._pretty else None
        if letter == "J" or (letter == "j" and self._pretty):
            return lambda message, moment: json.dumps(
                as_object(message, moment, parsed=letter == "J"), ensure_ascii=False, indent=indent
            ).encode()
        return lambda message, moment: TEXTS[letter](message, moment).encode()

    def _add(self, literal: bytes) -> None:
        self._pieces.append(lambda message, moment: literal)

    def _add_time(self, letter: str) -> None:
        if letter == "@":
            self._add(b"@")
        elif letter == "N":
            self._pieces.append(lambda message, moment: f"{moment.microsecond * 1000:09d}".encode())
        else:
            self._pieces.append(lambda message, moment: moment.strftime(f"%{letter}").encode())


def as_object(message: "ReceivedMessage", moment: datetime, parsed: bool = False) -> dict[str, Any]:
    """The message as mosquitto_sub writes it in JSON; `parsed` has the payload as the JSON that it is."""
    made: dict[str, Any] = {
        "tst": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ%z"), "topic": message.topic, "qos": message.qos,
        "retain": int(message.retain), "payloadlen": len(message.payload),
    }
    if message.qos:
        made["mid"] = message.packet_id
    properties = _properties(message)
    if properties:
        made["properties"] = properties
    if parsed:
        try:
            made["payload"] = json.loads(message.payload)
        except ValueError:
            raise ValueError(f"the payload of a message to {message.topic!r} is no JSON") from None
    else:
        made["payload"] = message.payload.decode(errors="replace")
    return made


def _properties(message: "ReceivedMessage") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in PROPERTIES:
        value = getattr(message.properties, name)
        if value is not None:
            made[name.replace("_", "-")] = value
    if message.properties.correlation_data is not None:
        made["correlation-data"] = message.properties.correlation_data.decode(errors="replace")
    if _pairs(message):
        named: dict[str, list[str]] = {}
        for name, value in _pairs(message):
            named.setdefault(name, []).append(value)
        made["user-properties"] = {name: _one_or_all(values) for name, values in named.items()}
    if message.properties.subscription_identifiers:
        made["subscription-identifier"] = _one_or_all(list(message.properties.subscription_identifiers))
    return made


def _one_or_all(values: list[Value]) -> Value | list[Value]:
    """As mosquitto_sub has it where there is one; it repeats the key for others, which few can read."""
    return values[0] if len(values) == 1 else values


def _fitted(data: bytes, flags: str, width: int | None, precision: int | None) -> bytes:
    if precision is not None:
        data = data[:precision]
    if width is None:
        return data
    if "-" in flags:
        return data.ljust(width)
    return data.rjust(width, b"0" if "0" in flags else b" ")


def _number(text: str, at: int) -> tuple[int | None, int]:
    start = at
    while text[at : at + 1].isdecimal():
        at += 1
    if at - start > 6:
        raise ValueError("a width has six digits at most")
    return (int(text[start:at]) if at > start else None), at


def _pairs(message: "ReceivedMessage") -> tuple[tuple[str, str], ...]:
    return message.properties.user_properties


def _or_empty(value: object) -> str:
    return "" if value is None else str(value)
