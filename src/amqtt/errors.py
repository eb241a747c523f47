"""What the embedding program can catch, and the names of errors that aMQTT's users catch."""

from collections.abc import Sequence
from typing import NamedTuple


class AMQTTError(Exception):
    """Anything that went wrong in amqtt itself, not in a peer."""


class BrokerError(AMQTTError):
    """A Broker cannot be configured, started or used as asked; the text says what to change."""


class Mistake(NamedTuple):
    """One thing that is wrong with a configuration; line and column count from 1, 0: not known."""

    text: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.text) if part)


class ConfigurationError(BrokerError):
    """A configuration cannot be used: every mistake that it has, a line each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        def place(mistake: Mistake) -> tuple[str, int, int]:
            return mistake.file, mistake.line, mistake.column

        self.mistakes = tuple(sorted(dict.fromkeys(mistakes), key=place))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class StoreError(AMQTTError):
    """A store cannot be opened, or cannot keep something at present; the text says what to do."""


class StoreUnavailableError(StoreError):
    """The file is another broker's at present, or cannot be written where it is to be."""


class ClientError(AMQTTError):
    """A Client cannot do what it is asked; the text says why.

    `reason_code` is the Server's Reason Code (MQTT 5.0, 2.4), None where none came.
    """

    reason_code: int | None = None

    def __init__(self, *arguments: object, reason_code: int | None = None) -> None:
        super().__init__(*arguments)
        self.reason_code = reason_code


class ConnectError(ClientError):
    """A Server cannot be reached, or does not accept the Client.

    `return_code` is that of a CONNACK before MQTT 5.0, `server_reference` another Server that it
    names; both are None where nothing of the kind came.
    """

    return_code: int | None = None
    server_reference: str | None = None


class DisconnectedError(ClientError):
    """There is no Network Connection any more, and there will be no other one."""


class PublishError(ClientError):
    """A message was not published, or the Server refused it."""


class SubscribeError(ClientError):
    """The Server refused Topic Filters; `reason_codes` says of each what came of it."""

    def __init__(self, text: str, reason_codes: dict[str, int]) -> None:
        refused = [code for code in reason_codes.values() if code >= 0x80]
        super().__init__(text, reason_code=refused[0] if refused else None)
        self.reason_codes = reason_codes


# aMQTT's names. Nothing of ours raises them below its compatibility layer.


class MQTTError(AMQTTError):
    """What was read is not MQTT."""


class CodecError(AMQTTError):
    """Something cannot be encoded or decoded."""


class NoDataError(AMQTTError):
    """A stream ended where there should have been more."""


class ZeroLengthReadError(NoDataError):
    """Text without a character was decoded."""

    def __init__(self) -> None:
        super().__init__("Decoding a string of length zero.")


class PluginError(BrokerError):
    """A plugin cannot be used."""


class PluginLoadError(PluginError):
    """A plugin cannot be loaded."""


class PluginImportError(PluginLoadError):
    """The module of a plugin cannot be imported."""


class PluginCoroError(PluginError):
    """A plugin has a plain method where a coroutine is needed."""


class PluginInitError(PluginLoadError):
    """The constructor of a plugin failed."""

    def __init__(self, plugin: object) -> None:
        super().__init__(f"Plugin init failed: {plugin}")


class ProtocolHandlerError(AMQTTError):
    """A Network Connection cannot do what it is asked."""


HBMQTTException = AMQTTException = AMQTTError
MQTTException = MQTTError
CodecException = CodecError
NoDataException = NoDataError
BrokerException = BrokerError
ClientException = ClientError
ConnectException = ConnectError
