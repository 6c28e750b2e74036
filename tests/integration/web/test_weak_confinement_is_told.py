"""On a kernel without Landlock governed SQL is refused; where somebody accepts that by name, every answer says so."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

import pergamon.client
from pergamon.adapters import duckdb_sandbox
from pergamon.cli.client import Client
from pergamon.cli.operate import parts_of
from pergamon.client.confinement import HEADER, WeakConfinement
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.governed_lake import GovernedLake
from tests.reference.served import bearer, served

SQL = "SELECT count(*) AS n FROM curated_db.vitals"


@pytest.fixture
def weak(world: GovernedLake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """The installation on such a kernel, started with `--without-landlock`."""
    monkeypatch.setattr(duckdb_sandbox, "abi_version", lambda: 0)
    made = replace(world.rt, settings=replace(world.rt.settings, without_landlock=True))
    yield made
    made.close_query_engine()


def test_it_is_refused_with_the_way_to_accept_it(world: GovernedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_sandbox, "abi_version", lambda: 0)
    with served(create_app(world.rt)) as address:
        told = httpx.post(f"{address}/api/v1/query", json={"sql": SQL}, headers=bearer(world.user.token))
    assert told.json()["code"] == "query.sandbox_missing"
    assert "--without-landlock" in told.json()["hint"]
    assert HEADER not in told.headers


def test_every_answer_and_every_page_says_so(world: GovernedLake, weak: Runtime) -> None:
    with served(create_app(weak)) as address, httpx.Client(base_url=address) as http:
        rows = http.post("/api/v1/query", json={"sql": SQL}, headers=bearer(world.user.token))
        answers = [
            rows,
            *(http.get(path) for path in ("/healthz", "/api/v1/me", "/iceberg/v1/config", "/sign-in", "/x")),
        ]
    assert rows.json()["rows"] == [[2500]]
    assert {answer.headers[HEADER] for answer in answers} == {weak.weak_confinement}
    pages = [answer for answer in answers if answer.headers["content-type"].startswith("text/html")]
    assert len(pages) >= 1
    assert all("no Landlock" in page.text for page in pages)


def test_the_clients_say_so(world: GovernedLake, weak: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    with served(create_app(weak)) as address:
        with (
            pytest.warns(WeakConfinement, match="no Landlock"),
            pergamon.client.connect(address, world.user.token) as site,
        ):
            assert site.query(SQL).arrow().num_rows == 1
        Client(address, world.user.token).get("/api/v1/me")
    assert "warning: the kernel there has no Landlock" in capsys.readouterr().err


def test_its_processes_are_started_with_it(weak: Runtime) -> None:
    parts = parts_of(weak, port=1, worker=True, replication=False, trusted_host=False)
    assert ["--without-landlock" in part.command for part in parts] == [True, True]


def test_where_the_kernel_has_it_nothing_is_said(world: GovernedLake) -> None:
    accepted = replace(world.rt, settings=replace(world.rt.settings, without_landlock=True))
    assert accepted.weak_confinement is None
    with served(create_app(accepted)) as address:
        page = httpx.get(f"{address}/sign-in")
    assert HEADER not in page.headers
    assert "Landlock" not in page.text
