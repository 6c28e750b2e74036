"""What is read of an OpenLineage event, what is refused, and that what we tell is one."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest

from pergamon.lineage import BadEvent, ColumnEdge, Dataset
from pergamon.lineage.openlineage import as_names, events_of_run, from_names, read_event
from tests.reference.openlineage_schema import RUN_EVENT

RUN = "0f1e2d3c-0000-4000-8000-000000000001"
A, B = Dataset("postgres://h:5432", "db.s.a"), Dataset("pergamon", "raw_db.b")


def event(**words: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-22T08:00:00Z",
        "run": {"runId": RUN},
        "job": {"namespace": "airflow", "name": "daily.load"},
        "producer": "https://producer.test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
        "inputs": [{"namespace": A.namespace, "name": A.name}],
        "outputs": [{"namespace": B.namespace, "name": B.name}],
    } | words


def column_lineage(*fields: dict[str, Any]) -> dict[str, Any]:
    facet = {"_producer": "x:y", "_schemaURL": "x:y", "fields": {"out": {"inputFields": list(fields)}}}
    return event(outputs=[{"namespace": B.namespace, "name": B.name, "facets": {"columnLineage": facet}}])


def field(name: str, *transformations: tuple[str, str | None]) -> dict[str, Any]:
    given = {"namespace": A.namespace, "name": A.name, "field": name}
    if transformations:
        given["transformations"] = [{"type": kind, "subtype": sub} for kind, sub in transformations]
    return given


def read(document: dict[str, Any]) -> dict[str, Any]:
    return read_event(json.dumps(document).encode()).names()


def test_datasets_are_read_and_whatever_else_it_carries_is_not_kept() -> None:
    sql = {"sql": {"_producer": "x:y", "_schemaURL": "x:y", "query": "SELECT * FROM t WHERE name = 'Ann'"}}
    document = event(job={"namespace": "airflow", "name": "daily.load", "facets": sql}, surprise={"x": [1]})
    document["run"]["facets"] = {"errorMessage": {"message": "Ann is not a number"}}
    document["inputs"][0]["facets"] = {"schema": {"fields": [{"name": "id"}]}, "unknown": 7}
    assert read(document) == {"inputs": [[A.namespace, A.name]], "outputs": [[B.namespace, B.name]], "columns": []}
    assert "Ann" not in repr(read_event(json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("given", "is_origin"),
    [
        (field("a"), True),
        (field("a") | {"transformation": "upper(a)"}, True),
        (field("a", ("DIRECT", "IDENTITY")), True),
        (field("a", ("DIRECT", None)), True),
        (field("a", ("INDIRECT", "CONDITIONAL")), True),
        (field("a", ("INDIRECT", "WINDOW")), True),
        (field("a", ("INDIRECT", "FILTER")), False),
        (field("a", ("INDIRECT", "JOIN")), False),
        (field("a", ("INDIRECT", None)), False),
        (field("a", ("INDIRECT", "SORT"), ("DIRECT", "IDENTITY")), True),
    ],
)
def test_a_column_comes_from_what_gives_values_and_not_from_what_chooses_rows(
    given: dict[str, Any], is_origin: bool
) -> None:
    edge = [A.namespace, A.name, "a", B.namespace, B.name, "out"]
    assert read(column_lineage(given))["columns"] == ([edge] if is_origin else [])


def test_a_facet_that_was_deleted_or_says_nothing_is_no_facet() -> None:
    for facet in ({"_deleted": True}, {"fields": {}}, None):
        output = {"namespace": B.namespace, "name": B.name, "facets": {"columnLineage": facet}}
        assert read(event(outputs=[output]))["columns"] == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps(event(eventType="DONE")).encode(),
        json.dumps(event(eventTime="2026-11-22T08:00:00")).encode(),
        json.dumps(event(eventTime=[])).encode(),
        json.dumps(event(run={"runId": "7"})).encode(),
        json.dumps(event(run=None)).encode(),
        json.dumps(event(job={"namespace": "a"})).encode(),
        json.dumps(event(job={"namespace": "", "name": "x" * 1000})).encode(),
        json.dumps(event(job={"namespace": "a\x00", "name": "b"})).encode(),
        json.dumps(event(inputs=[{"namespace": "", "name": "x"}])).encode(),
        json.dumps(event(inputs=[{"namespace": "n", "name": "é" * 1001}])).encode(),
        json.dumps(event(inputs=[{"namespace": "n", "name": "\ud800"}])).encode(),
        json.dumps(event(inputs=[{"namespace": "n", "name": "a\nb"}])).encode(),
        json.dumps(event(inputs=[{"namespace": "n", "name": str(n)} for n in range(1_001)])).encode(),
        json.dumps(column_lineage(field(""))).encode(),
        json.dumps(column_lineage(field("x" * 501))).encode(),
        json.dumps(column_lineage({"namespace": "n"})).encode(),
    ],
)
def test_what_is_no_event_or_cannot_be_kept_is_a_clear_error_without_its_content(text: bytes) -> None:
    with pytest.raises(BadEvent) as error:
        read_event(text)
    assert len(str(error.value)) < 400
    assert "xxx" not in str(error.value)


def test_names_are_written_and_read_back() -> None:
    edges = {ColumnEdge(A, "a", B, "out"), ColumnEdge(A, "", B, "all")}
    assert from_names(as_names({A}, {B}, edges)) == ({A}, {B}, edges)


def test_what_we_tell_of_a_run_is_valid_and_is_the_same_run_for_whoever_hears_it_twice() -> None:
    row = {
        "run_id": "run_1",
        "sequence": 7,
        "job": "job:ages",
        "kind": "job",
        "at": datetime(2026, 11, 22, 8, tzinfo=UTC),
        "edges": as_names({A}, {B}, {ColumnEdge(A, "a", B, "out"), ColumnEdge(A, "", B, "all")}),
    }
    validator = jsonschema_rs.Draft202012Validator(RUN_EVENT, validate_formats=True)
    started, complete = events_of_run(row)
    for told in (started, complete):
        validator.validate(told)
        assert read_event(json.dumps(told).encode()).run.run_id
    assert (started["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert started["run"] == complete["run"] == events_of_run(row)[0]["run"]
    assert events_of_run(row | {"sequence": 8})[0]["run"] != started["run"]
    assert read(complete)["columns"] == [[A.namespace, A.name, "a", B.namespace, B.name, "out"]]


def test_the_schema_refuses_what_is_no_event() -> None:
    """A schema that accepts everything would prove nothing."""
    validator = jsonschema_rs.Draft202012Validator(RUN_EVENT, validate_formats=True)
    assert validator.is_valid(event())
    for word in ("eventTime", "producer", "schemaURL", "run", "job"):
        assert not validator.is_valid({key: value for key, value in event().items() if key != word})
    assert not validator.is_valid(event(run={"runId": "no"}))
    assert not validator.is_valid(event(eventType="DONE"))
    assert not validator.is_valid(event(inputs=[{"name": "x"}]))
