"""Rows of a store: what is damaged is said to be; whatever is taken, a Server can go on with."""

import json

from amqtt.sessions.journal import Batch, Journal
from amqtt.store.rows import WITH_PAYLOAD, DamagedRow, checksum, take_row
from amqtt.wire.packets import Connect
from simulation.disk import GRACE
from support.bench_server import Bench

MESSAGE = (str, int, type(None), float | None, str, str)
COLUMNS: dict[str, tuple[object, ...]] = {
    "sessions": (int, str, str | None, int, float | None),
    "subscriptions": (int, str, int, int),
    "messages": (int, *MESSAGE),
    "entries": (int, int, int, int, str | None, str | None),
    "received": (int, int),
    "retained": (str, *MESSAGE),
    "wills": (int, str, int, type(None), float | None, str),
}
"""The columns of the schema, without checksums: SQLite itself sees to their types; properties are none."""
LARGEST = 2**63 - 1


def fits(table: str, values: list[object]) -> bool:
    """Whether this could be a row of this table."""
    columns = COLUMNS.get(table, ())
    return bool(columns) and len(values) == len(columns) and all(
        isinstance(value, kind) and not isinstance(value, bool)  # type: ignore[arg-type]
        and (not isinstance(value, int) or abs(value) <= LARGEST)
        for value, kind in zip(values, columns, strict=True)
    )


def examples() -> list[bytes]:
    """Rows of each table, as lines of JSON: the table, then the values without the checksum."""
    rows = [
        ["sessions", 1, "c", None, 4294967295, None], ["sessions", 2, "d", "user", 60, 1500.0],
        ["subscriptions", 1, "t/+", 2, 3], ["subscriptions", 2, "$share/g/t/#", 13, 0],
        ["messages", 3, "t/a", 1, None, None, "p", "payload"],
        ["messages", 4, "t/b", 6, None, 1200.0, "", "payload"],
        ["entries", 5, 1, 3, 1, None, None], ["entries", 6, 1, 4, 7 << 8 | 2 << 4 | 2, "3,4", None],
        ["entries", 7, 2, 3, 9 << 8 | 1 << 4 | 1, None, "$share/g/t/#"],
        ["received", 1, 7], ["retained", "t/r", "t/r", 5, None, None, "p", "kept"],
        ["wills", 2, "t/w", 1, None, None, "gone"],
    ]
    lines = [json.dumps(row) for row in rows]
    return ["\n".join(lines).encode(), *(line.encode() for line in lines)]


def check(data: bytes) -> None:
    """The checksums are right, so that what the values are is looked at; and wrong ones are refused."""
    kept = Batch()
    for line in data.splitlines()[:40]:
        try:
            table, *values = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(table, str) and fits(table, values):
            take(table, values, kept)
    bench = Bench()
    journal = Journal(last_number=kept.last_number)
    bench.server.restore(kept, journal, GRACE)
    bench.pass_time(10_000)
    client = bench.client()
    client.send(Connect("c", clean_start=False))
    while journal.has_news:
        bench.server.committed(journal.take().number)
    assert client.received()
    assert bench.faults == []


def take(table: str, values: list[object], kept: Batch) -> None:
    """Take a row with its checksum; without it it must be refused."""
    payload = b""
    if table in WITH_PAYLOAD:
        payload = str(values.pop()).encode("utf-8", "surrogatepass")
    whole = tuple(values)
    row = (*whole, payload) if table in WITH_PAYLOAD else whole
    try:
        take_row(table, (*row, checksum(whole, payload) ^ 1), Batch())
    except DamagedRow:
        pass
    else:
        raise AssertionError("a wrong checksum is taken")
    try:
        take_row(table, (*row, checksum(whole, payload)), kept)
    except DamagedRow:
        return
