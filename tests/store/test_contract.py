"""The contract of a SessionStore, kept by each of ours."""

from pathlib import Path

import pytest

from amqtt.abc import SessionStore
from amqtt.store.database import Database
from amqtt.store.memory import MemoryStore
from amqtt.store.sqlite import SqliteStore
from amqtt.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture(autouse=True)
    def place(self) -> None:
        self._store = MemoryStore()

    def store(self) -> SessionStore:
        return self._store


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self._file = tmp_path / "state" / "amqtt.db"

    def store(self) -> SessionStore:
        return SqliteStore(Database(self._file, "full"))
