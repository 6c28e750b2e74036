"""`/api/v1/crawlers`: which crawlers there are, what became of their files; run one now, try set-aside files again."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from pergamon import crawl
from pergamon.lake import TableId
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

CrawlerName = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]


class ReplayRequest(BaseModel):
    """Which file; left out: every file that was set aside."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    key: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00]+$")] | None = None


class CrawlerTold(BaseModel):
    """A crawler and how far it is. `tables` and `failures` stand there when one crawler is asked for."""

    name: str
    bucket: str
    prefixes: list[str]
    database: str
    on_event: bool
    schedule: str | None
    is_idle: bool
    is_listing: bool
    folders_at_work: int
    files: dict[str, int]
    tables: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    last_listed_at: str | None


class Crawlers(BaseModel):
    crawlers: list[CrawlerTold]


class Files(BaseModel):
    """A page of files by key."""

    files: list[dict[str, Any]]
    next: str | None


class Requested(BaseModel):
    requested: bool = True


class Replayed(BaseModel):
    files: int


class RebuildRequest(BaseModel):
    """Nothing but the table, which the path names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Rebuilt(BaseModel):
    """How many files are read again."""

    files: int


@router.get("/api/v1/crawlers")
def crawlers(rt: RuntimeDep, actor: ActorDep) -> Crawlers:
    """Every crawler, with how many files are in which state."""
    with rt.begin(actor) as uow:
        return Crawlers(crawlers=[CrawlerTold(**status.as_json()) for status in crawl.list_crawlers(uow)])


@router.get("/api/v1/crawlers/{name}")
def one(name: CrawlerName, rt: RuntimeDep, actor: ActorDep) -> CrawlerTold:
    """One crawler, with its tables and what failed."""
    with rt.begin(actor) as uow:
        return CrawlerTold(**crawl.crawler_status(uow, name).as_json())


@router.get("/api/v1/crawlers/{name}/files")
def files(
    *,
    name: CrawlerName,
    rt: RuntimeDep,
    actor: ActorDep,
    state: Annotated[crawl.FileState | None, Query(description="Only files in this state.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Files:
    """What became of each file, by key."""
    (place,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = crawl.crawled_files(uow, name, state=state, after=place, limit=limit + 1)
    return Files(**page("files", found, limit, lambda last: cursor(last["key"])))


@router.post("/api/v1/crawlers/{name}/run")
def run(name: CrawlerName, rt: RuntimeDep, actor: ActorDep) -> Requested:
    """List everything below its prefixes now; what is unchanged is not read again."""
    with rt.begin(actor) as uow:
        crawl.request_crawl(uow, name)
    return Requested()


@router.post("/api/v1/crawlers/{name}/replay")
def replay(name: CrawlerName, asked: ReplayRequest, rt: RuntimeDep, actor: ActorDep) -> Replayed:
    """Let files that were set aside be tried again."""
    with rt.begin(actor) as uow:
        return Replayed(files=crawl.replay_files(uow, name, asked.key))


@router.post("/api/v1/tables/{database}/{table}/rebuild")
def rebuild(
    database: CrawlerName, table: CrawlerName, asked: RebuildRequest, rt: RuntimeDep, actor: ActorDep
) -> Rebuilt:
    """Read the files of the folder that makes this table again, and build its tables anew."""
    found = TableId.parse(f"{database}.{table}")
    with rt.begin(actor) as uow:
        return Rebuilt(files=crawl.rebuild_table(uow, found))
