"""`pergamon.client` against a server: rows in their types, a truncated result, refusals with the server's codes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.client import Client, ClientError, connect
from pergamon.web import create_app
from tests.reference.governed_lake import GovernedLake
from tests.reference.served import served


@pytest.fixture
def address(world: GovernedLake) -> Iterator[str]:
    with served(create_app(world.rt)) as address:
        yield address
    world.rt.close_query_engine()


@pytest.fixture
def site(world: GovernedLake, address: str) -> Iterator[Client]:
    with connect(address, world.admin.token) as client:
        yield client


def test_rows_come_in_their_types_and_say_when_there_are_more(site: Client) -> None:
    result = site.query("SELECT id, name, CAST(id AS DECIMAL(9, 2)) AS price FROM raw_db.patients ORDER BY id")
    assert result.arrow().schema.types == [pa.int64(), pa.string(), pa.decimal128(9, 2)]
    assert result.arrow()["name"].to_pylist() == ["Änne", "Bo", None]
    assert (len(result), result.truncated, result.id[:6]) == (3, False, "query_")
    with pytest.warns(UserWarning, match="at most 2,000"):
        cut = site.query("SELECT patient FROM curated_db.vitals")
    assert (len(cut), cut.truncated) == (2000, True)
    assert len(list(site.query("SELECT * FROM raw_db.empty").batches())) <= 1
    assert site.tables() == ["closed_db.secret", "curated_db.vitals", "raw_db.empty", "raw_db.patients"]
    assert site.search("nothing of this name") == site.requests() == site.grants() == []


SLOW = "SELECT count(*) AS n FROM range(100000000) a(i), range(100000) b(j) WHERE i * j % 7 = 3"


def test_a_statement_is_submitted_waited_for_and_its_rows_come_in_every_form(site: Client, tmp_path: Path) -> None:
    running = site.submit("SELECT patient FROM curated_db.vitals ORDER BY patient")
    assert running.status in {"queued", "running", "done"}
    with pytest.warns(UserWarning, match="at most 2,000"):
        result = site.statement(running.id).result(timeout_s=60)
    assert (len(result), result.truncated, result.id, running.wait().status) == (2000, True, running.id, "done")
    assert pa.Table.from_batches(running.batches()).equals(result.arrow())
    pages = list(running.pages(900))
    assert [len(page) for page in pages] == [900, 900, 200]
    assert [row[0] for page in pages for row in page] == result.arrow()["patient"].to_pylist()
    assert pq.read_table(running.save(tmp_path / "rows.parquet")).equals(result.arrow())
    assert running.save(str(tmp_path / "rows.csv")).read_text().startswith("patient")
    with pytest.raises(ValueError, match="ends in"):
        running.save(tmp_path / "rows.xlsx")
    assert not list(tmp_path.glob(".*")), "nothing is left of a file that is not whole"
    assert running.id in {one["id"] for one in site.history()}
    assert "done" in running._repr_html_()


def test_a_statement_that_does_not_end_well_tells_why(site: Client) -> None:
    slow = site.submit(SLOW)
    with pytest.raises(ClientError, match=r"is (queued|running)") as not_yet:
        slow.wait(0.2)
    assert not_yet.value.code == "client.not_done_yet"
    slow.cancel()
    with pytest.raises(ClientError) as cancelled:
        slow.wait(60)
    assert (cancelled.value.code, slow.status) == ("query.cancelled", "cancelled")
    with pytest.raises(ClientError) as failed:
        site.submit("SELECT CAST(name AS integer) FROM raw_db.patients").result(60)
    assert failed.value.code.startswith("query.")
    assert "Änne" not in str(failed.value)
    with pytest.raises(ClientError) as refused:
        site.submit("SELECT * FROM raw_db.none")
    assert refused.value.code == "query.no_such_table"


def test_texts_are_kept_under_names_and_run(site: Client) -> None:
    site.save_query("how-many", "SELECT count(*) AS n FROM raw_db.patients")
    assert [one["name"] for one in site.saved_queries()] == ["how-many"]
    assert site.run_saved("how-many").result(60).arrow().to_pylist() == [{"n": 3}]
    assert "how-many" in site.saved_queries()._repr_html_()
    site.remove_saved_query("how-many")
    assert site.saved_queries() == []


def test_what_the_server_refuses_is_told_with_its_code_and_hint(site: Client, address: str) -> None:
    stranger = connect(address, "no-token")
    asked: dict[str, Callable[[], object]] = {
        "query.no_such_table": lambda: site.query("SELECT * FROM raw_db.none"),
        "query.refused": lambda: site.query("DROP TABLE raw_db.patients"),
        "catalog.unknown_asset": lambda: site.asset("raw_db.none"),
        "catalog.unknown_project": lambda: site.request("x", project="y", reason="z"),
        "access.unknown_request": lambda: site.withdraw("request_" + "0" * 32),
        "access.unknown_grant": lambda: site.revoke("none", reason="x"),
        "query.no_such_query": lambda: site.statement("none"),
        "identity.unauthenticated": stranger.tables,
    }
    for code, ask in asked.items():
        with pytest.raises(ClientError) as refused:
            ask()
        assert (refused.value.code, bool(refused.value.message)) == (code, True)
    stranger.close()
