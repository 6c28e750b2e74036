"""`pergamon.client` against a server: rows in their types, a truncated result, refusals with the server's codes."""

from collections.abc import Callable, Iterator

import pyarrow as pa
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


def test_what_the_server_refuses_is_told_with_its_code_and_hint(site: Client, address: str) -> None:
    stranger = connect(address, "no-token")
    asked: dict[str, Callable[[], object]] = {
        "query.no_such_table": lambda: site.query("SELECT * FROM raw_db.none"),
        "query.refused": lambda: site.query("DROP TABLE raw_db.patients"),
        "catalog.unknown_asset": lambda: site.asset("raw_db.none"),
        "catalog.unknown_project": lambda: site.request("x", project="y", reason="z"),
        "identity.unauthenticated": stranger.tables,
    }
    for code, ask in asked.items():
        with pytest.raises(ClientError) as refused:
            ask()
        assert (refused.value.code, bool(refused.value.message)) == (code, True)
    stranger.close()
