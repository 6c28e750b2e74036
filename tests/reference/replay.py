"""What a raw table must hold: every change replayed over whole rows, one by one, with nothing clever. The oracle of
the merge."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Key = tuple[Any, ...]
Row = dict[str, Any]


@dataclass(frozen=True)
class SourceChange:
    """A change as the source made it. `row` holds only what was sent; `unchanged` names what was not."""

    operation: str
    position: str
    row: Row
    previous: Key | None = None
    unchanged: tuple[str, ...] = ()


class Replay:
    """The table at the source. `held[key]` is a queue, because a deferrable key may be held twice inside a
    transaction."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.held: dict[Key, list[Row]] = {}
        self.history: list[tuple[str, str, Row]] = []
        self.transaction = ""

    def key_of(self, row: Row) -> Key:
        return tuple(row[name] for name in self.keys)

    def full_load(self, rows: Iterable[Row], position: str) -> None:
        """Replace everything by a full load."""
        self.held = {}
        for row in rows:
            self.held[self.key_of(row)] = [dict(row)]
            self.history.append(("I", position, dict(row)))

    def change(self, change: SourceChange) -> None:
        transaction = change.position.split(".")[0]
        if transaction != self.transaction:
            self.settle()
            self.transaction = transaction
        if change.operation == "T":
            self.held = {}
            self.history.append(("T", change.position, {}))
        elif change.operation == "I":
            self.held.setdefault(self.key_of(change.row), []).append(dict(change.row))
            self.history.append(("I", change.position, dict(change.row)))
        elif change.operation == "D":
            self._take(self.key_of(change.row))
            self.history.append(("D", change.position, dict(change.row)))
        else:
            before = self._take(change.previous if change.previous is not None else self.key_of(change.row))
            after = dict(change.row)
            for name in change.unchanged:
                after[name] = before[name]
            self.held.setdefault(self.key_of(after), []).append(after)
            self.history.append(("U", change.position, dict(after)))

    def _take(self, key: Key) -> Row:
        rows = self.held.get(key, [])
        return rows.pop(0) if rows else {}

    def settle(self) -> None:
        """A transaction has ended: one row per key."""
        self.held = {key: rows[-1:] for key, rows in self.held.items() if rows}

    def state(self) -> dict[Key, Row]:
        self.settle()
        return {key: rows[0] for key, rows in self.held.items()}
