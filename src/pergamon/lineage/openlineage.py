"""What do we read of an OpenLineage event, and how do we tell our own runs as events? Pure.

Read: the run, the job, and the names of datasets and columns. Whatever else an event carries (SQL, statistics, errors,
facets that we do not know) may hold somebody's values, and is neither kept nor refused.
Source: OpenLineage specification 2-0-2; ColumnLineageDatasetFacet 1-2-0, also its older form without transformations.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pergamon import __version__
from pergamon.kernel import Invalid
from pergamon.lineage.model import (
    LONGEST_FIELD,
    LONGEST_JOB,
    OWN_NAMESPACE,
    BadDataset,
    ColumnEdge,
    Dataset,
    is_plain,
)

Json = dict[str, Any]  # Any: whatever JSON can hold
EventType = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]

SPECIFICATION = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
COLUMN_LINEAGE = (
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
)
JOB_TYPE = "https://openlineage.io/spec/facets/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
PRODUCER = f"urn:pergamon:{__version__}"

MOST_DATASETS = 1_000
MOST_EDGES_TOLD = 20_000
ORIGINS_OF_VALUES = frozenset({"CONDITIONAL", "WINDOW"})
"""Indirect transformations that a value comes from all the same, as in our own SELECTs; the others choose rows."""


class BadEvent(Invalid):
    """What was sent is no OpenLineage run event, or a larger one than we take."""

    code = "lineage.bad_event"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Transformation(_Read):
    type: str = "DIRECT"
    subtype: str | None = None

    @property
    def gives_values(self) -> bool:
        return self.type != "INDIRECT" or self.subtype in ORIGINS_OF_VALUES


class InputField(_Read):
    namespace: str
    name: str
    field: str
    transformations: tuple[Transformation, ...] = ()

    @property
    def gives_values(self) -> bool:
        return not self.transformations or any(one.gives_values for one in self.transformations)


class ColumnOrigins(_Read):
    input_fields: tuple[InputField, ...] = Field(default=(), alias="inputFields")


class ColumnLineage(_Read):
    fields: dict[str, ColumnOrigins] = {}


class DatasetFacets(_Read):
    column_lineage: ColumnLineage | None = Field(default=None, alias="columnLineage")


class DatasetRead(_Read):
    namespace: str
    name: str
    facets: DatasetFacets | None = None


class RunRead(_Read):
    run_id: UUID = Field(alias="runId")


class JobRead(_Read):
    namespace: str
    name: str


class RunEvent(_Read):
    """The part of a run event that we read."""

    event_type: EventType = Field(default="OTHER", alias="eventType")
    event_time: AwareDatetime = Field(alias="eventTime")
    run: RunRead
    job: JobRead
    inputs: Annotated[tuple[DatasetRead, ...], Field(max_length=MOST_DATASETS)] = ()
    outputs: Annotated[tuple[DatasetRead, ...], Field(max_length=MOST_DATASETS)] = ()

    @property
    def job_name(self) -> str:
        """Both parts: the namespace tells jobs of one name apart."""
        return f"{self.job.namespace}/{self.job.name}"

    def names(self) -> Json:
        """What is kept: names of datasets and columns, each once, in order.

        Raises:
            BadDataset: a name that cannot be kept.
        """
        inputs = {Dataset(one.namespace, one.name) for one in self.inputs}
        outputs = {Dataset(one.namespace, one.name) for one in self.outputs}
        return as_names(inputs, outputs, {edge for one in self.outputs for edge in _column_edges(one)})


def read_event(text: bytes) -> RunEvent:
    """Read one event.

    Raises:
        BadEvent: see there.
    """
    try:
        event = RunEvent.model_validate_json(text)
        event.names()
    except ValidationError as error:
        places = sorted({".".join(map(str, part["loc"][:1])) or "body" for part in error.errors(include_input=False)})
        raise BadEvent(
            f"this is no OpenLineage run event: {', '.join(place[:50] for place in places[:10])}",
            hint="send RunEvents of OpenLineage 2-0-2, at most 1,000 inputs and outputs each",
        ) from None
    except BadDataset as error:
        raise BadEvent(f"the event cannot be kept: {error.message}") from None
    if not is_plain(event.job_name, LONGEST_JOB):
        raise BadEvent("the event cannot be kept: a job's namespace and name have at most 1,000 bytes, all printable")
    return event


def as_names(inputs: set[Dataset], outputs: set[Dataset], columns: set[ColumnEdge]) -> Json:
    """Edges as JSON: what `lineage_run` and `lineage_event` hold."""
    return {
        "inputs": [[one.namespace, one.name] for one in sorted(inputs)],
        "outputs": [[one.namespace, one.name] for one in sorted(outputs)],
        "columns": [
            [e.input.namespace, e.input.name, e.input_field, e.output.namespace, e.output.name, e.output_field]
            for e in sorted(columns)
        ],
    }


def from_names(names: Json) -> tuple[set[Dataset], set[Dataset], set[ColumnEdge]]:
    """What `as_names` wrote."""
    return (
        {Dataset(*one) for one in names["inputs"]},
        {Dataset(*one) for one in names["outputs"]},
        {ColumnEdge(Dataset(a, b), c, Dataset(d, e), f) for a, b, c, d, e, f in names["columns"]},
    )


def _column_edges(output: DatasetRead) -> list[ColumnEdge]:
    lineage = output.facets.column_lineage if output.facets else None
    edges = []
    for column, origins in (lineage.fields if lineage else {}).items():
        for origin in origins.input_fields:
            if not (is_plain(column, LONGEST_FIELD) and is_plain(origin.field, LONGEST_FIELD)):
                raise BadDataset("a column's name has 1 to 500 bytes, all printable")
            if origin.gives_values:
                source = Dataset(origin.namespace, origin.name)
                edges.append(ColumnEdge(source, origin.field, Dataset(output.namespace, output.name), column))
    return edges


def events_of_run(row: Mapping[str, Any]) -> list[Json]:
    """One of our own runs as OpenLineage tells it: it started, and it is complete.

    row: of `lineage_run`. The run's UUID is made from our own id and the place in the feed, so that the same row is
    the same run for whoever hears of it twice.
    """
    run = {"runId": str(uuid5(uuid5(NAMESPACE_URL, "urn:pergamon:run"), f"{row['run_id']}/{row['sequence']}"))}
    told = {
        "eventTime": row["at"].isoformat(),
        "producer": PRODUCER,
        "schemaURL": SPECIFICATION,
        "run": run,
        "job": {"namespace": OWN_NAMESPACE, "name": row["job"], "facets": {"jobType": _job_type(row["kind"])}},
    }
    inputs, outputs, columns = from_names(row["edges"])
    return [
        told | {"eventType": "START", "inputs": [], "outputs": []},
        told
        | {
            "eventType": "COMPLETE",
            "inputs": [{"namespace": one.namespace, "name": one.name} for one in sorted(inputs)],
            "outputs": [_output(one, columns) for one in sorted(outputs)],
        },
    ]


def _job_type(kind: str) -> Json:
    return {
        "_producer": PRODUCER,
        "_schemaURL": JOB_TYPE,
        "processingType": "BATCH",
        "integration": "PERGAMON",
        "jobType": kind.upper(),
    }


def _output(output: Dataset, columns: set[ColumnEdge]) -> Json:
    """A column that comes from somewhere in a dataset, nobody knows which column, has no word in OpenLineage."""
    fields: dict[str, Json] = {}
    for edge in sorted(columns):
        if edge.output == output and edge.input_field and edge.output_field:
            origins = fields.setdefault(edge.output_field, {"inputFields": []})["inputFields"]
            origins.append({"namespace": edge.input.namespace, "name": edge.input.name, "field": edge.input_field})
    facet = {"_producer": PRODUCER, "_schemaURL": COLUMN_LINEAGE, "fields": fields}
    facets = {"facets": {"columnLineage": facet}} if fields else {}
    return {"namespace": output.namespace, "name": output.name, **facets}
