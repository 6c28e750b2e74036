"""Run a job: each output table is one SELECT (or one data frame of a Python job) that replaces the table under a lease.

The clock is a parameter: `{{run_at}}` in a SELECT becomes a TIMESTAMP literal and nothing else; Python gets a Clock. A
table whose newest snapshot was written by this run already is not written again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pyarrow as pa

from pergamon import lake
from pergamon.kernel import Event, FixedClock, Invalid, PergamonError, new_id, sha256_hex
from pergamon.pipeline import tables
from pergamon.pipeline.apply import JOB_PURPOSE, WORKER_SILENCE, NotCommitted, TableBusy
from pergamon.pipeline.columns import Columns, Evolution, evolve, plain_type, spark_type
from pergamon.pipeline.configuration import JobSpec
from pergamon.pipeline.lineage_of import lineage_of_inputs, lineage_of_select
from pergamon.pipeline.merge_sql import quoted
from pergamon.pipeline.ports import Engine, Workplace
from pergamon.store import UnitOfWork

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class BadJob(Invalid):
    """A job's file cannot be run as it is."""

    code = "pipeline.bad_job"


class JobFailed(Invalid):
    """The engine refused a job's SELECT, or a Python job raised."""

    code = "pipeline.job_failed"


@dataclass(frozen=True)
class TableWritten(Event):
    code: ClassVar[str] = "pipeline.table_written"
    job: str
    run: str
    snapshot_id: int


@dataclass(frozen=True)
class _Output:
    """One table to be replaced by the rows of `query`. `digest` tells two versions of a job apart."""

    table: lake.TableId
    query: str
    digest: str
    inputs: tuple[str, ...] | None = None
    """What a Python job declares to read; a SELECT says it itself."""


def run_job(place: Workplace, name: str, spec: JobSpec, *, run_id: str, run_at: datetime) -> dict[str, int]:
    """Write every output table of a job.

    Returns: the number of rows of each output.
    Raises:
        BadJob: a placeholder that is not known, an output that is not a plain query, a type that the lake does not
        know.
        JobFailed: the engine or the Python file failed; why stands in the operator's log.
        Unavailable: a passing failure; running it again repeats nothing that is done.
    """
    counts: dict[str, int] = {}
    with place.engine() as engine:
        for output in _outputs(engine, spec, run_at):
            with place.one_at_a_time.on(str(output.table)):
                counts[str(output.table)] = _replace(place, engine, name, output, run_id)
    return counts


def render(text: str, run_at: datetime) -> str:
    """A job's SELECT with its clock.

    Raises:
        BadJob: a placeholder other than `{{run_at}}`.
    """
    literal = f"TIMESTAMP '{run_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    unknown = sorted({word for word in _PLACEHOLDER.findall(text) if word != "run_at"})
    if unknown:
        raise BadJob(f"unknown placeholders: {', '.join(unknown)}", hint="a job knows {{run_at}}")
    return _PLACEHOLDER.sub(literal, text).strip().rstrip(";").rstrip()


def _outputs(engine: Engine, spec: JobSpec, run_at: datetime) -> list[_Output]:
    if spec.kind == "sql":
        return [
            _Output(
                lake.TableId(spec.database, file.removesuffix(".sql")), render(text, run_at), sha256_hex(text.encode())
            )
            for file, text in sorted(spec.files.items())
        ]
    file, text = next(iter(spec.files.items()))
    views = engine.run(lambda spark: _run_python(spark, file, text, spec.inputs, run_at))
    digest = sha256_hex(text.encode())
    return [
        _Output(
            lake.TableId.parse(f"{spec.database}.{name}"),
            f"SELECT * FROM {quoted(view)}",  # noqa: S608 - quoted
            digest,
            spec.inputs,
        )
        for name, view in sorted(views.items())
    ]


def _run_python(spark: Any, file: str, text: str, inputs: tuple[str, ...], run_at: datetime) -> dict[str, str]:
    """Call a deployed file's `run`. Returns: for each output the name of a view of this session.

    Any: the Spark session has no types. A job is trusted code of whoever deploys; it runs as the worker does.
    """
    module: dict[str, Any] = {"__name__": f"pergamon_job_{file.removesuffix('.py')}"}
    exec(compile(text, file, "exec"), module)  # noqa: S102 - deployed by somebody who may deploy, recorded in the trail
    frames: Mapping[str, Any] = module["run"](spark, FixedClock(run_at), {name: spark.table(name) for name in inputs})
    views = {}
    for name, frame in frames.items():
        views[name] = new_id("output")
        frame.createOrReplaceTempView(views[name])
    return views


def _replace(place: Workplace, engine: Engine, job: str, output: _Output, run_id: str) -> int:
    with place.begin() as uow:
        _release(uow, place, output.table)
        done = _written_by(uow, output, run_id)
    rows = f"SELECT * FROM ({output.query}\n)"  # noqa: S608 - the deployed text; the newline ends a comment in its last line
    if not done:
        columns = _columns_of(engine, output, rows)
        _write(place, engine, job, output, run_id=run_id, rows=rows, columns=columns)
    counted = engine.sql_to_arrow(f"SELECT count(*) AS n FROM {quoted(output.table.database, output.table.name)}")  # noqa: S608
    return int(counted["n"][0].as_py())


def _written_by(uow: UnitOfWork, output: _Output, run_id: str) -> bool:
    """Has this run written this version of the output already? The newest snapshot says so."""
    try:
        history = lake.snapshot_history(uow, output.table)
    except lake.UnknownTable:
        return False
    newest = history[-1].summary if history else {}
    return newest.get("pergamon.run") == run_id and newest.get("pergamon.digest") == output.digest


def _columns_of(engine: Engine, output: _Output, rows: str) -> dict[str, pa.DataType]:
    try:
        schema = engine.sql_to_arrow(f"SELECT * FROM ({rows}) LIMIT 0").schema  # noqa: S608 - the deployed text
    except PergamonError as error:
        raise JobFailed(f"{output.table}: {error.message}", hint=error.hint) from None
    columns = {field.name: _lake_type(field.type) for field in schema}
    for name, kind in columns.items():
        try:
            spark_type(kind)
        except PergamonError:
            raise BadJob(f"{output.table}: column {name} is {kind}; give it a type with CAST") from None
    return columns


def _lake_type(kind: pa.DataType) -> pa.DataType:
    """Shorter integers become what Iceberg has; times are kept in microseconds, in UTC."""
    if pa.types.is_int8(kind) or pa.types.is_int16(kind):
        return pa.int32()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    return plain_type(kind)


def _write(
    place: Workplace, engine: Engine, job: str, output: _Output, *, run_id: str, rows: str, columns: Columns
) -> None:
    with place.begin() as uow:
        told = _lineage(uow, output, columns)
        facts = {"worker": place.worker, "job": job, "run": run_id, "digest": output.digest, "lineage": told}
        shape = _shape(uow, place, output.table, columns)
        lease = lake.open_lease(uow, output.table, JOB_PURPOSE, facts)
    values = ", ".join(f"CAST({quoted(name)} AS {spark_type(kind)}) AS {quoted(name)}" for name, kind in shape.items())
    failure: PergamonError | None = None
    try:
        target = quoted(lease.id, output.table.name)
        engine.execute_sql(f"INSERT OVERWRITE {target} SELECT {values} FROM ({rows})")  # noqa: S608 - names are quoted
    except PergamonError as error:
        failure = error
    with place.begin() as uow:
        outcome = lake.close_lease(uow, lease.id)
        if outcome.committed_snapshot_id is not None:
            snapshot = outcome.committed_snapshot_id
            uow.record(TableWritten(subject=output.table.subject, job=job, run=run_id, snapshot_id=snapshot))
    if outcome.committed:
        return
    raise failure or NotCommitted(f"{output.table}: the engine ended without a commit")


def _lineage(uow: UnitOfWork, output: _Output, columns: Columns) -> dict[str, Any]:
    if output.inputs is not None:
        return lineage_of_inputs(output.inputs)
    return lineage_of_select(uow, output.query, list(columns))


def _shape(uow: UnitOfWork, place: Workplace, table: lake.TableId, columns: Columns) -> dict[str, pa.DataType]:
    """Create the table, or bring it to the query's columns. Returns: its columns in their order."""
    try:
        metadata = lake.load_table(uow, table)
    except lake.UnknownTable:
        lake.create_table(uow, place.lake_root, table, pa.schema(list(columns.items())))
        return dict(columns)
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    schema = schema_to_pyarrow(metadata.schema(), include_field_ids=False)
    current = {name: plain_type(schema.field(name).type) for name in schema.names}
    change: Evolution = evolve(current, [columns], "S", replaces=True, target=str(table))
    ids = {column.name: column.field_id for column in metadata.schema().fields}
    lake.evolve_table(
        uow,
        table,
        add=[pa.field(name, change.columns[name]) for name in (*change.replaced, *change.added)],
        widen={ids[name]: change.columns[name] for name in change.widened},
        drop=[ids[name] for name in (*change.dropped, *change.replaced)],
    )
    return change.columns


def _release(uow: UnitOfWork, place: Workplace, table: lake.TableId) -> None:
    living = tables.living_workers(uow, WORKER_SILENCE) - {place.worker}
    for lease in lake.unclosed_leases(uow):
        if lease.table == table:
            if lease.facts.get("worker") in living:
                raise TableBusy(f"{table} is being written by worker {lease.facts['worker']}", hint="it will go on")
            lake.close_lease(uow, lease.id)
