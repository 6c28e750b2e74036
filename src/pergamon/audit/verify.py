"""Is the trail what it was? Recomputes every link and holds the chain against the signed heads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from pergamon.audit.events import TrailVerified
from pergamon.audit.head import Head, HeadFile
from pergamon.audit.model import ENTRY, GENESIS, TrailEntry
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


_CHAIN: LiteralString = (
    "SELECT l.seq, l.hash, l.event_id, {entry} FROM audit_link l LEFT JOIN audit_event e ON e.id = l.event_id "
    "ORDER BY l.seq"
)


def _recomputed_links(uow: UnitOfWork) -> Iterator[tuple[int, str, Fault | None]]:
    """Walk the chain in order: (place, recomputed hash, what is wrong here)."""
    previous, expected_seq = GENESIS, 1
    with uow.connection.cursor(name="verify_trail") as cursor:
        cursor.execute(_CHAIN.format(entry=ENTRY))
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
