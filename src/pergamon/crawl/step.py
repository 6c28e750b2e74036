"""What is done next? One step at a time, each one transaction or idempotent, so that it may be cut off anywhere.

follow -> claim a folder -> look into its new files -> plan its tables -> bring rows in, table by table -> let go.
Everything is read anew from the states before each step; a successor after a crash goes on from there. What a file is
told to be wrong about never stops another one.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pergamon import lake
from pergamon.crawl import tables
from pergamon.crawl.commit import bring_in
from pergamon.crawl.configuration import crawler_of
from pergamon.crawl.model import (
    Claim,
    CrawlerSpec,
    Did,
    FileQuarantined,
    FileState,
    TableBlocked,
    UnknownCrawler,
)
from pergamon.crawl.planning import Plan, PlannedTable, built_anew, plan_folder, with_partition
from pergamon.crawl.ports import Place
from pergamon.crawl.tables import CrawlTable, Waiting
from pergamon.formats import Failed, Inspected, ReadRequest, without_values
from pergamon.kernel import PergamonError
from pergamon.store import UnitOfWork

LONGEST_WAIT_S = 600


class ClaimLost(PergamonError):
    """Another worker has taken the folder over; it does what is left."""

    code = "crawl.claim_lost"


def crawl_step(place: Place) -> Did | None:
    """Do the next piece of work of one folder. None: there is nothing to do now.

    A failure is told in the folder's state and tried again later, after 1, 2, 4, … seconds.
    """
    with place.begin() as uow:
        claim = tables.take_folder(uow, place.worker, place.limits)
    if claim is None:
        return None
    try:
        return _advance(place, claim)
    except ClaimLost:
        return Did("lost")
    except PergamonError as error:
        return _put_off(place, claim, error.message)
    except OSError as error:  # a full disk, or files of a lease that somebody has closed meanwhile
        return _put_off(place, claim, f"the lake's disk: {error.strerror or type(error).__name__}")
    except Exception as bug:  # it is told by whoever called us; this folder waits, others go on
        _put_off(place, claim, f"internal error ({type(bug).__name__}); the operator finds it in the log")
        raise


def _put_off(place: Place, claim: Claim, failure: str) -> Did:
    with place.begin() as uow:
        wait = min(2 ** tables.failures_of(uow, claim), LONGEST_WAIT_S)
        tables.put_off(uow, claim, failure, timedelta(seconds=wait))
    return Did("failed", folder=claim.folder)


def beat(place: Place) -> None:
    """Say that this worker lives, so that nobody takes its folders over. Every few seconds."""
    with place.begin() as uow:
        tables.beat(uow, place.worker)


def _advance(place: Place, claim: Claim) -> Did:
    with place.begin() as uow:
        try:
            spec = crawler_of(uow, claim.crawler)
        except UnknownCrawler:
            tables.let_go(uow, claim)
            return Did("let go", folder=claim.folder)
        waiting = tables.waiting(uow, claim, place.limits.inspect_files)
    if waiting:
        return _inspect(place, claim, spec, waiting)
    with place.begin() as uow:
        _require(uow, claim)
        if tables.is_rebuild_asked(uow, claim):
            _plan_anew(uow, claim, spec)
            return Did("planned", folder=claim.folder)
        if _plan(uow, claim, spec):
            return Did("planned", folder=claim.folder)
        planned = tables.tables_of_folder(uow, claim.crawler, claim.folder)
    for table in planned:
        did = bring_in(place, claim, table, lambda uow: _require(uow, claim))
        if did is not None:
            return did
    return _let_go(place, claim)


def _let_go(place: Place, claim: Claim) -> Did:
    with place.begin() as uow:
        _require(uow, claim)
        left = tables.waiting(uow, claim, 1) or tables.is_rebuild_asked(uow, claim)
        if not left and not tables.has_outdated_rows(uow, claim):
            tables.release(uow, claim)
    return Did("let go", folder=claim.folder)


def _require(uow: UnitOfWork, claim: Claim) -> None:
    """
    Raises:
        ClaimLost: somebody else has the folder now.
    """
    if not tables.hold(uow, claim):
        raise ClaimLost(f"the folder {claim.folder} of crawler {claim.crawler} is in other hands")


def _inspect(place: Place, claim: Claim, spec: CrawlerSpec, waiting: list[Waiting]) -> Did:
    """Look into files where they can do no harm, then remember what was found, or why they cannot be read.

    What files made to take long have left no time for waits for the folder's next turn: others come before.
    """
    asked = [ReadRequest(file.path, file.key, spec.hints) for file in waiting]
    answers = place.reader.inspect(asked)
    waiting = waiting[: len(answers)]
    with place.begin() as uow:
        _require(uow, claim)
        found = [(file, said) for file, said in zip(waiting, answers, strict=True) if isinstance(said, Inspected)]
        _remember(uow, found, anew=tables.is_rebuild_asked(uow, claim))
        for file, said in zip(waiting, answers, strict=True):
            if isinstance(said, Failed):
                _quarantine(uow, claim, spec.bucket, file, said.error)
    return Did("inspected", files=len(waiting), folder=claim.folder)


def _remember(uow: UnitOfWork, found: list[tuple[Waiting, Inspected]], *, anew: bool) -> None:
    schemas, rows = dict[str, pa.Schema](), list[dict[str, Any]]()
    for file, said in found:
        for number, part in enumerate(said.parts):
            shape = with_partition(part.schema, file.partition)
            digests = (tables.digest_of(part.schema), tables.digest_of(shape))
            schemas.update(zip(digests, (part.schema, shape), strict=True))
            rows.append(
                {
                    "file_id": file.id,
                    "version_id": file.version_id,
                    "number": number,
                    "part": tables.part_json(part),
                    "part_name": part.name if len(said.parts) > 1 else None,
                    "file_schema": digests[0],
                    "shape": digests[1],
                    "in_place": part.in_place,
                    "row_count": part.rows,
                }
            )
    tables.save_schemas(uow, schemas)
    tables.save_parts(uow, rows, anew=anew)
    if anew:
        parts = {file.id: len(said.parts) for file, said in found}
        tables.forget_parts_beyond(uow, parts, {file.id: file.version_id for file, _ in found})
    warnings = {file.id: [text for part in said.parts for text in part.warnings] for file, said in found}
    tables.mark_inspected(uow, warnings, {file.id: file.version_id for file, _ in found})


def _quarantine(uow: UnitOfWork, claim: Claim, bucket: str, file: Waiting, error: PergamonError) -> None:
    """Set a version aside with the reason; the rows of the version before it stay."""
    if tables.set_aside(uow, file.id, file.version_id, FileState.QUARANTINED, str(error)):
        uow.record(
            FileQuarantined(
                subject=f"object:{bucket}/{file.key}",
                crawler=claim.crawler,
                version=file.version_id,
                reason=error.message,
            )
        )


def _plan(uow: UnitOfWork, claim: Claim, spec: CrawlerSpec) -> bool:
    """Give every part that has none its table. False: each has one."""
    shapes = tables.shapes(uow, claim)
    if not shapes:
        return False
    existing = tables.tables_of_folder(uow, claim.crawler, claim.folder)
    kept = tables.kept_shapes(uow, claim)
    known = [as_planned(table, is_empty=table.id not in kept) for table in existing]
    _carry_out(uow, claim, spec, plan_folder(claim.base, shapes, known, one_table=spec.one_table), existing)
    return True


def as_planned(table: CrawlTable, *, is_empty: bool) -> PlannedTable:
    """A table as new files find it. One that keeps no rows takes the types that they bring."""
    columns = without_values(table.columns) if is_empty else table.columns
    return PlannedTable(table.id, table.part_name, table.name, columns, table.divided_by)


def _plan_anew(uow: UnitOfWork, claim: Claim, spec: CrawlerSpec) -> None:
    """Plan a folder from what its files hold now, and nothing else; its tables keep their names."""
    existing = tables.tables_of_folder(uow, claim.crawler, claim.folder)
    tables.free_parts(uow, claim)
    kept = tables.kept_shapes(uow, claim)  # of versions that cannot be read any more: their rows stay
    known = [as_planned(table, is_empty=True) for table in existing]
    shapes = tables.shapes(uow, claim)
    plan = built_anew(plan_folder(claim.base, shapes, known, one_table=spec.one_table), shapes, kept)
    _carry_out(uow, claim, spec, plan, existing)
    tables.rebuild_is_planned(uow, claim)


def _carry_out(uow: UnitOfWork, claim: Claim, spec: CrawlerSpec, plan: Plan, existing: Sequence[CrawlTable]) -> None:
    by_id = {table.id: table for table in existing}
    for place, planned in enumerate(plan.tables):
        mine = [key for key, wanted in plan.of_shape.items() if wanted == place]
        if not mine:
            continue
        before = by_id.get(planned.id or "")
        if before is None and tables.count_tables(uow, claim.crawler) >= spec.most_tables:
            _refuse_table(uow, claim, spec, planned, mine)
            continue
        reason = _taken(uow, spec.database, planned.name, before)
        state = "ready" if reason is None else "blocked"
        table_id = tables.save_table(uow, claim, spec.database, planned, state=state, reason=reason)
        for digest, part_name in mine:
            tables.assign(uow, claim, digest, part_name, table_id)
        if reason is not None:
            block(uow, claim, table_id, f"{spec.database}.{planned.name}", reason)
    for (digest, part_name), reason in plan.misfits.items():
        for key, version_id in tables.set_aside_shape(
            uow, claim, digest, part_name, state=FileState.QUARANTINED, reason=reason
        ):
            uow.record(
                FileQuarantined(
                    subject=f"object:{spec.bucket}/{key}", crawler=claim.crawler, version=version_id, reason=reason
                )
            )


def _refuse_table(
    uow: UnitOfWork, claim: Claim, spec: CrawlerSpec, planned: PlannedTable, shapes: Sequence[tuple[str, str | None]]
) -> None:
    """One table more than the crawler may have: its files wait, in plain sight; nothing is kept of the table."""
    reason = f"crawler {claim.crawler} has {spec.most_tables:,} tables, as many as it may (mostTables)"
    for digest, part_name in shapes:
        tables.set_aside_shape(uow, claim, digest, part_name, state=FileState.BLOCKED, reason=reason)
    subject = f"table:{spec.database}.{planned.name}"
    uow.record(TableBlocked(subject=subject, crawler=claim.crawler, folder=claim.folder, reason=reason))


def block(uow: UnitOfWork, claim: Claim, table_id: str, name: str, reason: str) -> None:
    """The name of a table is somebody else's: its files wait, in plain sight."""
    tables.block(uow, table_id, reason)
    uow.record(TableBlocked(subject=f"table:{name}", crawler=claim.crawler, folder=claim.folder, reason=reason))


def _taken(uow: UnitOfWork, database: str, name: str, table: CrawlTable | None) -> str | None:
    """Why a table cannot have its name, or None."""
    if table is not None and table.table_key is not None:
        return None
    owner = tables.owner_of(uow, database, name)
    if owner is not None and (table is None or owner["id"] != table.id):
        return f"{database}.{name} is made from {owner['folder'] or 'the bucket'} by crawler {owner['crawler']}"
    try:
        lake.read_table(uow, lake.TableId(database, name))
    except lake.UnknownTable:
        return None
    return f"{database}.{name} is a table that this crawler did not make"
