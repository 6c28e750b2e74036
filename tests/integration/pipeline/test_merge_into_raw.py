"""Landing files become the raw table, through the real engine, lease and endpoint."""

from itertools import chain
from typing import Any

import pytest

from tests.reference.hospital_source import Source
from tests.reference.replay import Replay

from .conftest import HISTORY, Bench


def split(transactions: list[Any], size: int) -> list[list[Any]]:
    return [list(chain.from_iterable(transactions[at : at + size])) for at in range(0, len(transactions), size)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_stream_of_changes_becomes_the_state_of_the_source(bench: Bench, seed: int) -> None:
    source = Source(seed, keys=8)
    source.run(3)
    bench.landing.load(*source.snapshot(), files=2)
    source.sent.clear()
    source.run(24)
    for changes in split(source.sent, 3):
        bench.landing.changes(changes)
    totals = bench.merge(max_files=2)
    truth = {(row["a"], row["b"]): row for row in source.rows.values()}
    assert bench.state() == truth
    assert totals.commits >= 4
    assert set(bench.file_states()) == {"merged"}


@pytest.mark.parametrize("seed", [4, 5])
def test_history_keeps_every_change_with_its_whole_row(bench: Bench, seed: int) -> None:
    source, replay = Source(seed, keys=8), Replay(("a", "b"))
    source.run(3)
    position, rows = source.snapshot()
    replay.full_load(rows, position)
    bench.landing.load(position, rows)
    source.sent.clear()
    source.run(15)
    for changes in split(source.sent, 4):
        bench.landing.changes(changes)
        for change in changes:
            replay.change(change)
    bench.merge(HISTORY, max_files=2)
    told = bench.told()
    columns = ("a", "b", "value", "note")
    expected = [
        ("L" if at == position else op, at, {name: row.get(name) for name in columns}) for op, at, row in replay.history
    ]
    assert sorted(told, key=repr) == sorted(expected, key=repr)
