"""Is the trail what it was? Recomputes every link and holds the chain against the signed heads."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pergamon.audit.events import TrailRead, TrailVerified
from pergamon.audit.head import Head, HeadFile
from pergamon.audit.model import GENESIS, TrailEntry
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Fault:
    """What is wrong and where: `seq` is the place in the chain (from 1), None when it is about the signed heads."""

    what: str
    seq: int | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of a verification. `unsealed` events are committed, not chained or signed yet (a second's worth)."""

    length: int
    sealed_length: int
    unsealed: int
    faults: tuple[Fault, ...]

    @property
    def intact(self) -> bool:
        return not self.faults

    def as_json(self, public_key: str) -> dict[str, Any]:  # Any: JSON
        """The verdict, with the verifying key (hexadecimal) for an auditor to keep elsewhere."""
        return {
            "intact": self.intact,
            "length": self.length,
            "sealed_length": self.sealed_length,
            "unsealed": self.unsealed,
            "faults": [vars(fault) for fault in self.faults],
            "public_key": public_key,
        }


def verify_trail(uow: UnitOfWork, head_file: HeadFile) -> Verdict:
    """Verify the whole chain and say where it breaks. Cost: linear in the number of events.

    Finds a changed byte in an event, a changed, missing or exchanged link, a rewritten chain and a cut tail.
    """
    heads, head_fault = head_file.heads()
    faults = [Fault(head_fault)] if head_fault else []
    hashes, length = {0: GENESIS}, 0
    for seq, recomputed, fault in _recomputed_links(uow):
        length = seq
        if fault is not None:
            faults.append(fault)
            break
        hashes[seq] = recomputed
    faults += _faults_against_heads(heads, hashes, length, broken=bool(faults))
    unlinked = uow.row(
        "SELECT count(*) AS n FROM audit_event e WHERE NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.event_id = e.id)"
    )
    sealed = heads[-1].length if heads else 0
    if length and not heads and not head_fault:
        faults.append(Fault("the chain has entries but no signed head exists"))
    unsealed = (unlinked["n"] if unlinked else 0) + max(0, length - sealed)
    verdict = Verdict(length=length, sealed_length=sealed, unsealed=unsealed, faults=tuple(faults))
    uow.record(TrailVerified(subject="trail:main", length=length, intact=verdict.intact))
    return verdict


def _recomputed_links(uow: UnitOfWork) -> Iterator[tuple[int, str, Fault | None]]:
    """Walk the chain in order: (place, recomputed hash, what is wrong here)."""
    previous, expected_seq = GENESIS, 1
    with uow.connection.cursor(name="verify_trail") as cursor:
        cursor.execute(
            "SELECT l.seq, l.hash, l.event_id, e.id, e.at, e.actor, e.operator, e.code, e.subject, e.facts "
            "FROM audit_link l LEFT JOIN audit_event e ON e.id = l.event_id ORDER BY l.seq"
        )
        for row in cursor:
            fault = _fault_of(row, expected_seq)
            if fault is not None:
                yield expected_seq, previous, fault
                return
            entry = TrailEntry(**{name: row[name] for name in TrailEntry.__dataclass_fields__})
            previous = entry.hash_after(previous)
            if previous != row["hash"]:
                what = "the entry, or one before it, is not what it was when it was chained"
                yield row["seq"], previous, Fault(what, row["seq"], row["event_id"])
                return
            yield row["seq"], previous, None
            expected_seq += 1


def _fault_of(row: dict[str, Any], expected_seq: int) -> Fault | None:
    if row["seq"] != expected_seq:
        return Fault(f"link {expected_seq} is missing", expected_seq)
    if row["id"] is None:
        return Fault("the event of this link is missing", row["seq"], row["event_id"])
    return None


def _faults_against_heads(heads: list[Head], hashes: dict[int, str], length: int, *, broken: bool) -> list[Fault]:
    faults: list[Fault] = []
    for head in heads:
        if head.length > length and not broken:
            return [*faults, Fault(f"the tail is cut: {head.length} entries were signed, {length} stand", length + 1)]
        if head.length in hashes and hashes[head.length] != head.hash:
            return [*faults, Fault("the chain up to here was rewritten: it ends otherwise than signed", head.length)]
    return faults


def read_trail(
    uow: UnitOfWork,
    *,
    subject: str | None = None,
    code: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[TrailEntry]:
    """The newest entries, newest first; by subject, code, actor and time where given. Reading is itself recorded.

    until: not that moment itself. before: (time, id) of the last entry of the page before.
    """
    at, event_id = before or (None, None)
    rows = uow.rows(
        "SELECT id, at, actor, operator, code, subject, facts FROM audit_event "
        "WHERE (%(subject)s::text IS NULL OR subject = %(subject)s) AND (%(code)s::text IS NULL OR code = %(code)s) "
        "AND (%(actor)s::text IS NULL OR actor = %(actor)s) "
        "AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) "
        "AND (%(until)s::timestamptz IS NULL OR at < %(until)s) "
        "AND (%(at)s::timestamptz IS NULL OR (at, id) < (%(at)s, %(id)s)) "
        "ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {
            "subject": subject,
            "code": code,
            "actor": actor,
            "since": since,
            "until": until,
            "at": at,
            "id": event_id,
            "limit": limit,
        },
    )
    uow.record(TrailRead(subject="trail:main", entries=len(rows)))
    return [TrailEntry(**row) for row in rows]
