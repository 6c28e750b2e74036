"""`/api/v1/lineage`: what came from what, as far as I may see; and OpenLineage events, taken and told."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from pergamon import catalog, lineage
from pergamon.store import FeedPosition
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.transfer import body_of

router = APIRouter()

RUN_EVENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "A RunEvent of OpenLineage 2-0-2; names of datasets and columns are kept, no more.",
                    "required": ["eventTime", "run", "job"],
                    "properties": {
                        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
                        "eventTime": {"type": "string", "format": "date-time"},
                        "run": {"type": "object", "required": ["runId"]},
                        "job": {"type": "object", "required": ["namespace", "name"]},
                        "inputs": {"type": "array", "items": {"type": "object"}},
                        "outputs": {"type": "array", "items": {"type": "object"}},
                    },
                }
            }
        },
    }
}


class DatasetTold(BaseModel):
    """A dataset by its OpenLineage names. kind: `table` and `files` are ours, `foreign` is not."""

    namespace: str
    name: str
    kind: Literal["table", "files", "foreign"]


class EndTold(BaseModel):
    """One end of an edge; without a field it is the dataset as a whole."""

    namespace: str
    name: str
    field: str | None


class EdgeTold(BaseModel):
    """An input became an output. told_by: `platform`, or the principal that sent an OpenLineage event."""

    input: EndTold
    output: EndTold
    job: str
    kind: str
    told_by: str
    last_at: str


class LineageTold(BaseModel):
    """What was found. `cut`: there is more, behind the depth or beyond 5,000 edges."""

    dataset: DatasetTold
    field: str | None
    datasets: list[DatasetTold]
    edges: list[EdgeTold]
    cut: bool


class EventTaken(BaseModel):
    """is_new: it was not taken before. edges: how many its run's events make together."""

    is_new: bool
    edges: int


class EventsTold(BaseModel):
    """Events in order; `position` is the `after` to go on from, now or later."""

    events: list[dict[str, Any]]
    position: str
    has_more: bool


@router.get("/api/v1/lineage")
def show(
    *,
    rt: RuntimeDep,
    actor: ActorDep,
    dataset: Annotated[
        str, Query(min_length=1, max_length=2600, description="`raw_db.patients`, or a dataset's name.")
    ],
    namespace: Annotated[str | None, Query(min_length=1, max_length=500, description="Of a dataset elsewhere.")] = None,
    field: Annotated[str | None, Query(min_length=1, max_length=500, description="One column.")] = None,
    direction: Literal["up", "down"] = "up",
    depth: Annotated[int, Query(ge=1, le=20)] = 3,
) -> LineageTold:
    """What a dataset, or one of its columns, comes from (`up`), or what comes from it (`down`)."""
    start = lineage.Dataset(namespace, dataset) if namespace else lineage.Dataset.parse(dataset)
    with rt.begin(actor) as uow:
        graph = catalog.read_lineage(uow, start, field=field or "", direction=direction, depth=depth)
    return LineageTold(**graph.as_json())


@router.post("/api/v1/lineage", status_code=201, openapi_extra=RUN_EVENT)
def take(request: Request, rt: RuntimeDep, actor: ActorDep) -> EventTaken:
    """Take one OpenLineage run event; sent again, it changes nothing."""
    text = b"".join(body_of(request))
    with rt.begin(actor) as uow:
        taken = lineage.take_event(uow, text)
    return EventTaken(is_new=taken.is_new, edges=taken.edges)


@router.get("/api/v1/lineage/events")
def events(
    rt: RuntimeDep,
    actor: ActorDep,
    after: Annotated[str, Query(pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$", description="`position` of an answer.")] = "0.0",
    limit: Annotated[int, Query(ge=1, le=1000, description="How many runs.")] = 100,
) -> EventsTold:
    """What the platform did, as OpenLineage events: a start and an end for each run."""
    with rt.begin(actor) as uow:
        return EventsTold(**lineage.read_run_events(uow, FeedPosition.parse(after), limit).as_json())
