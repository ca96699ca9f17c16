"""Records in memory, written through to SQLite so that they survive the process."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, TypeVar, cast

from sandbox.yookassa.records import KINDS, Record

R = TypeVar("R", bound=Record)
TABLE = """CREATE TABLE IF NOT EXISTS record
(kind TEXT, id TEXT, seq INTEGER, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"""


class Store:
    """Everything is read from memory. What is put is durable after `commit`.

    One process holds the file: a second one is refused by SQLite's lock.
    """

    def __init__(self, path: str = "") -> None:
        self.db = sqlite3.connect(
            path or ":memory:", timeout=1, check_same_thread=False
        )
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
        ):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.execute(TABLE)
        self.db.commit()
        self._forget()
        names = {kind.__name__: kind for kind in KINDS}
        for name, body in self.db.execute("SELECT kind, body FROM record ORDER BY seq"):
            self._remember(names[name](**json.loads(body)))

    def _forget(self) -> None:
        self.rows: dict[type[Any], dict[str, Any]] = {kind: {} for kind in KINDS}
        self.unfinished: dict[type[Any], dict[str, None]] = {kind: {} for kind in KINDS}
        self.seq = 0

    def _remember(self, record: Record) -> None:
        kind = type(record)
        self.rows[kind][record.id] = record
        self.seq = max(self.seq, record.seq)
        if record.open:
            self.unfinished[kind][record.id] = None
        else:
            self.unfinished[kind].pop(record.id, None)

    def next(self) -> int:
        """Give the place of a new record in the order of all."""
        self.seq += 1
        return self.seq

    def get(self, kind: type[R], record_id: str) -> R | None:
        return cast("R | None", self.rows[kind].get(record_id))

    def all(self, kind: type[R]) -> list[R]:
        """Oldest first."""
        return list(self.rows[kind].values())

    def open(self, kind: type[R]) -> Iterator[R]:
        return (self.rows[kind][each] for each in list(self.unfinished[kind]))

    def put(self, record: R) -> R:
        self._remember(record)
        body = json.dumps(vars(record))
        line = (type(record).__name__, record.id, record.seq, body)
        self.db.execute("REPLACE INTO record VALUES (?, ?, ?, ?)", line)
        return record

    def commit(self) -> None:
        self.db.commit()

    def clear(self) -> None:
        self.db.execute("DROP TABLE record")
        self.db.execute(TABLE)
        self.commit()
        self._forget()
