"""Which Control Packet may come in which phase of a Network Connection, and who acts on it."""

from collections.abc import Callable
from typing import Final

from amqtt.server.authentication import auth
from amqtt.server.connect import connect
from amqtt.server.disconnect import disconnect
from amqtt.server.publish import puback, pubcomp, publish, pubrec, pubrel
from amqtt.server.realm import Realm
from amqtt.server.runs import acknowledgements, publish_run
from amqtt.server.state import AUTHENTICATING, CONNECTED, NEW, ConnectionState
from amqtt.server.subscribe import subscribe, unsubscribe
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import (
    PUBACK,
    AcknowledgementRun,
    Arrived,
    Auth,
    Connect,
    Disconnect,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    PublishRun,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)

PINGRESP: Final = b"\xd0\x00"


def pingreq(realm: Realm, state: ConnectionState, packet: Pingreq) -> None:
    """The Client asks whether the Server is alive [MQTT-3.12.4-1]."""
    state.link.send(PINGRESP)


VERBS: Final[dict[int, dict[type[object], Callable[..., None]]]] = {
    NEW: {Connect: connect},
    AUTHENTICATING: {Auth: auth, Disconnect: disconnect},
    CONNECTED: {
        Publish: publish,
        PublishRun: publish_run,
        Puback: puback,
        Pubrec: pubrec,
        Pubrel: pubrel,
        Pubcomp: pubcomp,
        Subscribe: subscribe,
        Unsubscribe: unsubscribe,
        AcknowledgementRun: acknowledgements,
        Pingreq: pingreq,
        Disconnect: disconnect,
        Auth: auth,
    },
}
"""(phase, packet) → verb. What is not here is a Protocol Error [MQTT-3.1.0-1] [MQTT-3.1.0-2]."""


def verb_for(state: ConnectionState, packet: Arrived) -> Callable[..., None]:
    """Who acts on a packet in the present phase; ProtocolError: it is not allowed there."""
    verb = VERBS[state.phase].get(type(packet))
    if verb is None:
        raise ProtocolError(f"{_name(packet)} is not allowed now")
    return verb


def act_on_usual(realm: Realm, state: ConnectionState, packet: Arrived) -> bool:
    """Act on what comes with every message as VERBS says, without the look-up; False: it is another."""
    if state.phase != CONNECTED:
        return False
    if isinstance(packet, Publish):
        publish(realm, state, packet)
    elif isinstance(packet, PublishRun):
        publish_run(realm, state, packet)
    elif isinstance(packet, AcknowledgementRun):
        acknowledgements(realm, state, packet)
    elif isinstance(packet, Puback):
        puback(realm, state, packet)
    else:
        return False
    return True


def _name(packet: Arrived) -> str:
    if isinstance(packet, AcknowledgementRun):
        return ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP")[packet.packet_type - PUBACK]
    return "PUBLISH" if isinstance(packet, PublishRun) else type(packet).__name__.upper()
