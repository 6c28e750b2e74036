"""The sequencer: gives committed events their place in the chain and signs the head outside PostgreSQL.

An event is chained only when every transaction that began before it has ended, so that nothing can later appear
in front of what is sealed: `xid < pg_snapshot_xmin(...)`, then by transaction and identifier.
"""

from typing import LiteralString

from pergamon.audit.head import Head, HeadFile
from pergamon.audit.model import ENTRY, GENESIS, TrailEntry
from pergamon.kernel import Conflict
from pergamon.store import UnitOfWork


class ChainBroken(Conflict):
    """The trail is not what it was when its newest head was signed."""

    code = "audit.chain_broken"


SEQUENCER_LOCK = 7_021_102
_NEXT: LiteralString = (
    "SELECT {entry} FROM audit_event e JOIN audit_pending p ON p.event_id = e.id "
    "WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY e.xid, e.id LIMIT %s"
)


def chain_new_events(uow: UnitOfWork, *, limit: int = 5_000) -> Head | None:
    """Chain up to `limit` committed events that stand in no link yet.

    Returns: the new head, or None when there was nothing to chain or another sequencer is at work.
    The caller signs it with `HeadFile.sign` after the commit.
    """
    lock = uow.row("SELECT pg_try_advisory_xact_lock(%s) AS got", (SEQUENCER_LOCK,))
    if lock is None or not lock["got"]:
        return None
    last = uow.row("SELECT seq, hash FROM audit_link ORDER BY seq DESC LIMIT 1") or {"seq": 0, "hash": GENESIS}
    rows = uow.rows(
        _NEXT.format(entry=ENTRY),
        (limit,),
    )
    seq, head_hash = last["seq"], last["hash"]
    for row in rows:
        seq, head_hash = seq + 1, TrailEntry(**row).hash_after(head_hash)
        uow.execute("INSERT INTO audit_link (seq, event_id, hash) VALUES (%s, %s, %s)", (seq, row["id"], head_hash))
    uow.execute("DELETE FROM audit_pending WHERE event_id = ANY (%s)", ([row["id"] for row in rows],))
    return Head(length=seq, hash=head_hash) if rows else None


def current_head(uow: UnitOfWork) -> Head:
    """The newest link of the chain as PostgreSQL holds it."""
    last = uow.row("SELECT seq, hash FROM audit_link ORDER BY seq DESC LIMIT 1")
    return Head(length=last["seq"], hash=last["hash"]) if last else Head(length=0, hash=GENESIS)


def seal(uow: UnitOfWork, head_file: HeadFile) -> Head:
    """Sign the current head if the file does not hold it yet. Reads only; safe after any crash.

    Raises:
        ChainBroken: the newest signed head is no longer in the chain; a broken chain gets no fresh signature.
        SigningKeyMissing, SignedHeadDamaged: nothing can be signed as things are.
    """
    head, signed = current_head(uow), head_file.newest()
    if signed is None or signed.length == 0:
        stands = True
    else:
        row = uow.row("SELECT hash FROM audit_link WHERE seq = %s", (signed.length,))
        stands = row is not None and row["hash"] == signed.hash
    if not stands:
        raise ChainBroken("the trail no longer holds its newest signed head", hint="run `pergamon audit verify`")
    if signed is None or head.length > signed.length:
        head_file.sign(head, uow.now)
    return head
