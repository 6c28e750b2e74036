"""Edges are told once, end when a job does without them, and are followed only through what may be seen."""

import pytest

from pergamon.kernel import Actor
from pergamon.lineage import Dataset, Graph, LineageRun, column_by_column, downstream, record_edges, upstream
from pergamon.runtime import Runtime

FILES = Dataset.of_objects("ehds-assets", "patients/")
RAW, CURATED, OTHER = (Dataset("pergamon", name) for name in ("raw_db.patients", "curated_db.ages", "curated_db.other"))


def everything(_dataset: Dataset) -> bool:
    return True


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


def test_where_a_job_tells_no_columns_a_column_is_followed_through_the_whole(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert ("raw_db.patients.", "curated_db.other.") in pairs(downstream(uow, RAW, everything, field="born"))
        assert ("raw_db.patients.", "curated_db.ages.") not in pairs(downstream(uow, RAW, everything, field="born"))


def test_the_walk_ends_at_what_may_not_be_seen_and_at_its_depth(told: Runtime, operator: Actor) -> None:
    with told.begin(operator) as uow:
        assert pairs(upstream(uow, CURATED, lambda dataset: dataset != RAW)) == set()
        assert upstream(uow, RAW, lambda dataset: dataset != RAW).edges == ()
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
