"""How the Server stops: what is still under way, what it takes no more, and what becomes of Will Messages."""

from typing import Final

from amqtt.server.disconnect import has_gone
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.sessions.session import Session
from amqtt.wire.packets import Arrived, Publish, PublishRun

FIRE: Final = "fire"
DEFER: Final = "defer"
DROP: Final = "drop"
WILLS_ON_SHUTDOWN: Final = (FIRE, DEFER, DROP)
"""What becomes of the Will Messages of Clients that are connected when the Server is shut down."""


def under_way(realm: Realm) -> bool:
    """Whether something is under way between a connected Client and this Server.

    One owes the other an acknowledgement, or something waits: for the Client, or of it in the line.
    """
    return any(_is_busy(state) for state in realm.connected.values())


def _is_busy(state: ConnectionState) -> bool:
    session = state.session
    if session is None:
        return False
    if state.fan_out is not None:
        return True
    return bool(
        session.inflight or session.received or state.link.owes or session.owes_retained
        or session.backlog or state.waiting or state.held
    )


def without_messages(packets: list[Arrived]) -> list[Arrived]:
    """The packets without PUBLISH: not acknowledged, they are sent again when their Client comes back.

    Nothing is taken behind one that was not, so their order stays.
    """
    return [packet for packet in packets if not isinstance(packet, Publish | PublishRun)]


def settle_wills(realm: Realm) -> None:
    """Decide about every Will Message before the Network Connections are closed, while all may hear it.

    Whatever does not outlast the Server is published now, whether it has a delay or not: the Session
    ends with the Server then, and so does the delay (3.1.3.2.2).
    """
    policy = realm.settings.wills_on_shutdown
    for client_id, session in list(realm.sessions.items()):
        state = realm.connected.get(client_id)
        if state is not None and has_gone(realm, state):
            state.link.close()
        if session.will is None or not realm.has(session):
            continue
        if policy == FIRE or (policy == DEFER and not _outlasts(session)):
            realm.publish_will(session)
        elif policy == DROP and client_id in realm.connected:
            session.will = None
            realm.keep_will(session)


def _outlasts(session: Session) -> bool:
    """Whether its Will Message is on the disk, to be published when its Client does not come back."""
    return session.journal is not None and session.expiry_interval > 0
