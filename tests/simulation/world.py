"""The whole Server, its Clients, the network between them, time and chance: one number tells it all."""

from random import Random

from amqtt.server.events import ClientDisconnected, Fault
from amqtt.server.limits import Limits
from amqtt.server.line import LONGEST_TURN
from amqtt.server.server import Server
from amqtt.server.settings import ServerSettings
from amqtt.sessions.link import Turn
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect
from amqtt.wire.properties import Properties
from simulation.client import Client
from simulation.disk import Disk
from simulation.invariants import check_state, check_that_nothing_is_left
from simulation.ledger import Ledger, Violation
from simulation.line import Line
from simulation.plugins import FORBIDDEN, Door, Later, PluginTrouble

MOST_ROUNDS = 2_000
"""Rounds after which a world in which nothing new happens must have come to rest."""
EVERYTHING = 1_000_000
FOR_EVER = 10_000_000.0
"""Seconds within which everything that can expire has."""


class World:
    """Everything of one seed: what is in it, and how to let it go on.

    `story` is what happened, for whoever looks for the reason of a Violation. `sent` is the topic
    of each payload. Of each Will Message, `wills` says its delay, and `fates` how often it must come.
    """

    def __init__(self, seed: int) -> None:
        random = self.random = Random(seed)
        self.story: list[tuple[object, ...]] = []
        self.turn = self._new_turn(1000.0)
        self.door = Door(random, random.choice((0.0, 0.1, 0.4)))
        self._numbers: dict[str, int] = {}
        self._settings = ServerSettings(
            limits=_some_limits(random), sys_interval=0, new_client_id=lambda: self.next_name("assigned"),
        )
        self.disk = Disk() if random.random() < 0.5 else None
        self.server = self._new_server()
        self.ledger = Ledger(self.server)
        self._dropped_before = 0
        self.lines: list[Line] = []
        self.clients = [
            Client(f"c{number}", random.choice((MQTT_5, MQTT_5, MQTT_3_1_1)), random, self.ledger, self.door)
            for number in range(random.randint(2, 4))
        ]
        self.sent: dict[bytes, str] = {}
        self.wills: dict[int, tuple[bytes, int]] = {}
        self.fates: dict[bytes, str] = {}
        self._capacity = random.choice((100, 1_000, EVERYTHING))

    def _new_turn(self, now: float) -> Turn:
        """One that may be over behind any packet."""
        turn = Turn(lambda: None, now)
        turn.present = lambda: turn.now + self.random.choice((0.0, 0.0, 0.0, LONGEST_TURN))
        return turn

    def _new_server(self) -> Server:
        server = Server(self._settings, self.door, self.turn)
        server.events.on(Fault, _on_fault)
        server.events.on(ClientDisconnected, self._on_disconnected)
        if self.disk is not None:
            self.disk.open(server)
        return server

    def next_name(self, kind: str) -> str:
        """A name that nothing else in this world has."""
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{number}"

    def tell(self, *what: object) -> None:
        """Note something for the story."""
        self.story.append((self.turn.now, *what))

    def _on_disconnected(self, event: ClientDisconnected) -> None:
        self.tell("the Server lets go of", event.client_id, event.reason)
        will = self.wills.get(event.peer.port)
        if will is not None and event.reason_code:
            payload, delay = will
            self.fates[payload] = "at most once" if delay else "once"

    def crash(self) -> None:
        """The Server is gone at once; another one begins with what is on the disk."""
        assert self.disk is not None
        self.tell("the Server crashes")
        for line in self.lines:
            line.die()
        self.disk.crash(self.random)
        self._dropped_before += self.server.counters.dropped
        for session in self.server.realm.sessions.values():
            self.ledger.see(session)
        self.turn = self._new_turn(self.turn.now)
        self.server = self._new_server()
        promised = {payload for client in self.clients for payload in client.promised}
        same = self.ledger.crash(self.server, promised)
        for client in self.clients:
            client.outlive(same)
        self.lines.clear()
        # What had become of them may have been forgotten.
        self.fates.update((payload, "at any rate") for payload, _ in self.wills.values())

    # -- the network

    def line(self) -> Line:
        """A new Network Connection."""
        number = int(self.next_name("line").removeprefix("line-"))
        line = Line(self.server, self.turn, number, self._capacity)
        self.lines.append(line)
        return line

    def carry_down(self, line: Line, size: int) -> None:
        """Bytes arrive at whoever reads this Network Connection, if anybody does still."""
        data = line.carry_down(size)
        for client in self.clients:
            if client.line is line:
                client.read(data)

    def drop_old_lines(self) -> None:
        """Forget the Network Connections that are over, at both ends."""
        for line in [each for each in self.lines if each.is_over]:
            line.lose()
            self.lines.remove(line)
            for client in self.clients:
                if client.line is line:
                    client.forget_line()

    def _answer_all(self) -> bool:
        """Let every plugin that still thinks come to an answer; whether there was any."""
        waiting = [line for line in self.lines if not line.cut and line.state.pending is not None]
        for line in waiting:
            while (pending := line.state.pending) is not None:
                assert isinstance(pending, Later)
                line.answer(pending.answer)
        return bool(waiting)

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, doing what is due on the way; what was held back is read again."""
        end = self.turn.now + seconds
        deadlines = self.server.deadlines
        while (when := deadlines.next) is not None and when <= end:
            self.turn.now = max(when, self.turn.now)
            self.server.tick()
            self.turn.flush()
        self.turn.now = end
        for line in self.lines:
            line.read_on()

    # -- the end

    def settle(self) -> None:
        """Everybody reads all, comes back and reads what is left; then nothing may be missing."""
        self.tell("everybody reads")
        self.door.is_calm = True
        self._come_to_rest()
        self._check_that_nobody_is_stuck()
        self.tell("everybody comes back")
        for line in self.lines:
            line.lose()
        self.drop_old_lines()
        for client in self.clients:
            client.open(self.line(), plain_connect(client, False, 1000))
        self._come_to_rest()
        check_state(self.server)
        self._check_that_nobody_is_stuck()
        self._check_promises()
        self._check_what_is_owed()

    def end(self) -> None:
        """Everybody leaves for good: nothing may be left of them."""
        self.tell("everybody leaves")
        for client in self.clients:
            if client.version != MQTT_5:
                client.open(self.line(), plain_connect(client, True, 0))
        self._come_to_rest()
        for client in self.clients:
            client.disconnect(0, 0)
        self._come_to_rest()
        self.pass_time(FOR_EVER)
        self._come_to_rest()
        check_that_nothing_is_left(self.server)
        if self.disk is not None and self.disk.left():
            raise Violation(f"the disk still has {self.disk.left()}")
        self._check_wills()

    def _come_to_rest(self) -> None:
        for _ in range(MOST_ROUNDS):
            self.pass_time(0.0)
            self.turn.flush()
            if not self._carry_everything():
                return
        raise Violation("it never comes to rest")

    def _carry_everything(self) -> bool:
        """Whether there was anything to carry, or to acknowledge."""
        busy = self._answer_all() or self._write_everything()
        for line in list(self.lines):
            if line.carries_up:
                line.carry_up(EVERYTHING)
                busy = True
        self.turn.flush()
        for line in list(self.lines):
            if line.down:
                self.carry_down(line, EVERYTHING)
                busy = True
        for client in self.clients:
            if client.todo:
                client.acknowledge(EVERYTHING)
                busy = True
        self.drop_old_lines()
        return busy

    def _write_everything(self) -> bool:
        """Whether there was anything that must be written."""
        journal = self.server.realm.journal
        if self.disk is None or journal is None or journal.is_settled:
            return False
        self.disk.begin(self.server)
        self.disk.finish(self.server)
        return True

    def _check_that_nobody_is_stuck(self) -> None:
        """Whoever reads and acknowledges everything has nothing waiting for it in the end."""
        for client in self.clients:
            if client.line is None or not client.is_accepted:
                continue
            session = client.line.state.session
            assert session is not None
            waiting = len(session.backlog), len(session.inflight), len(session.retained)
            if any(waiting):
                raise Violation(
                    f"{client.client_id} is not sent what waits for it (queued, sent, retained: {waiting})"
                )

    def _check_promises(self) -> None:
        for client in self.clients:
            if not client.is_accepted:
                raise Violation(f"{client.client_id} cannot come back")
            if client.outgoing:
                raise Violation(f"{client.client_id}: {sorted(client.outgoing)} was never acknowledged")
            for payload in client.promised:
                refused = client.version != MQTT_5 and self.sent[payload] == FORBIDDEN
                if payload not in self.ledger.routed and not refused:
                    raise Violation(f"{payload!r} was acknowledged and never published")

    def _check_what_is_owed(self) -> None:
        missing = self.ledger.missing()
        counted = self.server.counters
        lost = self._dropped_before + counted.dropped
        if len(missing) > lost:
            raise Violation(f"never came: {missing} ({lost} are counted as dropped)")

    def _check_wills(self) -> None:
        for payload, _ in self.wills.values():
            times = len(self.ledger.routed.get(payload, ()))
            fate = self.fates.get(payload, "never")
            if fate == "at any rate":
                continue
            if times > 1 or (fate == "never" and times) or (fate == "once" and not times):
                raise Violation(f"the Will Message {payload!r} was published {times} times, not {fate}")


def _on_fault(event: Fault) -> None:
    if not isinstance(event.exception, PluginTrouble):
        raise Violation(f"a fault in {event.where}: {event.exception!r}") from event.exception


def _some_limits(random: Random) -> Limits:
    tight = random.random() < 0.3
    return Limits(
        maximum_inflight=random.choice((1, 2, 5, 256)),
        receive_maximum=random.choice((1, 3, 20)),
        maximum_queued_messages=random.choice((2, 5)) if tight else 10_000,
        maximum_unsent_bytes=random.choice((60, 400, EVERYTHING)),
        receivers_at_once=random.choice((1, 1, 1_000)),
        topic_alias_maximum=random.choice((0, 2, 16)),
        maximum_subscriptions=3 if tight else 100,
        maximum_retained_messages=1 if tight else 100,
    )


def plain_connect(client: Client, clean_start: bool, expiry: int) -> Connect:
    """A CONNECT without anything that is not asked for."""
    given = None
    if client.version == MQTT_5:
        given = Properties()
        given.session_expiry_interval = expiry
    return Connect(client.client_id, client.version, clean_start, 0, None, None, None, given)
