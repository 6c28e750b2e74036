"""Full loads at any time, landing late, in any cut of change files, merged at any moment: the end is the source's
state."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.pipeline.order import NextStep, StepKind, next_step
from pergamon.pipeline.tracker_states import FileState, TrackedFile
from tests.reference.hospital_source import Source
from tests.reference.replay import SourceChange

from .test_fold_agrees_with_replay import KEYS, State, merge


class World:
    """A tracker, a landing zone and a raw table, in memory."""

    def __init__(self) -> None:
        self.files: dict[str, TrackedFile] = {}
        self.contents: dict[str, list[SourceChange] | State] = {}
        self.raw: State = {}
        self.kinds: set[str] = set()

    def land_changes(self, changes: list[SourceChange]) -> None:
        self._land(changes, changes[0].position, changes[-1].position, load=None)

    def land_load(self, position: str, rows: Sequence[dict[str, object]]) -> None:
        content = {tuple(row[name] for name in KEYS): dict(row) for row in rows}
        self._land(content, position, position, load=f"load-{len(self.files)}")

    def _land(self, content: list[SourceChange] | State, first: str, last: str, load: str | None) -> None:
        name = f"f{len(self.files):04d}"
        self.contents[name] = content
        self.files[name] = TrackedFile(
            id=name,
            task="t",
            path=name,
            kind="full_load" if load else "changes",
            first=first,
            last=last,
            size_bytes=1,
            rows=len(content),
            sha256="",
            state=FileState.REGISTERED,
            reason=None,
            load_id=load,
            load_files=1 if load else None,
            identity=KEYS,
        )

    def work(self, chance: random.Random) -> None:
        """Merge until nothing is left; now and then a commit is lost and done again."""
        while True:
            ordered = sorted(self.files.values(), key=lambda file: (file.first, file.path))
            step = next_step(ordered, "S", max_files=chance.randint(1, 3), max_rows=chance.randint(1, 20))
            self.kinds.add(step.kind.value)
            if step.kind in (StepKind.NOTHING, StepKind.WAIT):
                return
            assert step.kind is not StepKind.BLOCKED
            assert not step.late
            if chance.random() < 0.1:
                continue  # died before the commit: nothing has happened
            self._commit(step)

    def _commit(self, step: NextStep) -> None:
        if step.kind is StepKind.LOAD:
            self.raw = dict(self.contents[step.files[0].id])  # type: ignore[arg-type]
        elif step.kind is StepKind.CHANGES:
            changes = chain.from_iterable(self.contents[file.id] for file in step.files)
            self.raw = merge(self.raw, [change for change in changes if change.position > step.floor])  # type: ignore[union-attr]
        for files, state in (
            (step.files, FileState.MERGED),
            (step.superseded, FileState.SUPERSEDED),
            (step.reopened, FileState.REGISTERED),
        ):
            for file in files:
                self.files[file.id] = replace(self.files[file.id], state=state)
        if step.reopened:
            self.kinds.add("reopened")


def play(seed: int) -> World:
    """One random life of a source, its landing zone and its raw table; ends with everything landed and merged."""
    chance, source, world = random.Random(seed), Source(seed, keys=8), World()  # noqa: S311 - not a secret
    source.run(2)
    world.land_load(*source.snapshot())
    source.sent.clear()
    late: list[tuple[str, list[dict[str, object]]]] = []
    for _ in range(chance.randint(1, 12)):
        source.run(chance.randint(1, 4))
        if chance.random() < 0.4:
            late.append(source.snapshot())
        if chance.random() < 0.8:
            land(world, source, chance)
        if late and chance.random() < 0.5:
            world.land_load(*late.pop(chance.randrange(len(late))))
        if chance.random() < 0.7:
            world.work(chance)
    land(world, source, chance)
    for position, rows in late:
        world.land_load(position, rows)
    world.work(chance)
    truth = {tuple(row[name] for name in KEYS): row for row in source.rows.values()}
    assert world.raw == truth
    assert {file.state for file in world.files.values()} <= {FileState.MERGED, FileState.SUPERSEDED}
    return world


def land(world: World, source: Source, chance: random.Random) -> None:
    """Change files may be cut anywhere, also inside a transaction."""
    changes = list(chain.from_iterable(source.sent))
    source.sent.clear()
    while changes:
        size = chance.randint(1, len(changes))
        world.land_changes(changes[:size])
        changes = changes[size:]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9))
def test_any_arrival_ends_in_the_state_of_the_source(seed: int) -> None:
    play(seed)


def test_the_generator_reaches_every_kind_of_step() -> None:
    reached = set().union(*(play(seed).kinds for seed in range(80)))
    assert {"load", "changes", "supersede", "nothing", "reopened"} <= reached
