"""The Client's side of enhanced authentication (MQTT 5.0, 4.12)."""

from abc import ABC, abstractmethod


class ClientAuthentication(ABC):
    """Proves to the Server who the Client is. `begin` starts each exchange anew.

    What it raises ends the Network Connection; ValueError says what the Server did wrong.
    """

    method: str = ""
    """The Authentication Method."""

    @abstractmethod
    def begin(self) -> bytes | None:
        """The Authentication Data of CONNECT, or of the AUTH that asks for re-authentication."""

    @abstractmethod
    def step(self, data: bytes | None) -> bytes | None:
        """Answer the Authentication Data of an AUTH with Reason Code 0x18."""

    @abstractmethod
    def finish(self, data: bytes | None) -> None:
        """The Server has accepted the Client; ValueError if its last data show that it may not."""
