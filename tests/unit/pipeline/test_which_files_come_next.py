"""The order of a table's files, case by case."""

from dataclasses import replace

import pytest

from pergamon.pipeline.order import NextStep, StepKind, next_step
from pergamon.pipeline.tracker_states import FileState, TrackedFile


def at(lsn: int, ordinal: int = 1) -> str:
    return f"{lsn:016X}.{ordinal:010d}"


def file(name: str, first: str, last: str | None = None, state: str = "registered", **more: object) -> TrackedFile:
    plain = TrackedFile(
        id=name,
        task="t",
        path=name,
        kind="changes",
        first=first,
        last=last or first,
        size_bytes=1,
        rows=10,
        sha256="",
        state=FileState(state),
        reason=None,
        load_id=None,
        load_files=None,
        identity=(),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def load(name: str, lsn: int, state: str = "registered", load_id: str = "one", files: int | None = 1) -> TrackedFile:
    position = at(lsn, 0)
    return file(name, position, position, state, kind="full_load", load_id=load_id, load_files=files)


def step(*files: TrackedFile, versioning: str = "S", max_files: int = 10, max_rows: int = 1000) -> NextStep:
    ordered = sorted(files, key=lambda each: (each.first, each.path))
    return next_step(ordered, versioning, max_files=max_files, max_rows=max_rows)  # type: ignore[arg-type]


def names(files: tuple[TrackedFile, ...]) -> list[str]:
    return [each.id for each in files]


def test_nothing_landed_nothing_to_do() -> None:
    assert step().kind is StepKind.NOTHING


def test_an_incomplete_first_load_keeps_the_changes_waiting() -> None:
    assert step(load("l1", 5, files=None), file("c", at(9))).kind is StepKind.WAIT


def test_an_incomplete_reload_does_not_keep_the_changes_waiting() -> None:
    files = (load("l1", 5, "merged"), load("l2", 20, load_id="two", files=None), file("c", at(9)))
    assert names(step(*files).files) == ["c"]


@pytest.mark.parametrize("limit", [{"max_files": 2}, {"max_rows": 20}])
def test_a_commit_takes_a_portion(limit: dict[str, int]) -> None:
    assert names(step(*(file(f"c{n}", at(n)) for n in range(1, 6)), **limit).files) == ["c1", "c2"]


def test_a_transaction_is_never_divided() -> None:
    files = (file("c1", at(1), at(2, 5)), file("c2", at(2, 6), at(2, 9)), file("c3", at(3)))
    assert names(step(*files, max_files=1).files) == ["c1", "c2"]


def test_nothing_passes_a_quarantined_file_and_its_transaction_stays_whole() -> None:
    files = (
        file("c1", at(1)),
        file("c2", at(2), at(3, 5)),
        file("c3", at(3, 6), at(4), "quarantined"),
        file("c4", at(5)),
    )
    first = step(*files)
    assert names(first.files) == ["c1"]
    merged = (replace(files[0], state=FileState.MERGED), *files[1:])
    assert step(*merged).kind is StepKind.BLOCKED
    assert step(*merged).blocked_by == files[2]


def test_a_skipped_file_is_passed() -> None:
    assert names(step(file("c1", at(1), state="skipped"), file("c2", at(2))).files) == ["c2"]


def test_a_load_beyond_a_quarantined_file_supersedes_it() -> None:
    found = step(load("l1", 1, "merged"), file("c1", at(2), state="quarantined"), load("l2", 9, load_id="two"))
    assert found.kind is StepKind.LOAD
    assert names(found.superseded) == ["c1"]


def test_a_quarantined_load_blocks() -> None:
    assert step(load("l1", 5, "quarantined"), file("c", at(9))).kind is StepKind.BLOCKED


def test_an_older_load_that_comes_late_is_superseded() -> None:
    found = step(load("l1", 3, load_id="old"), load("l2", 9, "merged", load_id="new"))
    assert (found.kind, names(found.superseded)) == (StepKind.SUPERSEDE, ["l1"])


def test_a_file_from_before_what_is_merged_is_set_aside() -> None:
    found = step(file("c1", at(5), state="merged"), file("c0", at(4)))
    assert names(found.late) == ["c0"]


def test_a_history_appends_every_load_and_reopens_nothing() -> None:
    files = (
        load("l1", 3, "merged"),
        file("c1", at(5), state="merged"),
        load("l2", 4, load_id="two"),
        file("c0", at(2)),
    )
    found = step(*files, versioning="H")
    assert (names(found.files), names(found.reopened), names(found.superseded)) == (["l2"], [], ["c0"])
