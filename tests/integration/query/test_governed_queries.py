"""A query from the decision to the record, on real Iceberg tables, in the real sandbox."""

import json
import stat
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import lake, query
from pergamon.kernel import Actor, NotFound, PergamonError
from pergamon.query import QueryLimits, QueryResult, WorkgroupSpec
from tests.reference.governed_lake import OPERATOR, GovernedLake, Person, append


def run(world: GovernedLake, person: Person, sql: str, workgroup: str = "default") -> QueryResult:
    return world.rt.run_query(person.actor, sql, workgroup=workgroup)


def trail(world: GovernedLake) -> list[tuple[str, str, dict[str, object]]]:
    """(code, subject, facts) of every event, oldest first."""
    with world.rt.begin(OPERATOR) as uow:
        rows = uow.rows("SELECT code, subject, facts FROM audit_event ORDER BY at, id")
    return [(row["code"], row["subject"], json.loads(row["facts"])) for row in rows]


def test_a_user_reads_what_the_access_rules_give(world: GovernedLake) -> None:
    result = run(world, world.user, "SELECT count(*) AS n, min(pulse) AS low FROM curated_db.vitals")
    assert result.table.to_pylist() == [{"n": 2500, "low": 60}]
    assert not result.truncated


def test_an_admin_joins_across_databases(world: GovernedLake) -> None:
    sql = """
        WITH known AS (SELECT * FROM raw_db.patients WHERE name IS NOT NULL)
        SELECT k.name, v.pulse, s.diagnosis FROM known k JOIN curated_db.vitals v ON v.patient = k.id
        LEFT JOIN closed_db.secret s USING (id) ORDER BY k.id
    """
    assert run(world, world.admin, sql).table.to_pylist() == [
        {"name": "Änne", "pulse": 61, "diagnosis": "only for admins"},
        {"name": "Bo", "pulse": 62, "diagnosis": None},
    ]


def test_a_table_that_was_never_written_has_columns_and_no_rows(world: GovernedLake) -> None:
    result = run(world, world.admin, "SELECT * FROM raw_db.empty")
    assert result.table.num_rows == 0
    assert result.columns == ["id", "name", "born"]


def test_a_new_snapshot_is_seen_and_deleted_rows_are_not(world: GovernedLake) -> None:
    append(world.rt, "raw_db.patients", pa.table({"id": [4], "name": ["Di"], "born": ["1999-12-31"]}))
    assert run(world, world.admin, "SELECT count(*) AS n FROM raw_db.patients").table.to_pylist() == [{"n": 4}]


NOT_TO_BE_SEEN = [
    "SELECT * FROM raw_db.patients",
    "SELECT * FROM raw_db.no_such_table",
    "SELECT * FROM no_such_db.patients",
    "SELECT 1 FROM curated_db.vitals UNION ALL SELECT id FROM closed_db.secret",
    "SELECT * FROM curated_db.vitals v, LATERAL (SELECT * FROM closed_db.secret s WHERE s.id = v.patient)",
    "WITH secret AS (SELECT 1) SELECT * FROM closed_db.secret",
    'SELECT * FROM "closed_db"."SECRET"',
    "SELECT * FROM information_schema.tables",
]  # fmt: skip


def test_what_may_not_be_seen_and_what_is_not_there_are_answered_alike(world: GovernedLake) -> None:
    for sql in NOT_TO_BE_SEEN:
        with pytest.raises(NotFound) as refused:
            run(world, world.user, sql)
        assert refused.value.code == "query.no_such_table", sql
        assert refused.value.message.startswith("no such table: ")
        assert refused.value.hint == "`pergamon tables` lists what you may read"
        code, _subject, facts = trail(world)[-1]
        assert (code, facts["action"]) == ("audit.act_denied", "table.read")
    assert not [event for event in trail(world) if event[0] == "query.started"], "nothing ran"


def test_what_somebody_typed_for_a_table_stands_in_the_trail_only_if_it_is_a_name(world: GovernedLake) -> None:
    for typed, recorded in (
        ("'Änne, HIV positive'", "table:(not a name)"),
        ("raw_db.patients", "table:raw_db.patients"),
    ):
        with pytest.raises(NotFound):
            run(world, world.user, f"SELECT * FROM {typed}")
        assert trail(world)[-1][1] == recorded


def test_a_workgroup_is_not_there_for_who_does_not_belong_to_it(world: GovernedLake) -> None:
    for workgroup in ("default", "no-such-workgroup"):
        with pytest.raises(NotFound) as refused:
            run(world, world.stranger, "SELECT * FROM '/etc/passwd'", workgroup)
        assert refused.value.message == f"no such workgroup: {workgroup}", "decided before the text was looked at"
        assert trail(world)[-1][:2] == ("audit.act_denied", f"workgroup:{workgroup}")


def test_the_operator_reads_no_data_but_may_act_as_an_impersonable_person(world: GovernedLake) -> None:
    with pytest.raises(NotFound):
        world.rt.run_query(OPERATOR, "SELECT 1")
    acting = world.rt.operator_as("person:bea")
    assert world.rt.run_query(acting, "SELECT count(*) AS n FROM raw_db.patients").table.to_pylist() == [{"n": 3}]
    with world.rt.begin(OPERATOR) as uow:
        row = uow.row("SELECT actor, operator FROM audit_event WHERE code = 'query.ran'")
    assert row is not None
    assert row["actor"] == "person:bea"
    assert str(row["operator"]).startswith("operator:")
    with pytest.raises(PergamonError) as refused:
        world.rt.operator_as("person:ada")
    assert refused.value.code == "identity.impersonation_refused"


def test_the_trail_holds_intent_and_outcome_and_never_the_text(world: GovernedLake) -> None:
    result = run(world, world.admin, "SELECT name FROM raw_db.patients WHERE name = 'Änne'")
    events = [event for event in trail(world) if event[0].startswith("query.") and event[1] == f"query:{result.id}"]
    assert [event[0] for event in events] == ["query.started", "query.ran"]
    with world.rt.begin(OPERATOR) as uow:
        snapshot = lake.table_files(uow, lake.TableId("raw_db", "patients")).snapshot_id
    ran = events[1][2]
    assert ran["snapshots"] == {"raw_db.patients": snapshot}
    assert ran["rows"] == 1
    assert "Änne" not in json.dumps(trail(world), ensure_ascii=False)


def test_the_history_shows_texts_to_who_ran_them_and_to_auditors_on_the_record(world: GovernedLake) -> None:
    result = run(world, world.user, "SELECT 'my text'")
    with world.rt.begin(world.user.actor) as uow:
        assert [entry.sql for entry in query.own_queries(uow)] == ["SELECT 'my text'"]
        assert query.query_text(uow, result.id).sql == "SELECT 'my text'"
    with world.rt.begin(world.admin.actor) as uow:
        (entry,) = query.workgroup_queries(uow, "default")
    assert (entry.id, entry.actor, entry.status, entry.rows, entry.sql) == (result.id, "person:ada", "done", 1, None)
    with pytest.raises(NotFound), world.rt.begin(world.admin.actor) as uow:
        query.query_text(uow, result.id)
    with pytest.raises(NotFound), world.rt.begin(world.user.actor) as uow:
        query.workgroup_queries(uow, "default")
    with world.rt.begin(OPERATOR) as uow:
        assert query.query_text(uow, result.id).sql == "SELECT 'my text'"
    assert trail(world)[-1] == ("query.text_read", f"query:{result.id}", {"person": "person:ada"})


BAD_RUNS = [
    ("SELECT name::INTEGER FROM raw_db.patients", "query.type_error"),
    ("SELECT nam FROM raw_db.patients", "query.invalid"),
    ("SELECT repeat('a', 3000000) FROM range(3)", "query.result_too_large"),
]
"""Every code that an engine gives: tests/contract/query."""


def test_an_engine_error_is_a_code_and_words_of_our_own(world: GovernedLake) -> None:
    for sql, code in BAD_RUNS:
        with pytest.raises(PergamonError) as failed:
            run(world, world.admin, sql)
        assert failed.value.code == code, sql
        home = str(world.rt.settings.home)
        assert not any(word in str(failed.value) for word in ("Änne", "Error:", "LINE 1", home))
        last = trail(world)[-1]
        assert (last[0], last[2]["error_code"]) == ("query.failed", code)


def test_the_engines_own_words_are_kept_for_the_operator_alone(world: GovernedLake) -> None:
    with pytest.raises(PergamonError):
        run(world, world.admin, "SELECT name::INTEGER FROM raw_db.patients")
    log = Path(world.rt.settings.logs / "query-engine.log")
    assert "Could not convert" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_wrong_column_is_named_with_those_that_come_near(world: GovernedLake) -> None:
    with pytest.raises(PergamonError) as failed:
        run(world, world.admin, "SELECT p.nmae, p.id AS x FROM raw_db.patients p WHERE x = 1")
    assert failed.value.message == "no such column: nmae"
    assert failed.value.hint == "did you mean name"


def test_more_rows_than_the_workgroup_gives_are_cut_and_said(world: GovernedLake) -> None:
    result = run(world, world.user, "SELECT * FROM curated_db.vitals")
    assert (result.table.num_rows, result.truncated) == (2000, True)


def test_a_query_that_lost_its_process_is_closed_as_abandoned(world: GovernedLake) -> None:
    run(world, world.user, "SELECT 1")
    with world.rt.begin(OPERATOR) as uow:
        uow.execute("UPDATE query_history SET status = 'running', deadline_at = '2020-01-01Z', finished_at = NULL")
    run(world, world.user, "SELECT 2")
    assert [event[0] for event in trail(world)].count("query.abandoned") == 1


def test_workgroups_are_put_read_and_dropped(world: GovernedLake) -> None:
    spec = WorkgroupSpec(admins=frozenset({"data-admin"}), limits=QueryLimits(timeout_s=9))
    with world.rt.begin(OPERATOR) as uow:
        query.put_workgroup(uow, "small", spec, {})
    with world.rt.begin(OPERATOR) as uow:
        assert query.read_workgroups(uow)["small"] == spec
        query.drop_workgroup(uow, "small")
    with world.rt.begin(OPERATOR) as uow:
        assert "small" not in query.read_workgroups(uow)
        with pytest.raises(NotFound):
            query.drop_workgroup(uow, "small")


def test_who_names_no_workgroup_gets_the_default_or_the_only_one(world: GovernedLake) -> None:
    def ran_in(actor: Actor) -> str:
        result = world.rt.run_query(actor, "SELECT 1")
        with world.rt.begin(OPERATOR) as uow:
            row = uow.row("SELECT workgroup FROM query_history WHERE id = %s", (result.id,))
        assert row is not None
        return str(row["workgroup"])

    with world.rt.begin(OPERATOR) as uow:
        for name, role in (("a", "data-admin"), ("b", "data-user"), ("c", "data-admin")):
            query.put_workgroup(uow, name, WorkgroupSpec(users=frozenset({role})), {})
    assert ran_in(world.user.actor) == "default"
    with world.rt.begin(OPERATOR) as uow:
        query.drop_workgroup(uow, "default")
    assert ran_in(world.user.actor) == "b"
    with pytest.raises(query.WorkgroupNotNamed, match="a, c"):
        world.rt.run_query(world.admin.actor, "SELECT 1")
    with pytest.raises(NotFound):
        world.rt.run_query(world.stranger.actor, "SELECT 1")


def test_the_listing_is_what_can_be_read(world: GovernedLake) -> None:
    def listed(actor: Actor) -> list[str]:
        with world.rt.begin(actor) as uow:
            return [str(name) for name in query.visible_tables(uow, world.rt.query_catalog)]

    assert listed(world.user.actor) == ["curated_db.vitals"]
    assert listed(world.admin.actor) == ["closed_db.secret", "curated_db.vitals", "raw_db.empty", "raw_db.patients"]
    assert listed(world.stranger.actor) == []
    assert listed(OPERATOR) == []


MADE_UP = ["a\x00b", "\x1b[2Jgone", "two\nlines", "WHERE name = 'Änne'", "x" * 5000, ""]


@pytest.mark.parametrize("name", MADE_UP)
def test_a_made_up_name_is_not_found_and_does_not_reach_the_trail(world: GovernedLake, name: str) -> None:
    """It may be somebody's data, or speak to the terminal of whoever reads the trail; PostgreSQL takes no zero byte."""
    with pytest.raises(query.UnknownWorkgroup):
        run(world, world.user, "SELECT 1", name)
    with pytest.raises(query.UnknownWorkgroup), world.rt.begin(world.user.actor) as uow:
        query.workgroup_queries(uow, name)
    with pytest.raises(query.UnknownQuery), world.rt.begin(world.user.actor) as uow:
        query.query_text(uow, name)
    denied = [subject for code, subject, _ in trail(world) if code == "audit.act_denied"]
    assert denied == ["workgroup:(not a name)", "workgroup:(not a name)", "query:(not a name)"]
