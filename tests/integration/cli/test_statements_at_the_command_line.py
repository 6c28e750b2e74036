"""`pergamon query` as a client and as the operator acting for a person: submitted, fetched, kept under a name."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pergamon.cli.main import group
from pergamon.kernel import PergamonError
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.governed_lake import GovernedLake, make_governed_lake
from tests.reference.served import served

COUNT = "SELECT count(*) AS n FROM curated_db.vitals"


@pytest.fixture
def world(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> GovernedLake:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    made = make_governed_lake(rt)
    monkeypatch.setenv("PERGAMON_TOKEN", made.user.token)
    return made


@pytest.fixture
def server(world: GovernedLake) -> Iterator[str]:
    with served(create_app(world.rt)) as address:
        yield address


def pergamon(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(group, words, input=stdin)


def said(*words: str, stdin: str = "") -> str:
    done = pergamon(*words, stdin=stdin)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_a_statement_is_submitted_looked_at_and_fetched(server: str, tmp_path: Path) -> None:
    at = ("--server", server)
    query_id = said("query", "--background", COUNT, *at).strip()
    for ending in (".parquet", ".arrow", ".csv"):
        out = tmp_path / f"rows{ending}"
        said("query", "SELECT patient FROM curated_db.vitals ORDER BY 1 LIMIT 3", "--out", str(out), *at)
        assert out.stat().st_mode & 0o777 == 0o600
    assert pq.read_table(tmp_path / "rows.parquet").column(0).to_pylist() == [0, 1, 2]
    assert pa.ipc.open_stream(tmp_path / "rows.arrow").read_all().num_rows == 3
    assert (tmp_path / "rows.csv").read_text().split() == ["patient", "0", "1", "2"]
    assert [line for line in said("query", "status", *at).splitlines() if query_id in line]
    assert said("query", "status", query_id, *at).split()[1:4] == ["done", "1", "row"]
    assert json.loads(said("query", "results", query_id, *at, "--json"))["rows"] == [[2500]]
    assert said("query", "results", query_id, *at, "--csv").split() == ["n", "2500"]
    late = pergamon("query", "cancel", query_id, *at)
    assert isinstance(late.exception, PergamonError)
    failed = pergamon("query", "SELECT puls FROM curated_db.vitals", "--out", str(tmp_path / "no.csv"), *at)
    assert isinstance(failed.exception, PergamonError)
    assert failed.exception.message == "no such column: puls"
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["rows.csv"]
    assert "ends with .parquet" in pergamon("query", COUNT, "--out", "rows.xlsx", *at).output


def test_texts_are_kept_under_names_and_run(server: str) -> None:
    at = ("--server", server)
    short, long = (json.loads(said("query", *words, *at, "--json"))["rows"] for words in ([COUNT], ["run", COUNT]))
    assert short == long == [[2500]]
    assert "run-saved" in said("query", "--help")
    assert pergamon("query", "statsu", "query_1").exit_code == 2
    assert said("query", "history", "COUNT(", *at).count(COUNT) == 2
    assert said("query", "history", "no such text", *at) == ""
    assert len(said("query", "history", "--limit", "1", *at).splitlines()) == 1
    said("query", "save", "how-many", "-", *at, stdin=COUNT)
    assert said("query", "saved", *at) == "how-many  person:ada\n"
    assert json.loads(said("query", "run-saved", "how-many", *at, "--json"))["rows"] == [[2500]]
    said("query", "saved", "--rm", "how-many", *at)
    assert said("query", "saved", *at) == ""
    gone = pergamon("query", "run-saved", "how-many", *at)
    assert isinstance(gone.exception, PergamonError)


def test_the_operator_acts_as_a_person_and_the_process_that_serves_takes_it_up(
    world: GovernedLake, tmp_path: Path
) -> None:
    bea = ("--as", "bea", "query")
    query_id = said(*bea, "--background", COUNT).strip()
    assert said(*bea, "status", query_id).split()[1] == "queued"
    with world.rt.statement_runner().running():
        for _ in range(200):
            if "done" in said(*bea, "status", query_id):
                break
    assert json.loads(said(*bea, "results", query_id, "--json"))["rows"] == [[2500]]
    said(*bea, COUNT, "--out", str(tmp_path / "rows.csv"))
    assert (tmp_path / "rows.csv").read_text().split() == ["n", "2500"]
    said(*bea, "save", "mine", COUNT)
    assert said(*bea, "saved") == "mine  person:bea\n"
    said(*bea, "saved", "--rm", "mine")
    refused = pergamon("query", "--background", COUNT)
    assert isinstance(refused.exception, PergamonError), "the operator reads no data"
