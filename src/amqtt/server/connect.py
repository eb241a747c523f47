"""CONNECT: the first packet of a Network Connection (MQTT 5.0, 3.1)."""

from ipaddress import ip_address
from typing import Final

from amqtt.abc import Peer
from amqtt.server.authentication import ask
from amqtt.server.disconnect import close, refuse
from amqtt.server.overload import REFUSES_CLIENTS
from amqtt.server.realm import Realm
from amqtt.server.reserved import strip_reserved
from amqtt.server.state import AUTHENTICATING, ConnectionState
from amqtt.server.wills import will_fault
from amqtt.wire.errors import PeerError, ProtocolError
from amqtt.wire.packets import LARGEST_PACKET, MQTT_3_1, MQTT_5, Connect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode

REFUSALS: Final = {
    "maximum_connection_rate": "too many connections from this address; come back later",
    "maximum_failed_logins": "too many failed logins; come back later",
    "maximum_reconnections": "too many connections of this Client; come back later",
}
"""What a Client is told that comes too often."""


def connect(realm: Realm, state: ConnectionState, packet: Connect) -> None:
    """The first packet of a Network Connection: check it, then ask who it is."""
    state.connect = packet
    state.version = packet.version
    state.phase = AUTHENTICATING
    properties = packet.properties or Properties()
    state.maximum_packet_size = properties.maximum_packet_size or LARGEST_PACKET
    fault = _fault(realm, state.peer, packet)
    if fault is not None:
        if fault.limit:
            realm.exceeded(fault.limit, packet.client_id, state.peer)
        refuse(realm, state, fault.reason_code, str(fault))
        return
    if realm.overload.level >= REFUSES_CLIENTS:
        realm.exceeded(realm.overload.refuses_for, packet.client_id, state.peer)
        refuse(realm, state, ReasonCode.SERVER_BUSY, "the Server is overloaded; come back later")
        return
    reason_code, limit = realm.bans.refusal(state.peer, packet, realm.turn.now)
    if reason_code:
        realm.exceeded(limit, packet.client_id, state.peer)
        refuse(realm, state, reason_code, REFUSALS[limit])
        return
    strip_reserved(packet.properties)
    if packet.will is not None:
        strip_reserved(packet.will.properties)
    if not packet.client_id:
        packet.client_id = _unused_client_id(realm)
        state.client_id_assigned = True
    ask(realm, state)


def is_private(peer: Peer) -> bool:
    """Whether nobody on a network can listen: TLS, a Unix socket, or this machine.

    What a proxy passes on has come a long way already: it must say that this was TLS.
    """
    if peer.secure or peer.proxied:
        return peer.secure
    if peer.transport == "unix":
        return True
    try:
        return ip_address(peer.address).is_loopback
    except ValueError:
        return False


def _fault(realm: Realm, peer: Peer, packet: Connect) -> PeerError | None:
    """Why this CONNECT is refused whoever sent it, None when it is not."""
    limits = realm.limits
    if realm.settings.use_another_server:
        return ProtocolError("this Server takes no new Clients", ReasonCode.USE_ANOTHER_SERVER)
    needs_client_id = packet.version == MQTT_3_1 or (packet.version != MQTT_5 and not packet.clean_start)
    if needs_client_id and not packet.client_id:
        return ProtocolError(
            "a Client Identifier is needed", ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
        )
    if len(packet.client_id.encode()) > limits.maximum_client_id_length:
        return ProtocolError(
            f"the Client Identifier is longer than {limits.maximum_client_id_length} bytes",
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
            "maximum_client_id_length",
        )
    longest = limits.maximum_keep_alive
    if longest and packet.version != MQTT_5 and not 0 < packet.keep_alive <= longest:
        # It cannot be told of a Server Keep Alive.
        return ProtocolError(
            f"the Keep Alive is not from 1 to {longest} seconds",
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
            "maximum_keep_alive",
        )
    if packet.password is not None and realm.settings.requires_tls_for_passwords and not is_private(peer):
        return ProtocolError("a password must not come unencrypted; use TLS", ReasonCode.NOT_AUTHORIZED)
    if packet.will is not None:
        return will_fault(limits, packet.will, packet.version)
    return None


def _unused_client_id(realm: Realm) -> str:
    """A new Client Identifier that no Session has [MQTT-3.2.2-16]."""
    while True:
        client_id = realm.settings.new_client_id()
        if client_id not in realm.sessions:
            return client_id


def connect_overdue(realm: Realm, state: ConnectionState, now: float) -> None:
    """The connect timeout has passed without a CONNACK."""
    realm.exceeded("connect_timeout", state.client_id, state.peer)
    close(realm, state, ReasonCode.UNSPECIFIED_ERROR, "not connected in time")
