"""What must be true of the Server's own state, between any two turns."""

from amqtt.server.server import Server
from amqtt.server.state import CLOSED
from simulation.ledger import Violation

SLACK = 2_200
"""Bytes that a Link may hold beyond its maximum: one packet, and answers to what was read at once."""


def require(truth: bool, otherwise: str) -> None:
    """Violation, otherwise."""
    if not truth:
        raise Violation(otherwise)


def check_state(server: Server) -> None:
    """One owner per Session, counters that say what is there, bounds that hold."""
    realm = server.realm
    limits = realm.limits
    for client_id, state in realm.connected.items():
        session = realm.sessions.get(client_id)
        require(session is not None and state.session is session, f"{client_id} is connected to no Session")
        require(state.phase != CLOSED, f"{client_id} is connected and closed")
        assert session is not None
        require(session.link is state.link, f"{client_id}: the Session writes to another Network Connection")
        assert session.link is not None
        most = limits.maximum_unsent_bytes + SLACK
        require(session.link.size <= most, f"{client_id}: {session.link.size} bytes wait in its Link")
        require(client_id not in realm.session_ends, f"{client_id} is connected and about to expire")
    inflight_out = inflight_in = queued = queued_bytes = 0
    for client_id, session in realm.sessions.items():
        require(client_id == session.client_id, f"{client_id} has the Session of {session.client_id}")
        require(
            session.link is None or client_id in realm.connected, f"{client_id} is gone and still written to"
        )
        waiting = list(session.backlog)
        # After a crash what was on its way waits, too.
        most = limits.maximum_queued_messages + limits.maximum_inflight
        require(len(waiting) <= most, f"{client_id}: more waits than may wait")
        require(
            session.backlog.size == sum(each.message.size for each in waiting),
            f"{client_id}: its Backlog has another size than its messages",
        )
        require(
            len(session.subscriptions) <= limits.maximum_subscriptions, f"{client_id}: too many Subscriptions"
        )
        inflight_out += len(session.inflight)
        inflight_in += len(session.received)
        queued += len(waiting)
        queued_bytes += session.backlog.size
    counted = realm.counters
    said = counted.inflight_out, counted.inflight_in, counted.queued_messages, counted.queued_bytes
    found = inflight_out, inflight_in, queued, queued_bytes
    require(said == found, f"inflight out, in, queued messages, bytes: {found}, counted {said}")


def check_that_nothing_is_left(server: Server) -> None:
    """Every Client has left for good: so has everything that was kept for it."""
    check_state(server)
    realm = server.realm
    counted = realm.counters
    left = {
        "Sessions": [*realm.sessions], "Clients": [*realm.connected],
        "Session deadlines": [*realm.session_ends], "Will Messages": [*realm.delayed_wills],
        "paced Sessions": [*realm.paced],
    }
    for what, names in left.items():
        require(not names, f"{what} are left: {names}")
    require(len(realm.shared) == 0, "a shared group is left")
    require(len(realm.deadlines) == 0, f"{len(realm.deadlines)} deadlines are left")
    require(counted.queued_bytes == counted.inflight_out == counted.inflight_in == 0, "a counter is not 0")
    for topic in ("t/a", "t/c/d", "r/a", "s/x/a", "x"):
        require(len(realm.tree.match(topic)) == 1, f"a Subscription to {topic} is left")
