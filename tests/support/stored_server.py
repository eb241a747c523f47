"""A Server whose store is an SQLite file: the test moves its clock, and says when it crashes."""

import shutil
from pathlib import Path

from amqtt.abc import Batch
from amqtt.sessions.journal import Journal
from amqtt.store.database import Database
from support.durable_server import GRACE, DurableBench


class StoredBench(DurableBench):
    """What is committed is in `file`. With `commits_at_once` False nothing is written until `commit`."""

    def __init__(self, file: Path, now: float = 1000.0) -> None:
        self.file = file
        super().__init__(None, now)

    def _begin(self, tick: bool) -> None:
        # A crash of the process, which this plays, costs nothing of what was not synced.
        self.database = Database(self.file, "normal", log_size=0)
        kept = self.database.open()
        self.database.connection.execute("PRAGMA synchronous = OFF")
        self.journal = Journal(last_number=kept.last_number)
        self.server.restore(kept, self.journal, GRACE)
        self.server.tick()
        self.commit()

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, doing what is due on the way, and writing what comes of it."""
        end = self.turn.now + seconds
        while (when := self.server.deadlines.next) is not None and when <= end:
            super().pass_time(max(0.0, when - self.turn.now))
            self._commit_at_once()
        super().pass_time(max(0.0, end - self.turn.now))
        self._commit_at_once()

    def _commit_at_once(self) -> None:
        if self.commits_at_once:
            self.commit()

    def finish(self, batch: Batch) -> None:
        """The disk has it."""
        if len(batch):
            self.database.write(batch)
        self.server.committed(batch.number)
        self.turn.flush()

    def crashed(self, down: float = 0.0) -> "StoredBench":
        """Another Server over what the disk had at this moment, after some seconds."""
        image = self.file.with_name(f"{self.file.stem}+.db")
        for suffix in ("", "-wal"):
            if (part := Path(f"{self.file}{suffix}")).exists():
                shutil.copyfile(part, f"{image}{suffix}")
        self.database.close()
        return StoredBench(image, self.turn.now + down)

    def stop(self) -> None:
        """Shut the Server down."""
        self.commit()
        self.server.shut_down()
        self.server.note_states()
        self.commit()
        self.database.close()

    def another(self, down: float = 0.0) -> "StoredBench":
        """Another Server over the file of this one, which was stopped, after some seconds."""
        return StoredBench(self.file, self.turn.now + down)

    def stopped(self, down: float = 0.0) -> "StoredBench":
        """Another Server after a shutdown."""
        self.stop()
        return self.another(down)
