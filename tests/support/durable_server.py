"""A Server whose store is a dictionary, which commits when the test says so, and crashes when it likes."""

from amqtt.message import Message
from amqtt.server.events import Fault
from amqtt.server.server import Server
from amqtt.sessions.journal import Batch, Journal
from amqtt.store.memory import fold
from amqtt.wire.packets import MQTT_5
from support.bench_server import Bench, BenchClient, Everybody

GRACE = 30.0


class DurableBench(Bench):
    """`kept` is on the disk. With `commits_at_once` False nothing is written until `commit`."""

    def __init__(
        self, kept: Batch | None = None, now: float = 1000.0, *, tick: bool = True, **limits: object
    ) -> None:
        super().__init__(Everybody(), **limits)
        self._limits = limits
        self.turn.now = now
        self.kept = Batch() if kept is None else kept
        self.commits_at_once = True
        self.batches: list[Batch] = []
        self._begin(tick)

    def _begin(self, tick: bool) -> None:
        restored = self.kept_copy()
        self.journal = Journal(last_number=restored.last_number)
        self.server.restore(restored, self.journal, GRACE)
        if tick:
            self.server.tick()
        self.commit()

    def kept_copy(self) -> Batch:
        """What is on the disk, for another Server to work on."""
        copy = Batch()
        fold(copy, self.kept)
        for number, message in self.kept.messages.items():
            assert message is not None
            copy.messages[number] = Message(
                message.topic, message.payload, message.qos, message.retain, message.properties,
                message.expires_at, message.publisher,
            )
        return copy

    def commit(self) -> None:
        """Write all that was noted, and what comes of that, too."""
        while self.journal.has_news:
            self.finish(self.take())

    def take(self) -> Batch:
        """Begin to write: nothing is on the disk yet."""
        batch = self.journal.take()
        self.batches.append(batch)
        return batch

    def finish(self, batch: Batch) -> None:
        """The disk has it."""
        fold(self.kept, batch)
        self.server.committed(batch.number)
        self.turn.flush()

    def crashed(self, down: float = 0.0) -> "DurableBench":
        """Another Server over what is on the disk, after some seconds."""
        return DurableBench(self.kept, self.turn.now + down, **self._limits)  # type: ignore[arg-type]

    def stopped(self, down: float = 0.0) -> "DurableBench":
        """The same after a shutdown."""
        self.commit()
        self.server.shut_down()
        self.server.note_states()
        self.commit()
        return self.crashed(down)

    def client(self, version: int = MQTT_5) -> BenchClient:
        return DurableClient(self, version)


class DurableClient(BenchClient):
    """Sees to it that what it is sent in answer was committed, unless the test does that."""

    bench: DurableBench

    def send(self, *packets: object) -> None:
        super().send(*packets)  # type: ignore[arg-type]
        if self.bench.commits_at_once:
            self.bench.commit()


__all__ = ["GRACE", "DurableBench", "Fault", "Server"]
