"""Make the next profile that somebody asked for: claim (commit), measure (no transaction), store (commit).

Files are read by a process that is confined and thrown away; a worker that is killed leaves a claim that runs out, and
one that has lost its claim stores nothing. Three attempts that were cut off are a failed profile, not a fourth attempt.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyiceberg.table.metadata import TableMetadata

from pergamon import catalog, lake
from pergamon.kernel import Conflict, PergamonError, new_id
from pergamon.lake import TableId
from pergamon.quality import tables
from pergamon.quality.events import ProfileFailed, TableProfiled
from pergamon.quality.judge import NamedRule, judge
from pergamon.quality.measure import Asking, Measurement, measure
from pergamon.quality.model import EngineFailed, Outcome, Profile, RuleResult, State, TableColumn
from pergamon.quality.ports import MeasuredTable, ProfilePlace
from pergamon.quality.rules import other_table
from pergamon.quality.score import coarse, dimension_scores, whole_score
from pergamon.quality.tables import Claim
from pergamon.store import UnitOfWork

MOST_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=30)
OWN_RULES = "own"
"""What stands before the names of rules that people set."""


class ClaimLost(Conflict):
    """Another worker measures the table by now."""

    code = "quality.claim_lost"


@dataclass(frozen=True)
class _Work:
    """What one profile is made of, as it stood when it was claimed."""

    claim: Claim
    record: lake.TableRecord
    rules: tuple[NamedRule, ...]
    others: dict[str, lake.TableRecord]
    reused: Profile | None


def profile_step(place: ProfilePlace) -> bool:
    """Make one profile. Returns: was there something to do?

    Raises:
        Unavailable: PostgreSQL is away; nothing is lost.
    """
    lease = timedelta(seconds=place.limits.timeout_s + 60)
    with place.begin() as uow:
        claim = tables.claim_request(uow, place.worker, lease)
        if claim is None:
            return False
        work = _work(uow, claim)
        if work is None:
            return True
        if claim.attempts > MOST_ATTEMPTS:
            _store_failure(uow, work, f"measuring was cut off {MOST_ATTEMPTS} times", "quality.cut_off", 0)
            return True
    _carry_out(place, work, lease)
    return True


def release(place: ProfilePlace) -> None:
    """When a worker starts: what an earlier process of its name had is free at once."""
    with place.begin() as uow:
        tables.release_claims(uow, place.worker)


def rules_of(uow: UnitOfWork, table: TableId) -> tuple[NamedRule, ...]:
    """Every rule that holds for a table: those of the configuration, then those that people set."""
    configured = [
        NamedRule(f"{name}/{rule.name}", rule)
        for name, spec in tables.all_rules(uow).items()
        if spec.takes(table)
        for rule in spec.rules
    ]
    own, _ = tables.own_rules(uow, table)
    return (*configured, *(NamedRule(f"{OWN_RULES}/{rule.name}", rule) for rule in own.rules))


def _work(uow: UnitOfWork, claim: Claim) -> _Work | None:
    """None: the table is gone, and with it the request."""
    try:
        record = lake.read_table(uow, claim.table)
    except lake.UnknownTable:
        tables.finish_request(uow, claim)
        return None
    rules = rules_of(uow, claim.table)
    others = {}
    for named in rules:
        other = other_table(named.rule)
        if other is not None:
            try:
                others[str(other)] = lake.read_table(uow, other)
            except lake.UnknownTable:
                continue
    last = tables.newest_profile(uow, claim.table, state=State.DONE)
    is_same = last is not None and last.snapshot_id == record.snapshot_id
    return _Work(claim, record, rules, others, last if is_same and not claim.measure_again else None)


def _carry_out(place: ProfilePlace, work: _Work, lease: timedelta) -> None:
    started = place.clock_s()

    def still_ours() -> None:
        with place.begin() as uow:
            if not tables.renew_claim(uow, work.claim, lease):
                raise ClaimLost("another worker measures the table by now")

    try:
        profile = _made(place, work, Asking(place.engine, place.limits, still_ours, place.clock_s))
    except ClaimLost:
        return
    except PergamonError as error:
        _not_made(place, work, error, _milliseconds(place, started))
        return
    with place.begin() as uow:
        _store(uow, work, profile, _milliseconds(place, started))


def _made(place: ProfilePlace, work: _Work, asking: Asking) -> Profile:
    metadata = lake.read_metadata(work.record.metadata_location)
    table = measured_table(work.record, metadata)
    committed_at = _committed_at(metadata)
    found = _reused(work.reused) if work.reused is not None else measure(asking, table)
    others = {
        name: measured_table(record, lake.read_metadata(record.metadata_location))
        for name, record in work.others.items()
    }
    with place.begin() as uow:
        now = uow.now
    results = judge(asking, table, others, work.rules, now=now, committed_at=committed_at)
    return _profile(work, found, results, committed_at, now)


def measured_table(record: lake.TableRecord, metadata: TableMetadata) -> MeasuredTable:
    """The newest snapshot of a table with all its files.

    Raises:
        EngineFailed: its manifests cannot be read.
    """
    try:
        files = lake.files_of(record, metadata)
    except (OSError, ValueError) as error:
        raise EngineFailed(f"the files of {record.id} cannot be listed ({type(error).__name__})") from None
    deleted = sum(file.rows for file in files.position_deletes)
    return MeasuredTable(
        id=record.id,
        snapshot_id=files.snapshot_id,
        metadata=files.metadata,
        files=files.paths,
        columns=tuple(
            TableColumn(column.name, lake.type_text(column.field_type)) for column in metadata.schema().columns
        ),
        about_rows=max(0, sum(file.rows for file in files.data) - deleted),
    )


def _reused(profile: Profile) -> Measurement:
    return Measurement(profile.rows or 0, profile.sampled_rows, profile.columns, profile.left_out)


def _committed_at(metadata: TableMetadata) -> datetime | None:
    snapshot = metadata.current_snapshot()
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC) if snapshot else None


def _profile(
    work: _Work, found: Measurement, results: list[RuleResult], committed_at: datetime | None, now: datetime
) -> Profile:
    dimensions = dimension_scores(results)
    return Profile(
        id=new_id("profile"),
        table=work.claim.table,
        snapshot_id=work.record.snapshot_id,
        state=State.DONE,
        at=now,
        committed_at=committed_at,
        rows=found.rows,
        sampled_rows=found.sampled_rows,
        columns=found.columns,
        left_out=found.left_out,
        results=tuple(results),
        score=whole_score(dimensions, rows=found.rows),
        dimensions=dimensions,
        duration_ms=0,
    )


def _store(uow: UnitOfWork, work: _Work, profile: Profile, duration_ms: int) -> None:
    """The profile, the assets' score and the end of the request, in one unit of work."""
    if not tables.finish_request(uow, work.claim):
        return
    kept = Profile(**{**profile.__dict__, "duration_ms": duration_ms, "at": uow.now})
    tables.save_profile(uow, kept)
    told = None if kept.score is None else coarse(kept.score, rows=kept.rows)
    catalog.quality_noted(uow, kept.table, told)
    failing = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
    uow.record(
        TableProfiled(
            subject=kept.table.subject,
            profile=kept.id,
            snapshot_id=kept.snapshot_id,
            rows=kept.rows,
            columns=len(kept.columns),
            sampled=kept.sampled_rows is not None,
            rules=len(kept.results),
            rules_failed=sum(result.outcome in failing for result in kept.results),
            score_percent=None if kept.score is None else round(kept.score * 100),
            duration_ms=duration_ms,
        )
    )


def _not_made(place: ProfilePlace, work: _Work, error: PergamonError, duration_ms: int) -> None:
    """Try again what may go better; what does not is a failed profile."""
    with place.begin() as uow:
        if isinstance(error, EngineFailed | lake.MetadataMissing) and work.claim.attempts < MOST_ATTEMPTS:
            tables.postpone_request(uow, work.claim, uow.now + RETRY_AFTER)
        else:
            _store_failure(uow, work, str(error), error.code, duration_ms)


def _store_failure(uow: UnitOfWork, work: _Work, reason: str, code: str, duration_ms: int) -> None:
    """A failed profile says nothing of the table; what the one before said of it is not the newest any more."""
    if not tables.finish_request(uow, work.claim):
        return
    profile = Profile(
        id=new_id("profile"),
        table=work.claim.table,
        snapshot_id=work.record.snapshot_id,
        state=State.FAILED,
        at=uow.now,
        committed_at=None,
        rows=None,
        sampled_rows=None,
        columns=(),
        left_out=0,
        results=(),
        score=None,
        dimensions={},
        duration_ms=duration_ms,
        reason=reason,
    )
    tables.save_profile(uow, profile)
    catalog.quality_noted(uow, profile.table, None)
    uow.record(
        ProfileFailed(subject=profile.table.subject, profile=profile.id, snapshot_id=profile.snapshot_id, reason=code)
    )


def _milliseconds(place: ProfilePlace, started: float) -> int:
    return round((place.clock_s() - started) * 1000)
