"""What the pipeline is configured with, and the verbs that deploy it: raw tables, trackers, batches, jobs,
workflows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from pergamon.kernel import Event, Invalid, NotFound
from pergamon.pipeline import tables
from pergamon.store import UnitOfWork


class NotConfigured(NotFound):
    """No such raw table, tracker, batch, job or workflow is deployed."""

    code = "pipeline.not_configured"
    usual_hint = "`pergamon ls` lists what the configuration has"


class BadKeys(Invalid):
    """The configured keys cannot identify a row of what the source sends."""

    code = "pipeline.bad_keys"


@dataclass(frozen=True)
class ConfigurationPut(Event):
    code: ClassVar[str] = "pipeline.configuration_put"


@dataclass(frozen=True)
class ConfigurationDropped(Event):
    code: ClassVar[str] = "pipeline.configuration_dropped"


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError("a name is up to 63 lower-case letters, digits and _, a letter first")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RawTableSpec(_Spec):
    """How one source table becomes one raw table.

    keys: columns as they stand in the landing files. Versioning `S` keeps the current state and needs keys;
    `H` keeps every change (docs/explanation/versioning-s-and-h.md).
    """

    source_schema: str
    source_table: str
    target_database: Name
    target_table: Name
    keys: tuple[str, ...] = ()
    versioning: Literal["S", "H"] = "S"
    refresh_cadence: str = "daily"

    @field_validator("keys")
    @classmethod
    def _each_key_once(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if len({key.casefold() for key in keys}) != len(keys):
            raise ValueError("a key column is named twice")
        return keys

    @model_validator(mode="after")
    def _a_state_needs_a_key(self) -> Self:
        if self.versioning == "S" and not self.keys:
            raise ValueError(
                "versioning S keeps one row per key, and this table has no keys: "
                "name its keys, or use versioning H, which keeps every change"
            )
        return self

    @property
    def target(self) -> str:
        return f"{self.target_database}.{self.target_table}"


class TrackerSpec(_Spec):
    """Where landed files are looked for: the manifests below `prefix` of `bucket`."""

    bucket: str = "staging"
    prefix: str = "landing"
    description: str = ""


class BatchSpec(_Spec):
    """Which raw tables are brought up to date together, and in what portions."""

    refresh_cadence: str = "daily"
    concurrency: int = Field(default=2, ge=1, le=64)
    """Tables at the same time."""
    max_files: int = Field(default=64, ge=1)
    max_rows: int = Field(default=500_000, ge=1)
    """One commit takes about so many changes: it bounds the worker's memory. A transaction is never divided."""


class JobSpec(_Spec):
    """A transformation. The files' text is part of the configuration, so that what runs is what was deployed.

    files: file name to text. `sql`: one SELECT per file, named after its output table. `python`: one file that defines
    `run(spark, clock, inputs)` and returns a data frame per output table.
    inputs: tables that a python job reads, as `database.table`.
    """

    kind: Literal["sql", "python"] = "sql"
    database: Name
    files: dict[str, str]
    inputs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _files_fit_the_kind(self) -> Self:
        suffix = ".sql" if self.kind == "sql" else ".py"
        if not self.files or any(not name.endswith(suffix) for name in self.files):
            raise ValueError(f"a {self.kind} job has files that end in {suffix}")
        if self.kind == "python" and len(self.files) != 1:
            raise ValueError("a python job is one file")
        if self.kind == "sql":
            if self.inputs:
                raise ValueError("a sql job names its inputs in its SELECTs: leave `inputs` out")
            for name in self.files:
                _plain_name(name.removesuffix(".sql"))
        return self


class StepSpec(_Spec):
    """One step: the tables of a batch, a job, or branches that run side by side (each a list of steps)."""

    batch: str | None = None
    job: str | None = None
    parallel: tuple[tuple["StepSpec", ...], ...] = ()

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum((self.batch is not None, self.job is not None, bool(self.parallel))) != 1:
            raise ValueError("a step is exactly one of batch, job, parallel")
        return self


class WorkflowSpec(_Spec):
    """Steps in order, and what starts them: a cron schedule (UTC), the success of other workflows, or only a person.

    With both, a tick waits until each of the others has succeeded since this workflow's last run and none is running:
    by the clock, and never before what it follows.
    """

    steps: tuple[StepSpec, ...] = Field(min_length=1)
    schedule: str | None = None
    after: tuple[str, ...] = ()
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts of a part that failed for a passing reason, with a wait that doubles."""
    description: str = ""

    @field_validator("schedule")
    @classmethod
    def _schedule_is_cron(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            from croniter import croniter  # type: ignore[import-untyped]

            if len(schedule.split()) != 5 or not croniter.is_valid(schedule):
                raise ValueError("a schedule is five cron fields, as `0 3 * * *`")
        return schedule


_SpecT = TypeVar("_SpecT", bound=_Spec)


def put_raw_table(uow: UnitOfWork, name: str, spec: RawTableSpec, tags: Mapping[str, str]) -> None:
    """Deploy a raw table's configuration. Data already merged stays."""
    _put(uow, "raw_table", name, spec, tags)


def put_tracker(uow: UnitOfWork, name: str, spec: TrackerSpec, tags: Mapping[str, str]) -> None:
    _put(uow, "tracker", name, spec, tags)


def put_batch(uow: UnitOfWork, name: str, spec: BatchSpec, tags: Mapping[str, str]) -> None:
    _put(uow, "batch", name, spec, tags)


def put_job(uow: UnitOfWork, name: str, spec: JobSpec, tags: Mapping[str, str]) -> None:
    _put(uow, "job", name, spec, tags)


def put_workflow(uow: UnitOfWork, name: str, spec: WorkflowSpec, tags: Mapping[str, str]) -> None:
    _put(uow, "workflow", name, spec, tags)


def read_raw_tables(uow: UnitOfWork) -> dict[str, RawTableSpec]:
    return _read(uow, "raw_table", RawTableSpec)


def read_trackers(uow: UnitOfWork) -> dict[str, TrackerSpec]:
    return _read(uow, "tracker", TrackerSpec)


def read_batches(uow: UnitOfWork) -> dict[str, BatchSpec]:
    return _read(uow, "batch", BatchSpec)


def read_jobs(uow: UnitOfWork) -> dict[str, JobSpec]:
    return _read(uow, "job", JobSpec)


def read_workflows(uow: UnitOfWork) -> dict[str, WorkflowSpec]:
    return _read(uow, "workflow", WorkflowSpec)


def drop_raw_table(uow: UnitOfWork, name: str) -> None:
    """Stop merging into it; the table and its data stay."""
    _drop(uow, "raw_table", name)


def drop_tracker(uow: UnitOfWork, name: str) -> None:
    _drop(uow, "tracker", name)


def drop_batch(uow: UnitOfWork, name: str) -> None:
    _drop(uow, "batch", name)


def drop_job(uow: UnitOfWork, name: str) -> None:
    _drop(uow, "job", name)


def drop_workflow(uow: UnitOfWork, name: str) -> None:
    _drop(uow, "workflow", name)


def check_keys(spec: RawTableSpec, identity: tuple[str, ...]) -> None:
    """A DELETE carries the replica identity and nothing else, so the keys must lie inside it.

    Raises:
        BadKeys: naming the columns that lie outside.
    """
    inside = {column.casefold() for column in identity}
    outside = [key for key in spec.keys if key.casefold() not in inside]
    if outside:
        raise BadKeys(
            f"{spec.target}: key {', '.join(outside)} is not in the replica identity of "
            f"{spec.source_schema}.{spec.source_table} ({', '.join(identity) or 'none'})",
            hint="use the identity's columns as keys, or set REPLICA IDENTITY at the source",
        )


def _put(uow: UnitOfWork, kind: str, name: str, spec: _Spec, tags: Mapping[str, str]) -> None:
    tables.save_config(uow, kind, name, spec.model_dump(mode="json"), dict(tags))
    uow.record(ConfigurationPut(subject=f"{kind}:{name}"))


def _read(uow: UnitOfWork, kind: str, spec: type[_SpecT]) -> dict[str, _SpecT]:
    return {row["name"]: spec.model_validate(row["spec"]) for row in tables.configs(uow, kind)}


def _drop(uow: UnitOfWork, kind: str, name: str) -> None:
    if not tables.delete_config(uow, kind, name):
        raise NotConfigured(f"there is no {kind} {name}")
    uow.record(ConfigurationDropped(subject=f"{kind}:{name}"))
