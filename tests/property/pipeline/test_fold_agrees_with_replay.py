"""The fold is the clever twin of a replay over whole rows: they must agree on every stream, however it is cut into
batches."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.pipeline.fold import Change, Stored, doubtful_keys, fold, history
from tests.reference.hospital_source import Source
from tests.reference.replay import Replay, SourceChange

KEYS = ("a", "b")
COLUMNS = ("a", "b", "value", "note")
State = dict[tuple[Any, ...], dict[str, Any]]


def as_change(change: SourceChange) -> Change:
    key = () if change.operation == "T" else tuple(change.row[name] for name in KEYS)
    return Change(change.operation, change.position, key, change.previous, change.unchanged)


def value_of(origin: int | Stored, column: str, sent: Sequence[SourceChange], raw: State) -> Any:
    if isinstance(origin, Stored):
        return raw[origin.key][column]
    return sent[origin].row[column]


def merge(raw: State, batch: Sequence[SourceChange]) -> State:
    """What the engine does with a fold, over a dictionary."""
    changes = [as_change(change) for change in batch]
    folded = fold(changes, doubtful_keys(changes) & raw.keys())
    kept = {} if folded.emptied else {key: row for key, row in raw.items() if key not in folded.gone}
    for key, row in folded.rows.items():
        kept[key] = {column: value_of(row.origin_of(column), column, batch, raw) for column in COLUMNS}
    return kept


def cut(transactions: list[list[SourceChange]], cuts: list[int]) -> list[list[SourceChange]]:
    """Batches of whole transactions; `cuts` are their sizes, the rest is one batch."""
    batches, start = [], 0
    for size in cuts:
        batches.append(list(chain.from_iterable(transactions[start : start + size])))
        start += size
    return [*batches, list(chain.from_iterable(transactions[start:]))]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 25), st.lists(st.integers(1, 6), max_size=6))
def test_any_stream_in_any_batches_folds_to_what_a_replay_gives(seed: int, length: int, cuts: list[int]) -> None:
    source = Source(seed)
    source.run(length)
    replay = Replay(KEYS)
    raw: State = {}
    for batch in cut(source.sent, cuts):
        for change in batch:
            replay.change(change)
        raw = merge(raw, batch)
    truth = {tuple(row[name] for name in KEYS): row for row in source.rows.values()}
    assert replay.state() == truth  # the oracle itself agrees with the source
    assert raw == truth


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 20))
def test_history_tells_each_change_with_the_value_that_was_not_sent_again(seed: int, length: int) -> None:
    source = Source(seed)
    source.run(length)
    batch = list(chain.from_iterable(source.sent))
    replay = Replay(KEYS)
    for change in batch:
        replay.change(change)
    rows = history([as_change(change) for change in batch])
    told = [
        {c: value_of(row.origin_of(c), c, batch, {}) for c in change.row}
        for row, change in zip(rows, batch, strict=True)
    ]
    assert told == [row for _, _, row in replay.history]


def test_the_generator_reaches_every_kind_of_statement() -> None:
    reached: set[str] = set()
    for seed in range(60):
        source = Source(seed)
        source.run(20)
        reached |= source.reached
    assert reached == {"insert", "update", "unsent", "delete", "move", "cycle", "truncate"}


def test_a_row_inserted_and_updated_in_one_transaction_keeps_its_note() -> None:
    """Found by generation: the insert's key was taken for one that a stored row held."""
    batch = [
        SourceChange("I", "0000000000000001.0000000001", {"a": 1, "b": "x", "value": 1, "note": "n"}),
        SourceChange("U", "0000000000000001.0000000002", {"a": 1, "b": "x", "value": 2, "note": None}, None, ("note",)),
    ]
    assert merge({}, batch) == {(1, "x"): {"a": 1, "b": "x", "value": 2, "note": "n"}}
