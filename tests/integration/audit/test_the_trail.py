"""No act without its record, and no change to a record that goes unnoticed."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest

from pergamon import audit
from pergamon.audit import SignedHeadDamaged
from pergamon.audit.named import KINDS
from pergamon.audit.read import search_of
from pergamon.kernel import AccessDenied, Actor, ActorKind, Decision, Event, event_class, event_codes, require
from pergamon.runtime import Runtime


@dataclass(frozen=True)
class SomethingHappened(Event):
    """Test event."""

    code: ClassVar[str] = "test.something_happened"
    speaks_of: ClassVar[Mapping[str, str]] = {"others": "other", "owner": "person"}
    number: int
    others: tuple[str, ...] = ()
    owner: str | None = None


def _act(rt: Runtime, operator: Actor, *numbers: int) -> None:
    for number in numbers:
        with rt.begin(operator) as uow:
            uow.record(SomethingHappened(subject=f"thing:{number}", number=number))


def _verify(rt: Runtime, operator: Actor) -> audit.Verdict:
    with rt.begin(operator) as uow:
        return audit.verify_trail(uow, rt.head_file)


def _tamper(rt: Runtime, sql: str) -> None:
    """Change rows as somebody with the database's password could: triggers off, straight at the tables."""
    with psycopg.connect(rt.store.conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(sql).rowcount > 0


@pytest.fixture
def sealed(rt: Runtime, operator: Actor) -> Runtime:
    _act(rt, operator, 1, 2, 3)
    rt.seal_trail()
    _act(rt, operator, 4)
    with rt.begin(operator) as uow:
        uow.record(SomethingHappened(subject="thing:5", number=5, others=("b", "a", "a"), owner="ada"))
    rt.seal_trail()
    return rt


def test_an_untouched_trail_is_intact(sealed: Runtime, operator: Actor) -> None:
    verdict = _verify(sealed, operator)
    assert verdict.intact
    assert verdict.length == verdict.sealed_length == 5


def test_an_event_that_is_not_chained_yet_is_named_as_unsealed(sealed: Runtime, operator: Actor) -> None:
    _act(sealed, operator, 6)
    assert _verify(sealed, operator).unsealed == 1


def test_nothing_happens_when_the_record_cannot_be_written(rt: Runtime, operator: Actor) -> None:
    class Unwritable(SomethingHappened):
        code: ClassVar[str] = "test.unwritable"

    def act() -> None:
        with rt.begin(operator) as uow:
            uow.enqueue("mail", "k", {})
            uow.record(Unwritable(subject="thing:1", number=1.5))  # type: ignore[arg-type]  # a float has no text

    with pytest.raises(TypeError):
        act()
    with rt.begin(operator) as uow:
        assert uow.rows("SELECT 1 AS one FROM outbox") == []


def test_a_denial_is_recorded_although_the_work_is_rolled_back(rt: Runtime, operator: Actor) -> None:
    def act() -> None:
        with rt.begin(operator) as uow:
            uow.enqueue("mail", "k", {})
            require(Decision(False, "table.read", "table:raw_db.patients", "nothing gives this right", ()))

    with pytest.raises(AccessDenied):
        act()
    with rt.begin(operator) as uow:
        assert uow.rows("SELECT 1 AS one FROM outbox") == []
        [entry] = audit.read_trail(uow, code="audit.act_denied")
    assert entry.subject == "table:raw_db.patients"
    assert entry.actor == operator.id


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("UPDATE audit_event SET facts = replace(facts, '2', '7') WHERE subject = 'thing:2'", 2, "not what it was"),
        ("UPDATE audit_event SET actor = 'operator:somebody' WHERE subject = 'thing:4'", 4, "not what it was"),
        ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE subject = 'thing:1'", 1, "not what it was"),
        ("DELETE FROM audit_event WHERE subject = 'thing:3'", 3, "missing"),
        ("DELETE FROM audit_about WHERE about = 'person:ada'", 5, "not what it was"),
        ("UPDATE audit_about SET about = 'person:eve' WHERE about = 'person:ada'", 5, "not what it was"),
        ("DELETE FROM audit_link WHERE seq = 2", 2, "missing"),
        ("DELETE FROM audit_link WHERE seq > 3", 4, "tail is cut"),
        ("DELETE FROM audit_link", 1, "tail is cut"),
    ],
)
def test_every_change_is_found_and_placed(sealed: Runtime, operator: Actor, sql: str, place: int, words: str) -> None:
    _tamper(sealed, sql)
    verdict = _verify(sealed, operator)
    assert not verdict.intact
    assert verdict.faults[0].seq == place
    assert words in verdict.faults[0].what


def test_an_event_is_found_by_everything_that_it_speaks_of(sealed: Runtime, operator: Actor) -> None:
    """And page by page, each once, also where it is about one and speaks of the other."""
    for number, others in ((6, ("a",)), (7, ())):
        with sealed.begin(operator) as uow:
            uow.record(SomethingHappened(subject="other:a", number=number, others=others))

    def numbers(subject: str, **asked: Any) -> list[int]:  # Any: arguments of a verb
        with sealed.begin(operator) as uow:
            found = audit.read_trail(uow, subject=subject, **asked)
        return [entry.as_json()["facts"]["number"] for entry in found]

    assert numbers("other:a") == [7, 6, 5]
    assert numbers("other:b") == numbers("person:ada") == numbers("thing:5") == [5]
    assert numbers("person:None") == numbers("other:") == []
    assert numbers("other:a", actor="person:ada") == numbers("other:a", code="test.other") == []
    assert numbers("other:a", actor=operator.id, code="test.something_happened", limit=2) == [7, 6]
    with sealed.begin(operator) as uow:
        (newest,) = audit.read_trail(uow, subject="other:a", limit=1)
    assert numbers("other:a", before=(newest.at, newest.id)) == [6, 5]
    assert numbers("other:a", until=newest.at) == [6, 5]
    assert numbers("other:a", since=newest.at) == [7]


def test_a_bare_name_is_that_of_each_kind_and_finds_each_event_once(sealed: Runtime, operator: Actor) -> None:
    with sealed.begin(operator) as uow:
        uow.record(SomethingHappened(subject="table:ada", number=8))
        uow.record(SomethingHappened(subject="bucket:ada", number=9, owner="ada"))
    with sealed.begin(operator) as uow:
        found = audit.read_trail(uow, subject="ada")
        assert [entry.as_json()["facts"]["number"] for entry in found] == [9, 8, 5]
        newest = audit.read_trail(uow, subject="ada", limit=2)
        assert [entry.id for entry in newest] == [entry.id for entry in found[:2]]
        rest = audit.read_trail(uow, subject="ada", before=(newest[-1].at, newest[-1].id))
        assert [entry.id for entry in rest] == [found[2].id]
        assert audit.read_trail(uow, subject="table:table:ada") == []


def test_what_an_operator_did_as_somebody_is_found_under_both(sealed: Runtime, operator: Actor) -> None:
    as_ada = Actor("person:ada", ActorKind.PERSON, operator="operator:olaf")
    for number, actor in ((11, as_ada), (12, Actor("operator:olaf", ActorKind.OPERATOR)), (13, operator)):
        with sealed.begin(actor) as uow:
            uow.record(SomethingHappened(subject="thing:9", number=number))
    with sealed.begin(operator) as uow:

        def numbers(**asked: Any) -> list[int]:  # Any: arguments of a verb
            return [entry.as_json()["facts"]["number"] for entry in audit.read_trail(uow, **asked)]

        assert numbers(actor="operator:olaf") == numbers(actor="operator:olaf", subject="thing:9") == [12, 11]
        assert numbers(actor="operator:olaf", limit=1) == [12]
        assert numbers(actor="ada") == numbers(actor="person:ada") == [11]
        assert numbers(actor="operator:olaf", code="audit.trail_read") == []


def test_every_kind_of_thing_that_a_subject_may_be_is_looked_for() -> None:
    """Where events are made, and where the policy is asked, whose refusals are events."""
    rooms = Path(audit.__file__).parents[1]
    written = r'(?:subject=f?|Resource\(\s*|resource_for_path\(|return f(?="[a-z_]+:\{self\.))"([a-z_-]+)(?::|")'
    found = {kind for path in rooms.rglob("*.py") for kind in re.findall(written, path.read_text(encoding="utf-8"))}
    told = {kind for code in event_codes() for kind in event_class(code).speaks_of.values()}
    assert {"table", "object", "request", "crawler"} <= found
    assert (found | told) - set(KINDS) - {"other", "thing"} == set()


def test_each_search_of_a_long_trail_is_an_index_scan(rt: Runtime, operator: Actor) -> None:
    """Nothing is sorted or passed over: what is wanted is read in the order of time, whichever plan is kept."""
    with rt.begin(operator) as uow:
        uow.execute(
            "INSERT INTO audit_event (id, at, actor, code, subject, facts) SELECT 'evt_' || n, "
            "now() - n * interval '1 s', 'person:p' || n %% 100, 'c' || n %% 50, "
            "CASE WHEN n %% 2 = 1 THEN 'table:t' ELSE 's' || n END, '{}' "
            "FROM generate_series(1, 20000) n"
        )
        uow.execute(
            "INSERT INTO audit_about (event_id, about, at) SELECT 'evt_' || n, 'table:t', now() - n * interval '1 s' "
            "FROM generate_series(1, 20000) n WHERE n %% 2 = 0"
        )
    with rt.begin(operator) as uow:
        uow.execute("ANALYZE audit_event")
        uow.execute("ANALYZE audit_about")
        asked = {"table": "table:t", "job": "job:t", "code": "c1", "actor": "person:p1", "since": uow.now, "limit": 50}
        asked["operator"] = "operator:o"
        searches: list[tuple[set[str], list[str]]]
        searches = [({"operator"}, []), ({"actor"}, []), ({"code"}, []), ({"since"}, []), (set(), [])]
        searches += [(set(), ["table"]), (set(), ["table", "job"])]
        for given, kinds in searches:
            sql = search_of(given, kinds)
            plan = "\n".join(row["QUERY PLAN"] for row in uow.rows(f"EXPLAIN (COSTS OFF) {sql}", asked))
            assert "Seq Scan" not in plan, plan
            assert "Bitmap" not in plan, plan
            assert plan.count("->  Sort") <= max(1, len(kinds)), "of as many as are shown, where searches become one"


def test_a_chain_rewritten_with_right_hashes_does_not_agree_with_the_signed_heads(
    sealed: Runtime, operator: Actor
) -> None:
    _tamper(sealed, "UPDATE audit_event SET facts = replace(facts, '2', '7') WHERE subject = 'thing:2'")
    with psycopg.connect(sealed.store.conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        previous = audit.model.GENESIS
        rows = connection.execute(
            f"SELECT l.seq, {audit.model.ENTRY} FROM audit_link l JOIN audit_event e ON e.id = l.event_id "
            "ORDER BY l.seq"
        ).fetchall()
        for seq, *fields in rows:
            previous = audit.TrailEntry(*fields).hash_after(previous)
            connection.execute("UPDATE audit_link SET hash = %s WHERE seq = %s", (previous, seq))
    verdict = _verify(sealed, operator)
    assert "rewritten" in verdict.faults[0].what
    assert verdict.faults[0].seq == 3, "the first signed head that disagrees stands at entry 3"


def test_a_forged_or_missing_signed_head_is_found(sealed: Runtime, operator: Actor) -> None:
    path: Path = sealed.settings.audit / "heads.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:]))
    assert "missing" in _verify(sealed, operator).faults[0].what
    path.write_text(lines[0].replace('"length": 3', '"length": 2') + lines[1])
    assert "signature" in _verify(sealed, operator).faults[0].what


def test_the_tables_refuse_a_change_by_the_platform_itself(sealed: Runtime) -> None:
    for sql in ("UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_link", "TRUNCATE audit_event CASCADE"):
        with psycopg.connect(sealed.store.conninfo) as connection, pytest.raises(psycopg.errors.RaiseException):
            connection.execute(sql)


def test_an_event_of_a_transaction_still_open_is_never_overtaken(rt: Runtime, operator: Actor) -> None:
    """The sequencer waits for older transactions, so that nothing appears later in front of what is sealed."""
    with rt.begin(operator) as slow:
        slow.execute("SELECT pg_current_xact_id()")
        _act(rt, operator, 1)
        assert rt.seal_trail().length == 0
        slow.record(SomethingHappened(subject="thing:0", number=0))
    assert rt.seal_trail().length == 2
    assert _verify(rt, operator).intact


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(sealed: Runtime, operator: Actor) -> None:
    path: Path = sealed.settings.audit / "heads.jsonl"
    with path.open("a") as file:
        file.write('{"length": 9, "ha')
    assert _verify(sealed, operator).intact
    _act(sealed, operator, 6)
    sealed.seal_trail()
    assert _verify(sealed, operator).intact


def test_the_newest_head_is_found_and_followed_without_reading_those_before(sealed: Runtime, operator: Actor) -> None:
    path: Path = sealed.settings.audit / "heads.jsonl"
    kept = path.read_bytes()
    newest = sealed.head_file.newest()
    path.write_bytes(b"\xff" * 100_000 + b"\n" + kept)
    assert sealed.head_file.newest() == newest
    _act(sealed, operator, 9)
    assert sealed.seal_trail().length == 1 + (newest.length if newest else 0)
    assert "signature" in _verify(sealed, operator).faults[0].what, "bytes that are no text are a fault like others"
    path.write_bytes(path.read_bytes()[100_001:])
    assert _verify(sealed, operator).intact


@pytest.mark.parametrize("last", ["no JSON", "[]", '{"length": 1}', '{"length": "one", "hash": ""}'])
def test_a_newest_head_that_cannot_be_read_is_a_verdict_and_nothing_is_written_behind_it(
    sealed: Runtime, operator: Actor, last: str
) -> None:
    path: Path = sealed.settings.audit / "heads.jsonl"
    path.write_text(path.read_text() + last + "\n")
    damaged = path.read_bytes()
    _act(sealed, operator, 9)
    with pytest.raises(SignedHeadDamaged):
        sealed.seal_trail()
    assert "signature" in _verify(sealed, operator).faults[0].what
    (trail,) = (component for component in sealed.health(operator) if component.kind == "trail")
    assert (trail.state, path.read_bytes()) == ("bad", damaged)


def test_two_sealers_at_once_leave_one_chain_of_heads(sealed: Runtime, operator: Actor) -> None:
    for number in range(10, 20):
        _act(sealed, operator, number)
        threads = [threading.Thread(target=sealed.seal_trail) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sealed.seal_trail()
    verdict = _verify(sealed, operator)
    assert verdict.intact
    assert verdict.sealed_length == 15


def test_a_broken_chain_gets_no_fresh_signature(sealed: Runtime, operator: Actor) -> None:
    _tamper(sealed, "DELETE FROM audit_link WHERE seq > 3")
    _act(sealed, operator, 6)
    with pytest.raises(audit.ChainBroken):
        sealed.seal_trail()


def test_a_lost_signing_key_is_a_fault_and_is_not_replaced(sealed: Runtime, operator: Actor) -> None:
    (sealed.settings.audit / "signing.key").unlink()
    assert "key" in _verify(sealed, operator).faults[0].what
    _act(sealed, operator, 6)
    with pytest.raises(audit.SigningKeyMissing):
        sealed.seal_trail()
    assert not (sealed.settings.audit / "signing.key").exists()
