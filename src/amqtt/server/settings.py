"""What an operator decides for the whole Server, beside its Limits."""

from collections.abc import Callable
from dataclasses import dataclass, field

from amqtt.server.limits import Limits


def new_client_id() -> str:
    """An Assigned Client Identifier that nobody can guess (MQTT 5.0, 3.2.2.3.7)."""
    # Not before somebody needs one: it brings half of what imports of cryptography there are.
    from secrets import token_hex

    return f"amqtt-{token_hex(10)}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits, and what the Server says of itself to MQTT 5.0 Clients."""

    limits: Limits = field(default_factory=Limits)
    sys_interval: float = 10.0
    """Seconds between two publications of `$SYS/broker/…`; 0: never."""
    sys_slowest: int = 0
    """Clients that `$SYS/broker/clients/slowest` names: those that are furthest behind; 0: none."""
    response_information: str = ""
    """Response Information for Clients that request it (3.2.2.3.15); "": none."""
    server_reference: str = ""
    """Another Server for our Clients, told in DISCONNECT 0x9C when this one stops (4.11); "": none."""
    use_another_server: bool = False
    """Refuse every CONNECT with 0x9C and the Server Reference: this Server is being emptied."""
    requires_tls_for_passwords: bool = False
    """Refuse a password that came unencrypted from another machine: whoever listened has it now."""
    shares_client_ids: bool = False
    """Whether any user may go on with the Session of a Client Identifier; else only its owner may."""
    wills_on_shutdown: str = "defer"
    """One of WILLS_ON_SHUTDOWN: what becomes of the Will Messages of Clients that are connected then."""
    new_client_id: Callable[[], str] = new_client_id
