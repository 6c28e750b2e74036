"""Fold the changes of one batch: for each key, what its row becomes. Pure; only the source's order counts.

A row is named by its key. The fold replays the changes in order over the keys alone and remembers, for each row, where
its values stand: in which change of this batch, or, for a value that PostgreSQL did not send again (unchanged TOAST),
in the raw table under the key that the row had before the batch.

With a deferrable key two rows may hold one key inside a transaction (a swap A<->B). Then the row that has held it
longest is the one that moves or goes: in one statement each row changes once. At the end of a transaction the newest
row keeps the key. Whether a row was stored under a key matters only when the batch first gives that key a row and then
takes one from it in the same transaction; `doubtful_keys` names these keys, and the caller looks them up.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pergamon.kernel import Invalid
from pergamon.pipeline.order import transaction_of

Key = tuple[object, ...]
"""The values of the key columns, in the order of the configuration. None is a value like any other."""


class UnknownOperation(Invalid):
    """A landing file has an operation that is not I, U, D or T."""

    code = "pipeline.unknown_operation"


@dataclass(frozen=True)
class Change:
    """One change, without its values. `key` is the new key (for D the old one; for T nothing); `previous` the old key
    where it differs.

    unchanged: the columns whose value was not sent again.
    """

    operation: str
    position: str
    key: Key = ()
    previous: Key | None = None
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stored:
    """A row of the raw table before the batch, by its key then."""

    key: Key


Origin = int | Stored
"""Where a value stands: the number of a change in the batch, or a row that was stored before."""


@dataclass
class Row:
    """What a key's row is after the changes so far. `change`: which change gave its values, except those in `older`.

    `change` is None for a stored row that nothing has touched yet.
    """

    change: int | None
    older: dict[str, Origin] = field(default_factory=dict)
    stored: Stored | None = None

    def origin_of(self, column: str) -> Origin:
        if column in self.older:
            return self.older[column]
        if self.change is not None:
            return self.change
        if self.stored is None:
            raise ValueError("a row is a change or a stored row")
        return self.stored


@dataclass(frozen=True)
class Folded:
    """The outcome. `rows`: each surviving key with its row; `gone`: keys that have no row any more.

    emptied: a TRUNCATE lies in the batch: nothing stored survives, and `rows` is the whole new state.
    """

    rows: Mapping[Key, Row]
    gone: frozenset[Key]
    emptied: bool


def fold(changes: Sequence[Change], stored: Collection[Key] = frozenset()) -> Folded:
    """Fold changes that stand in the order of the source.

    Args: stored: which of the `doubtful_keys` have a row in the raw table.
    Raises:
        UnknownOperation: an operation other than I, U, D, T.
    """
    state = _State(stored)
    for _ in _replay(state, changes):
        pass
    return state.folded()


def history(changes: Sequence[Change], stored: Collection[Key] = frozenset()) -> list[Row]:
    """Each change as a row of its own, with what it did not send again traced to the change or stored row before it."""
    return list(_replay(_State(stored), changes))


def doubtful_keys(changes: Sequence[Change]) -> frozenset[Key]:
    """Keys that a transaction first gives a row and then takes one from: was there a row before, and which is meant?"""
    seen: set[Key] = set()
    given: set[Key] = set()
    doubtful: set[Key] = set()
    transaction = ""
    for change in changes:
        current = transaction_of(change.position)
        if current != transaction:
            given.clear()
            transaction = current
        if change.operation == "T":
            break  # nothing is stored any more
        if change.operation in "UD":
            taken = change.key if change.previous is None else change.previous
            if taken in given:
                doubtful.add(taken)
            seen.add(taken)
        if change.operation in "IU" and change.key not in seen:
            given.add(change.key)
            seen.add(change.key)
    return frozenset(doubtful)


def _replay(state: "_State", changes: Sequence[Change]) -> Iterator[Row]:
    transaction = ""
    for number, change in enumerate(changes):
        current = transaction_of(change.position)
        if current != transaction:
            state.settle()
            transaction = current
        yield state.apply(number, change)
    state.settle()


class _State:
    """Rows by key while changes are replayed. A key that was never touched is not here: its row, if any, is stored."""

    def __init__(self, stored: Collection[Key]) -> None:
        self._stored = stored
        self._held: dict[Key, list[Row]] = {}
        self._crowded: set[Key] = set()
        self._emptied = False

    def apply(self, number: int, change: Change) -> Row:
        """Replay one change. Returns: the row as this change describes it."""
        if change.operation == "T":
            self._held.clear()
            self._crowded.clear()
            self._emptied = True
            return Row(number)
        if change.operation == "D":
            self._take(change.key)
            return Row(number)
        if change.operation == "I":
            row = Row(number)
        elif change.operation == "U":
            before = self._take(change.key if change.previous is None else change.previous)
            row = Row(number, {column: before.origin_of(column) for column in change.unchanged})
        else:
            raise UnknownOperation(f"a change has the operation {change.operation[:8]!r}; known are I, U, D and T")
        self._put(change.key, row)
        return row

    def settle(self) -> None:
        """End of a transaction: of several rows with one key the newest stays."""
        for key in self._crowded:
            rows = self._held[key]
            del rows[:-1]
        self._crowded.clear()

    def folded(self) -> Folded:
        rows: dict[Key, Row] = {}
        gone: set[Key] = set()
        for key, held in self._held.items():
            if not held:
                gone.add(key)
            elif held[-1].change is not None:
                rows[key] = held[-1]
        return Folded(rows, frozenset() if self._emptied else frozenset(gone), self._emptied)

    def _take(self, key: Key) -> Row:
        """Remove the row that has held the key longest; one that this batch has not touched is the stored one."""
        if key not in self._held:
            self._held[key] = []
            return Row(None, stored=Stored(key))
        rows = self._held[key]
        return rows.pop(0) if rows else Row(None, stored=Stored(key))

    def _put(self, key: Key, row: Row) -> None:
        if key not in self._held:
            self._held[key] = [Row(None, stored=Stored(key))] if key in self._stored and not self._emptied else []
        rows = self._held[key]
        rows.append(row)
        if len(rows) > 1:
            self._crowded.add(key)
