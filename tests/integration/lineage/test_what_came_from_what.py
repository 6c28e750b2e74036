"""Edges are told once, end when a job does without them, and are followed only through what may be seen."""

from collections.abc import Collection, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pergamon.kernel import Actor, FixedClock
from pergamon.lineage import (
    ColumnEdge,
    Dataset,
    Graph,
    LineageRun,
    MaySee,
    column_by_column,
    downstream,
    neighbours,
    record_edges,
    record_if_new,
    upstream,
    walk,
)
from pergamon.runtime import Runtime

FILES = Dataset.of_objects("ehds-assets", "patients/")
RAW, CURATED, OTHER = (Dataset("pergamon", name) for name in ("raw_db.patients", "curated_db.ages", "curated_db.other"))


def everything(datasets: Collection[Dataset]) -> Set[Dataset]:
    return set(datasets)


def all_but(hidden: Dataset) -> MaySee:
    return lambda datasets: set(datasets) - {hidden}


@pytest.fixture
def told(rt: Runtime, operator: Actor) -> Runtime:
    with rt.begin(operator) as uow:
        columns = column_by_column(FILES, RAW, [("Id", "id"), ("BIRTHDATE", "born")])
        record_edges(uow, LineageRun("crawl:assets", "crawl", "run_1"), [FILES], [RAW], columns)
        ages = column_by_column(RAW, CURATED, [("born", "age")])
        record_edges(uow, LineageRun("job:ages", "job", "run_2"), [RAW], [CURATED], ages)
        record_edges(uow, LineageRun("job:other", "job", "run_3"), [RAW], [OTHER])
    return rt


def pairs(graph: Graph) -> set[tuple[str, str]]:
    return {
        (edge.input.name + "." + edge.input_field, edge.output.name + "." + edge.output_field) for edge in graph.edges
    }


def test_a_column_is_followed_to_the_file_that_it_came_from(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        found = pairs(upstream(uow, CURATED, everything, field="age"))
    assert found == {("patients/.BIRTHDATE", "raw_db.patients.born"), ("raw_db.patients.born", "curated_db.ages.age")}


def test_the_case_of_a_column_does_not_matter_where_it_tells_no_two_apart(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert pairs(upstream(uow, CURATED, everything, field="AGE")) == pairs(
            upstream(uow, CURATED, everything, field="age")
        )
        twins = column_by_column(RAW, OTHER, [("born", "Age"), ("id", "AGE")])
        record_edges(uow, LineageRun("job:other", "job", "run_7"), [RAW], [OTHER], twins)
        assert pairs(upstream(uow, OTHER, everything, field="AGE", depth=1)) == {
            ("raw_db.patients.id", "curated_db.other.AGE")
        }


def test_where_a_job_tells_no_columns_a_column_is_followed_through_the_whole(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert ("raw_db.patients.", "curated_db.other.") in pairs(downstream(uow, RAW, everything, field="born"))
        assert ("raw_db.patients.", "curated_db.ages.") not in pairs(downstream(uow, RAW, everything, field="born"))


def test_the_walk_ends_at_what_may_not_be_seen_and_at_its_depth(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert pairs(upstream(uow, CURATED, all_but(RAW))) == set()
        assert upstream(uow, RAW, all_but(RAW)).edges == ()
        shallow = upstream(uow, CURATED, everything, depth=1)
        assert shallow.cut
        assert {edge.input for edge in shallow.edges} == {RAW}
        assert not upstream(uow, CURATED, everything, depth=5).cut


def test_what_a_job_no_longer_tells_has_ended(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        columns = column_by_column(FILES, RAW, [("Id", "id")])
        record_edges(uow, LineageRun("crawl:assets", "crawl", "run_4"), [FILES], [RAW], columns)
        found = pairs(upstream(uow, RAW, everything))
    assert found == {("patients/.", "raw_db.patients."), ("patients/.Id", "raw_db.patients.id")}


def test_telling_the_same_again_changes_nothing_but_the_time(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        before = pairs(upstream(uow, CURATED, everything))
        ages = column_by_column(RAW, CURATED, [("born", "age")])
        record_edges(uow, LineageRun("job:ages", "job", "run_9"), [RAW], [CURATED], ages)
        assert pairs(upstream(uow, CURATED, everything)) == before


def test_a_circle_ends(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        record_edges(uow, LineageRun("job:back", "job", "run_5"), [CURATED], [RAW])
        graph = downstream(uow, RAW, everything, depth=20)
    assert ("curated_db.ages.", "raw_db.patients.") in pairs(graph)
    assert not graph.cut


def test_a_column_of_which_nothing_is_told_comes_from_the_whole_and_one_from_anywhere_hangs_on_all(
    told: Runtime, operator: Actor
) -> None:
    with told.begin(operator) as uow:
        from_anywhere = ColumnEdge(RAW, "", CURATED, "guess")
        known = column_by_column(RAW, CURATED, [("born", "age")])
        record_edges(uow, LineageRun("job:ages", "job", "run_6"), [RAW], [CURATED], [*known, from_anywhere])
        assert ("raw_db.patients.", "curated_db.ages.") in pairs(upstream(uow, CURATED, everything, field="count"))
        assert ("raw_db.patients.", "curated_db.ages.") not in pairs(upstream(uow, CURATED, everything, field="age"))
        assert ("raw_db.patients.", "curated_db.ages.guess") in pairs(upstream(uow, CURATED, everything, field="guess"))
        hanging = pairs(downstream(uow, RAW, everything, field="id", depth=1))
        assert hanging == {("raw_db.patients.", "curated_db.ages.guess"), ("raw_db.patients.", "curated_db.other.")}


def test_the_end_of_a_walk_does_not_hint_at_what_may_not_be_seen(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert upstream(uow, CURATED, everything, depth=1).cut
        assert not upstream(uow, CURATED, all_but(FILES), depth=1).cut


def test_the_same_again_is_not_written_until_an_hour_has_passed(rt: Runtime) -> None:
    columns = column_by_column(FILES, RAW, [("Id", "id")])
    at = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

    def tell(number: int, told_columns: tuple[ColumnEdge, ...], mark: str = "", hours: int = 0) -> bool:
        then = replace(rt, clock=FixedClock(at + timedelta(hours=hours)))
        with then.begin(rt.service("worker")) as uow:
            run = LineageRun("merge:raw_db.patients", "merge", f"run_{number}")
            return record_if_new(uow, run, [FILES], [RAW], told_columns, mark=mark)

    assert tell(1, columns)
    assert not tell(2, columns)
    assert tell(3, (), "")
    assert tell(4, columns)
    assert tell(5, columns, "load_2")
    assert tell(6, columns, "load_2", hours=1)


def test_nobodys_claims_push_out_what_the_platform_or_others_told(
    told: Runtime, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may tell lineage can name any table; as many edges as a walk takes hid all others, from everybody."""
    monkeypatch.setattr(walk, "MOST_EDGES", 20)
    made_up = [Dataset("pergamon", f"raw_db.x{number}") for number in range(60)]
    outside, other_outside = Dataset("s3://claimed", "x"), Dataset("s3://other", "x")
    with told.begin(operator) as uow:
        whole = LineageRun("spam", "told", "run_s")
        record_edges(uow, whole, made_up, [CURATED, outside], told_by="person:spammer")
        record_edges(uow, LineageRun("dbt", "told", "run_d"), [other_outside], [CURATED], told_by="service:dbt")
        record_edges(uow, LineageRun("dbt/2", "told", "run_e"), [RAW], [outside], told_by="service:dbt")

    def real(datasets: Collection[Dataset]) -> Set[Dataset]:
        return set(datasets) - set(made_up)

    with told.begin(operator) as uow:
        seen = pairs(upstream(uow, CURATED, real, depth=1))
        assert ("raw_db.patients.born", "curated_db.ages.age") in seen
        assert ("x.", "curated_db.ages.") in seen
        assert RAW in neighbours(uow, [outside])[outside]
