"""The routes and the commands: the same words, the same rights, clear errors."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from pergamon import identity
from pergamon.cli.main import group
from pergamon.kernel import PergamonError
from pergamon.web import create_app
from tests.integration.quality.conftest import World
from tests.reference.served import bearer, served

STAYS = pa.table({"id": list(range(40)), "ward": ["A", "B"] * 20})
RULE = {"name": "wards", "check": "in-set", "column": "ward", "values": ["A"], "threshold": 0.5}


def token_of(world: World, name: str) -> str:
    with world.by() as uow:
        return identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(hours=1))


def test_the_way_of_a_rule_over_http(world: World) -> None:
    world.table("heart_db.stays", STAYS)
    world.measure()
    with (
        served(create_app(world.rt)) as address,
        httpx.Client(base_url=f"{address}/api/v1/quality", headers=bearer(token_of(world, "olga"))) as olga,
        httpx.Client(base_url=f"{address}/api/v1/quality", headers=bearer(token_of(world, "bea"))) as bea,
    ):
        told = olga.get("/heart_db.stays").json()
        assert (told["rows"], told["score"], told["pending"]) == (40, None, False)
        body = {"expected_version": 0, "rules": [RULE]}
        assert bea.post("/heart_db.stays/rules", json=body).status_code == 403
        assert olga.post("/heart_db.stays/rules", json=body).json() == {"table": "heart_db.stays", "version": 1}
        assert olga.post("/heart_db.stays/rules", json=body).status_code == 409
        assert olga.get("/heart_db.stays").json()["pending"] is True
        world.measure()
        assert olga.get("/heart_db.stays").json()["score"] == 0.5
        assert olga.get("/heart_db.stays/rules").json()["rules"][0]["rule"]["values"] == ["A"]
        assert "rule" not in bea.get("/heart_db.stays/rules").json()["rules"][0]
        page = olga.get("/heart_db.stays/history", params={"limit": 1}).json()
        rest = olga.get("/heart_db.stays/history", params={"limit": 5, "after": page["next"]}).json()
        assert [point["score"] for point in page["profiles"] + rest["profiles"]] == [0.5, None]
        assert rest["next"] is None
        assert olga.post("/heart_db.stays/run", json={}).status_code == 202
        assert bea.post("/heart_db.stays/run", json={}).status_code == 403
        for path in ("/heart_db.gone", "/nonsense", "/asset_" + "0" * 32):
            assert olga.get(path).status_code == 404
        wrong = olga.post("/heart_db.stays/rules", json={"expected_version": 1, "rules": [RULE | {"check": "eval"}]})
        assert wrong.status_code == 422
        twice = olga.post("/heart_db.stays/rules", json={"expected_version": 1, "rules": [RULE, RULE]})
        assert (twice.status_code, twice.json()["code"]) == (400, "quality.bad_rule")


@pytest.fixture
def here(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PERGAMON_HOME", str(world.rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(world.rt.settings.database_url))
    world.table("heart_db.stays", STAYS)
    return world


def said(*words: str) -> Result:
    return CliRunner().invoke(group, ["quality", *words], catch_exceptions=False, standalone_mode=False)


def test_the_operator_sees_counts_and_sets_rules_that_tell_of_no_values(here: World, tmp_path: Path) -> None:
    with pytest.raises(PergamonError, match="has no profile yet"):
        said("show", "heart_db.stays")
    here.measure()
    assert "40 rows; counts to the nearest 10" in said("show", "heart_db.stays").output
    file = tmp_path / "rules.yaml"
    file.write_text("- {name: all-there, check: not-null, columns: ['*']}\n")
    assert "own/all-there" in said("rules", "heart_db.stays", "--set", str(file)).output
    here.measure()
    assert "score 1.00: completeness 1.00" in said("show", "heart_db.stays").output
    assert said("show", "heart_db.stays", "--history").output.count("\n") == 3
    assert json.loads(said("show", "heart_db.stays", "--json").output)["score"] == 1.0
    assert "going to be measured" in said("run", "heart_db.stays").output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no list of rules"),
        ("rules: 1", "no list of rules"),
        ("[{name: x}", "cannot be read as YAML"),
        ("- {name: x, check: nothing}", "rules.0"),
        ("- {name: x, check: not-null, columns: [a], threshold: 7}", "less than or equal to 1"),
        ("- {name: x, check: not-null, columns: [a]}\n- {name: x, check: unique, columns: [a]}", "a name of its own"),
        ("- &a [*a]", "cannot be read|rules.0"),
    ],
)
def test_a_file_of_rules_that_is_none_is_said(here: World, tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(PergamonError, match=why):
        said("rules", "heart_db.stays", "--set", str(file))
