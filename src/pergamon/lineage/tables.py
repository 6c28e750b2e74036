"""The SQL of lineage."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from pergamon.lineage.model import PLATFORM, ColumnEdge, Dataset, Edge, LineageRun
from pergamon.lineage.openlineage import Json, as_names
from pergamon.store import FeedPosition, UnitOfWork, asked_once, read_feed

EdgeKey = tuple[int, str, int, str]
"""(input, its field, output, its field), datasets by their ids."""
MOST_EVENTS_OF_A_RUN = 1_000


def dataset_ids(uow: UnitOfWork, datasets: Iterable[Dataset]) -> dict[Dataset, int]:
    """The ids of datasets; those that are new are remembered."""
    wanted = sorted(set(datasets))
    names = ([dataset.namespace for dataset in wanted], [dataset.name for dataset in wanted])
    uow.execute(
        "INSERT INTO lineage_dataset (namespace, name) SELECT * FROM unnest(%s::text[], %s::text[]) "
        "ON CONFLICT DO NOTHING",
        names,
    )
    rows = uow.rows(
        "SELECT id, namespace, name FROM lineage_dataset "
        "WHERE (namespace, name) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        names,
    )
    return {Dataset(row["namespace"], row["name"]): row["id"] for row in rows}


@asked_once
def find_dataset(uow: UnitOfWork, dataset: Dataset) -> int | None:
    row = uow.row(
        "SELECT id FROM lineage_dataset WHERE namespace = %s AND name = %s", (dataset.namespace, dataset.name)
    )
    return row["id"] if row else None


def save_edges(uow: UnitOfWork, run: LineageRun, told_by: str, edges: Sequence[EdgeKey]) -> None:
    """Remember edges as current; what the job told of the same outputs in earlier runs and not now has ended."""
    columns = [list(column) for column in zip(*edges, strict=True)] if edges else [[], [], [], []]
    uow.execute(
        "INSERT INTO lineage_edge AS e (input_id, input_field, output_id, output_field, job, kind, told_by, run_id, "
        "first_at, last_at) SELECT i, f, o, g, %s, %s, %s, %s, %s, %s "
        "FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[]) AS t (i, f, o, g) "
        "ON CONFLICT (output_id, output_field, input_id, input_field, job, told_by) DO UPDATE "
        "SET kind = excluded.kind, run_id = excluded.run_id, last_at = excluded.last_at, ended_at = NULL",
        (run.job, run.kind, told_by, run.run_id, uow.now, uow.now, *columns),
    )
    outputs = sorted({edge[2] for edge in edges})
    uow.execute(
        "UPDATE lineage_edge SET ended_at = %s WHERE job = %s AND told_by = %s AND output_id = ANY (%s) "
        "AND run_id <> %s AND ended_at IS NULL",
        (uow.now, run.job, told_by, outputs, run.run_id),
    )


def is_told_anew(uow: UnitOfWork, job: str, outputs: str, told: str, *, since: datetime | None) -> bool:
    """Keep what the platform's job tells of its outputs now; False when it told the same after `since`, and without
    `since` when it ever told anything of them."""
    known = uow.row(
        "SELECT told, at FROM lineage_told WHERE job = %s AND told_by = %s AND outputs = %s", (job, PLATFORM, outputs)
    )
    if known is not None and (since is None or (known["told"] == told and known["at"] > since)):
        return False
    uow.execute(
        "INSERT INTO lineage_told (job, told_by, outputs, told, at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (job, told_by, outputs) DO UPDATE SET told = excluded.told, at = excluded.at",
        (job, PLATFORM, outputs, told, uow.now),
    )
    return True


def save_run(
    uow: UnitOfWork,
    run: LineageRun,
    told_by: str,
    *,
    inputs: Sequence[Dataset],
    outputs: Sequence[Dataset],
    columns: Sequence[ColumnEdge],
) -> None:
    document = as_names(set(inputs), set(outputs), set(columns))
    uow.execute(
        "INSERT INTO lineage_run (run_id, job, kind, told_by, at, edges) VALUES (%s, %s, %s, %s, %s, %s)",
        (run.run_id, run.job, run.kind, told_by, uow.now, Jsonb(document)),
    )


def hold_run(uow: UnitOfWork, told_by: str, run_id: str) -> None:
    """Events of one run take turns: each sees those before it."""
    uow.rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 64))", (f"lineage {told_by} {run_id}",))


def save_event(
    uow: UnitOfWork, told_by: str, run_id: str, event_type: str, digest: str, *, job: str, names: Json
) -> bool:
    """Keep an event's names; False when it was taken before."""
    kept = uow.execute(
        "INSERT INTO lineage_event (told_by, run_id, event_type, digest, job, at, edges) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (told_by, run_id, event_type, digest, job, uow.now, Jsonb(names)),
    )
    return kept > 0


def events_of_run(uow: UnitOfWork, told_by: str, run_id: str, job: str) -> list[dict[str, Any]]:
    """The newest events of a run of a job, as far as they are remembered."""
    return uow.rows(
        "SELECT event_type, edges FROM lineage_event WHERE told_by = %s AND run_id = %s AND job = %s "
        "ORDER BY at DESC LIMIT %s",
        (told_by, run_id, job, MOST_EVENTS_OF_A_RUN),
    )


def bytes_of_run(uow: UnitOfWork, told_by: str, run_id: str, job: str) -> int:
    """How much the events of a run hold, as far as they are remembered."""
    row = uow.row(
        "SELECT coalesce(sum(octet_length(edges::text)), 0)::bigint AS bytes FROM lineage_event "
        "WHERE told_by = %s AND run_id = %s AND job = %s",
        (told_by, run_id, job),
    )
    return row["bytes"] if row else 0


def forget_events(uow: UnitOfWork, before: datetime) -> None:
    """A few at a time, with each event that comes."""
    uow.execute(
        "WITH old AS (SELECT told_by, run_id, event_type, digest FROM lineage_event WHERE at < %s ORDER BY at "
        "LIMIT 100 FOR UPDATE SKIP LOCKED) DELETE FROM lineage_event AS kept USING old "
        "WHERE (kept.told_by, kept.run_id, kept.event_type, kept.digest) "
        "= (old.told_by, old.run_id, old.event_type, old.digest)",
        (before,),
    )


def neighbours(uow: UnitOfWork, datasets: Sequence[Dataset], limit: int) -> list[tuple[Dataset, Dataset]]:
    """Pairs of one of the datasets and what a current edge joins it with.

    The platform's first, then of each teller as many: nobody's claims push out what others told.
    """
    names = ([dataset.namespace for dataset in datasets], [dataset.name for dataset in datasets])
    rows = uow.rows(
        "WITH asked AS (SELECT d.id, d.namespace, d.name FROM lineage_dataset d "
        "JOIN unnest(%s::text[], %s::text[]) AS n (namespace, name) USING (namespace, name)), "
        "pairs AS (SELECT a.id, e.output_id AS other, e.told_by FROM asked a JOIN lineage_edge e ON e.input_id = a.id "
        "WHERE e.ended_at IS NULL UNION SELECT a.id, e.input_id, e.told_by FROM asked a JOIN lineage_edge e "
        "ON e.output_id = a.id WHERE e.ended_at IS NULL), "
        "ranked AS (SELECT id, other, told_by <> %s AS is_claim, "
        "row_number() OVER (PARTITION BY id, told_by ORDER BY other) AS place FROM pairs), "
        "first AS (SELECT id, other FROM ranked ORDER BY is_claim, place, id LIMIT %s) "
        "SELECT DISTINCT a.namespace, a.name, o.namespace AS other_namespace, o.name AS other_name FROM first "
        "JOIN asked a ON a.id = first.id JOIN lineage_dataset o ON o.id = first.other",
        (*names, PLATFORM, limit),
    )
    return [(Dataset(r["namespace"], r["name"]), Dataset(r["other_namespace"], r["other_name"])) for r in rows]


def runs_after(uow: UnitOfWork, after: FeedPosition, limit: int) -> list[dict[str, Any]]:
    return read_feed(uow, "lineage_run", after, limit)


def spelled_field(uow: UnitOfWork, dataset: int, field: str) -> str:
    """A column as it was told, when only its case is another: engines do not tell case apart."""
    rows = uow.rows(
        "SELECT output_field AS field FROM lineage_edge WHERE output_id = %s AND lower(output_field) = lower(%s) "
        "UNION SELECT input_field FROM lineage_edge WHERE input_id = %s AND lower(input_field) = lower(%s)",
        (dataset, field, dataset, field),
    )
    found = {row["field"] for row in rows}
    return field if field in found or len(found) != 1 else found.pop()


def edges_at(
    uow: UnitOfWork, nodes: Sequence[tuple[int, str]], *, upstream: bool, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Current edges that end (upstream) or begin (downstream) at nodes: (dataset id, field); a field `""` is any.

    A column of which a job told nothing comes from the datasets as wholes; and what came from a whole dataset, or from
    who knows which column of it, hangs on every column. When there are more than `limit`: the platform's first, then of
    each teller as many, so that nobody's claims push out what others told.
    Returns: the edges in order, and whether there are more.
    """
    ids, fields = [node[0] for node in nodes], [node[1] for node in nodes]
    rows = uow.rows(UPSTREAM if upstream else DOWNSTREAM, (ids, fields, PLATFORM, limit + 1))
    near, far = ("output", "input") if upstream else ("input", "output")
    order = (f"{near}_id", f"{near}_field", f"{far}_id", f"{far}_field", "job")
    return sorted(rows[:limit], key=lambda row: tuple(row[name] for name in order)), len(rows) > limit


_EDGES_AT = """
    WITH met AS (
        SELECT DISTINCT e.input_id, e.input_field, e.output_id, e.output_field, e.job, e.kind, e.told_by, e.last_at,
            e.ended_at
        FROM lineage_edge e JOIN unnest(%s::bigint[], %s::text[]) AS n (id, field) ON {met}
        WHERE e.ended_at IS NULL
    ), ranked AS (
        SELECT *, told_by <> %s AS is_claim,
            row_number() OVER (PARTITION BY told_by ORDER BY {order}, job) AS place FROM met
    ), first AS (
        SELECT * FROM ranked ORDER BY is_claim, place LIMIT %s
    )
    SELECT e.*, i.namespace AS input_namespace, i.name AS input_name, o.namespace AS output_namespace,
        o.name AS output_name
    FROM first e JOIN lineage_dataset i ON i.id = e.input_id JOIN lineage_dataset o ON o.id = e.output_id
    ORDER BY e.is_claim, e.place
"""
UPSTREAM = _EDGES_AT.format(
    met="e.output_id = n.id AND (n.field IN ('', e.output_field) OR e.output_field = '' AND NOT EXISTS ("
    "SELECT 1 FROM lineage_edge c WHERE c.output_id = e.output_id AND c.job = e.job AND c.told_by = e.told_by "
    "AND c.output_field = n.field AND c.ended_at IS NULL))",
    order="output_id, output_field, input_id, input_field",
)
DOWNSTREAM = _EDGES_AT.format(
    met="e.input_id = n.id AND (n.field IN ('', e.input_field) OR e.input_field = '' AND (e.output_field <> '' "
    "OR NOT EXISTS (SELECT 1 FROM lineage_edge c WHERE c.output_id = e.output_id AND c.job = e.job "
    "AND c.told_by = e.told_by AND c.output_field <> '' AND c.ended_at IS NULL)))",
    order="input_id, input_field, output_id, output_field",
)


def as_edge(row: dict[str, Any]) -> Edge:
    return Edge(
        input=Dataset(row["input_namespace"], row["input_name"]),
        input_field=row["input_field"],
        output=Dataset(row["output_namespace"], row["output_name"]),
        output_field=row["output_field"],
        job=row["job"],
        kind=row["kind"],
        told_by=row["told_by"],
        last_at=row["last_at"],
        is_current=row["ended_at"] is None,
    )
