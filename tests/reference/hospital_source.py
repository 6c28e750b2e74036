"""A source database made of random statements: what it holds at the end, and the changes that it sent on the way.

A row is followed by an identity of its own, not by its key, so the end state owes nothing to any rule about keys.
Statements may change keys in cycles, as one UPDATE does under a deferrable key. `note` is a column that a change may
leave unsent (TOAST).
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.reference.replay import SourceChange

Row = dict[str, Any]


@dataclass
class Source:
    """Deterministic by its seed. `sent` are transactions, each a list of changes."""

    seed: int
    keys: int = 6
    truncates: bool = True
    rows: dict[int, Row] = field(default_factory=dict)
    sent: list[list[SourceChange]] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - not a secret
        self.next_row = 0
        self.lsn = 0x100
        self.counter = 0

    def run(self, transactions: int) -> None:
        for _ in range(transactions):
            self.transaction()

    def transaction(self) -> None:
        self.lsn += self.random.randint(1, 40)
        self.ordinal = 0
        self.changes: list[SourceChange] = []
        for _ in range(self.random.randint(1, 4)):
            self._statement()
        if self.changes:
            self.sent.append(self.changes)

    def position(self) -> str:
        return f"{self.lsn:016X}.{self.ordinal:010d}"

    def snapshot(self) -> tuple[str, list[Row]]:
        """A full load now: its position and rows. It stands after everything sent so far."""
        self.lsn += 1
        return f"{self.lsn:016X}.{0:010d}", [dict(row) for row in self.rows.values()]

    def _statement(self) -> None:
        kinds = ["insert"] * 4 + ["update"] * 4 + ["unsent"] * 4 + ["delete"] * 2 + ["move"] * 3 + ["cycle"] * 3
        kind = self.random.choice(kinds + (["truncate"] if self.truncates and self.random.random() < 0.3 else []))
        taken = {self._key(row) for row in self.rows.values()}
        free = [key for key in self._all_keys() if key not in taken]
        chosen = self.random.choice(list(self.rows)) if self.rows else None
        if kind == "insert" and free:
            self._insert(self.random.choice(free))
        elif kind == "truncate":
            self.rows.clear()
            self._send("T", {})
        elif chosen is None:
            return
        elif kind == "delete":
            gone = self.rows.pop(chosen)
            self._send("D", {"a": gone["a"], "b": gone["b"], "value": None, "note": None})
        elif kind == "update":
            self._update(chosen, self._key(self.rows[chosen]), resend=True)
        elif kind == "unsent":
            self._update(chosen, self._key(self.rows[chosen]), resend=False)
        elif kind == "move" and free:
            self._update(chosen, self.random.choice(free), resend=self.random.random() < 0.4)
        elif kind == "cycle" and len(self.rows) > 1:
            self._cycle()
        else:
            return
        self.reached.add(kind)

    def _cycle(self) -> None:
        members = self.random.sample(list(self.rows), self.random.randint(2, min(3, len(self.rows))))
        keys = [self._key(self.rows[member]) for member in members]
        moves = list(zip(members, keys[1:] + keys[:1], strict=True))
        self.random.shuffle(moves)
        for member, key in moves:
            self._update(member, key, resend=self.random.random() < 0.3)

    def _insert(self, key: tuple[int, str | None]) -> None:
        self.next_row += 1
        self.counter += 1
        row = {"a": key[0], "b": key[1], "value": self.counter, "note": self._note()}
        self.rows[self.next_row] = row
        self._send("I", dict(row))

    def _update(self, member: int, key: tuple[int, str | None], *, resend: bool) -> None:
        self.counter += 1
        row = self.rows[member]
        before = self._key(row)
        row.update(a=key[0], b=key[1], value=self.counter)
        if resend:
            row["note"] = self._note()
        sent = dict(row) if resend else {**row, "note": None}
        self._send("U", sent, previous=before if before != key else None, unchanged=() if resend else ("note",))

    def _send(self, operation: str, row: Row, previous: Any = None, unchanged: tuple[str, ...] = ()) -> None:
        self.ordinal += 1
        self.changes.append(SourceChange(operation, self.position(), row, previous, unchanged))

    def _note(self) -> str | None:
        return None if self.random.random() < 0.1 else f"note {self.counter} é"

    def _key(self, row: Row) -> tuple[int, str | None]:
        return row["a"], row["b"]

    def _all_keys(self) -> list[tuple[int, str | None]]:
        return [(number, word) for number in range(self.keys // 2) for word in ("x", "y")]
