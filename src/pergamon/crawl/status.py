"""What became of files, and asking for more: run now, list, try again. Operators and who may run crawlers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pergamon import objects
from pergamon.crawl import tables
from pergamon.crawl.configuration import crawler_of, unknown_crawler
from pergamon.crawl.model import (
    CrawlerSpec,
    CrawlerStatus,
    CrawlRequested,
    FileOutcome,
    FilesReplayed,
    FileState,
    UnknownCrawledFile,
)
from pergamon.identity import actions_of_roles
from pergamon.kernel import require
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork


def request_crawl(uow: UnitOfWork, name: str) -> None:
    """List everything below a crawler's prefixes now; a worker does it.

    Raises:
        AccessDenied: the actor may not run this crawler.
        UnknownCrawler: no such crawler.
    """
    require_may_run(uow, name)
    crawler_of(uow, name)
    tables.begin_listing(uow, name, "asked")
    uow.record(CrawlRequested(subject=f"crawler:{name}", cause="asked"))


def list_crawlers(uow: UnitOfWork) -> list[CrawlerStatus]:
    """Every crawler with how many files are in which state.

    Raises:
        AccessDenied: the actor may not run crawlers.
    """
    require_may_run(uow, "all")
    return [_status(row) for row in tables.how_they_stand(uow)]


def files_set_aside(uow: UnitOfWork) -> dict[str, int]:
    """How many files of each crawler are set aside, where there are any.

    Raises:
        AccessDenied: the actor may not run crawlers.
    """
    require_may_run(uow, "all")
    return {row["name"]: row["files"] for row in tables.files_set_aside(uow) if row["files"]}


def crawler_status(uow: UnitOfWork, name: str) -> CrawlerStatus:
    """One crawler, with its tables and what failed.

    Raises:
        AccessDenied: the actor may not run this crawler.
        UnknownCrawler: no such crawler.
    """
    require_may_run(uow, name)
    found = tables.how_they_stand(uow, name)
    if not found:
        raise unknown_crawler(name)
    its_tables, failures = tables.tables_of_crawler(uow, name), tables.failures_of_crawler(uow, name)
    return replace(_status(found[0]), tables=tuple(its_tables), failures=tuple(failures))


def crawled_files(
    uow: UnitOfWork, name: str, *, state: str | None = None, after: str = "", limit: int = 1000
) -> list[dict[str, Any]]:
    """Files of a crawler by key, each with its state, and the reason when it was set aside. Any: as JSON has it.

    Raises:
        AccessDenied: the actor may not run this crawler.
        UnknownCrawler: no such crawler.
    """
    require_may_run(uow, name)
    crawler_of(uow, name)
    rows = tables.files(uow, name, state, after, limit)
    return [dict(row) | {"changed_at": row["changed_at"].isoformat(timespec="milliseconds")} for row in rows]


def what_became_of(uow: UnitOfWork, bucket: str, key: str) -> list[FileOutcome]:
    """How each crawler that looks after an object has fared with its current version; for who may read the object.

    Raises:
        UnknownObject: there is none, or the actor may not read it.
    """
    version = objects.describe_object(uow, bucket, key).id
    found = []
    for row in tables.crawlers(uow):
        spec = CrawlerSpec.model_validate(row["spec"])
        if spec.bucket != bucket or spec.prefix_of(key) is None:
            continue
        file = tables.file_of_key(uow, row["name"], key)
        if file is None or file["version_id"] != version:
            found.append(FileOutcome(row["name"], FileState.PENDING))
        else:
            state, told = FileState(file["state"]), (file["reason"], tuple(file["warnings"]), tuple(file["tables"]))
            found.append(FileOutcome(row["name"], state, *told, rows=file["rows"]))
    return found


def replay_files(uow: UnitOfWork, name: str, key: str | None = None) -> int:
    """Let files that were set aside be tried again: one, or all. Returns: how many.

    Raises:
        AccessDenied: the actor may not run this crawler.
        UnknownCrawler: no such crawler.
        UnknownCrawledFile: the key names no file that was set aside.
    """
    require_may_run(uow, name)
    crawler_of(uow, name)
    rows = tables.replay(uow, name, key)
    if key is not None and not rows:
        raise UnknownCrawledFile(
            f"crawler {name} has no file {key} that was set aside", hint="see `pergamon crawl files`"
        )
    tables.drop_blocked_tables(uow, name)
    tables.wake(uow, name, {row["folder"] for row in rows})
    if rows:
        uow.record(FilesReplayed(subject=f"crawler:{name}", files=len(rows)))
    return len(rows)


def require_may_run(uow: UnitOfWork, name: str) -> None:
    """
    Raises:
        AccessDenied: the actor may not run this crawler.
    """
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.CRAWLER_RUN, Resource("crawler", name), actions=held))


def _status(row: Mapping[str, Any]) -> CrawlerStatus:  # Any: of a row
    spec = CrawlerSpec.model_validate(row["spec"])
    return CrawlerStatus(
        name=row["name"],
        bucket=spec.bucket,
        prefixes=spec.prefixes,
        database=spec.database,
        on_event=spec.on_event,
        schedule=spec.schedule,
        is_listing=row["is_listing"],
        files=row["files"],
        folders_at_work=row["folders_at_work"],
        last_listed_at=row["last_listed_at"],
    )
