"""Bad input from a source, as an operator meets it at the command line: what is said, and that nothing is lost."""

import pytest

from tests.journeys.conftest import INVALID, UNAVAILABLE, Site

pytestmark = pytest.mark.usefixtures("worker")

LOG_RULE = """        - rule-type: selection
          rule-id: "9"
          object-locator:
            schema-name: "ward"
            table-name: "log"
          rule-action: explicit
"""
LOG_TABLE = """  log:
    source_schema: ward
    source_table: log
    target_database: database:raw_db
    target_table: log
    refresh_cadence: daily
    versioning: {how}
"""


def test_a_source_that_is_down(site: Site) -> None:
    site.source.stop()
    said = site.type("replication", "start", "source", "--until-caught-up")
    tested = site.type("replication", "test", "source")
    site.source.start()
    for each in (said, tested):
        assert each.code == UNAVAILABLE
        assert "does not answer" in each.err
        assert "hint: is it up? start the task again once the source answers" in each.err
    assert "failed" in site.type("replication", "status").out
    site.execute("INSERT INTO ward.patients VALUES (1001, 'while it was down', 1)")
    site.land()


def test_a_wrong_password(site: Site) -> None:
    site.execute("UPDATE ward.patients SET age = 2 WHERE id = 10")
    right = site.secret.read_text()
    site.secret.write_text("not-the-secret")
    said = site.type("replication", "start", "source", "--until-caught-up")
    site.secret.write_text(right)
    assert said.code == INVALID
    assert "refuses the password" in said.err
    assert "not-the-secret" not in said.out + said.err
    site.land()


def test_a_role_without_the_replication_right(site: Site) -> None:
    """The script of `replication script`, run by the administrator, is what the hint names, and it suffices."""
    site.execute("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reading'")
    config = site.directory / "pergamon.yaml"
    as_it_was = config.read_text()
    config.write_text(as_it_was.replace('source-user: "hospital"', 'source-user: "reader"'))
    right = site.secret.read_text()
    site.secret.write_text("reading")
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    said = site.type("replication", "start", "source", "--until-caught-up")
    script = site.type("replication", "script", "source")
    assert "replication script source" in said.err
    site.execute(*script.out.strip().split(";\n"))
    site.execute("UPDATE ward.patients SET age = 3 WHERE id = 9")
    site.bring()
    site.secret.write_text(right)
    config.write_text(as_it_was)
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    assert said.code == INVALID
    assert "may not replicate" in said.err


def test_a_table_without_a_key(site: Site) -> None:
    """quickstart says why it leaves it out; merged by a key it is refused; as a history its inserts come."""
    assert "ward.log is left out" in site.quickstart
    replication, tracker = site.directory / "replication.yaml", site.directory / "tracker.yaml"
    as_it_was = tracker.read_text()
    replication.write_text(replication.read_text() + LOG_RULE)
    tracker.write_text(as_it_was + LOG_TABLE.format(how='S\n    keys: ["note"]'))
    refused = site.type("deploy", "-C", str(site.directory))
    tracker.write_text(as_it_was + LOG_TABLE.format(how="H"))
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    tested = site.type("replication", "test", "source")
    site.land()
    site.execute("INSERT INTO ward.log VALUES ('written')", "UPDATE ward.log SET note = 'changed'")
    site.bring()
    assert sorted(row["note"] for row in site.raw("log")) == ["opened", "written"]
    assert tested.code == 0
    assert "ward.log" in tested.out
    assert "hint:" in tested.out
    assert refused.code == INVALID
    assert "ward.log" in refused.err


def test_an_unknown_rule(site: Site) -> None:
    replication = site.directory / "replication.yaml"
    as_it_was = replication.read_text()
    before, after = as_it_was.rsplit("rule-action: explicit", 1)
    replication.write_text(f"{before}rule-action: sideways{after}")
    said = site.type("synth", "-C", str(site.directory))
    replication.write_text(as_it_was)
    assert said.code == INVALID
    assert "replication.yaml:" in said.err
    assert "sideways" in said.err
    assert site.type("deploy", "-C", str(site.directory)).code == 0


def test_a_type_that_cannot_be_widened(site: Site) -> None:
    site.bring()
    site.execute(
        "ALTER TABLE ward.patients ALTER age TYPE text",
        "UPDATE ward.patients SET age = 'old' WHERE id = (SELECT min(id) FROM ward.patients)",
    )
    assert site.type("replication", "start", "source", "--until-caught-up").code == 0
    ran = site.type("run", "file-processor")
    reloaded = site.type("replication", "start", "source", "--until-caught-up", "--reload")
    assert reloaded.code == 0
    site.bring()
    assert ran.code != 0
    assert "column age was int32 and is now string" in ran.out + ran.err
    assert "replication start TASK --reload" in ran.out + ran.err
