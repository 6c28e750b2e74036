"""`GET /api/v1/search` and `pergamon search`: the same answer, of what the asker may see."""

import json
from collections.abc import Callable, Iterator

import click
import httpx
import pytest

from pergamon import identity
from pergamon.cli.main import group
from pergamon.kernel import AccessDenied
from pergamon.web import create_app
from tests.integration.catalog.conftest import World
from tests.reference.served import bearer, served

Get = Callable[..., httpx.Response]


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PERGAMON_HOME", str(world.rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(world.rt.settings.database_url))
    with served(create_app(world.rt)) as address:
        yield address


@pytest.fixture
def token(world: World) -> Callable[[str], str]:
    def issue(person: str) -> str:
        with world.by() as uow:
            return identity.issue_token(uow, f"person:{person}", label="t")

    return issue


@pytest.fixture
def get(server: str, token: Callable[[str], str]) -> Iterator[Get]:
    with httpx.Client(base_url=server, timeout=30) as client:
        secrets: dict[str, str] = {}

        def ask(person: str, **query: object) -> httpx.Response:
            secret = secrets.setdefault(person, token(person))
            return client.get("/api/v1/search", params=query, headers=bearer(secret))  # type: ignore[arg-type]

        yield ask


def test_an_answer_holds_everything_a_page_shows(world: World, get: Get) -> None:
    world.found("heart_db.patient_vitals", "blood_pressure:int", "id")
    world.found("heart_db.visits", "id")
    answer = get("bea", text="presure", format=["csv", "avro"])
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (told["total"], told["suggestion"], told["after"]) == (1, "pressure", None)
    [hit] = told["results"]
    assert (hit["name"], hit["columns"], hit["column_count"]) == ("heart_db.patient_vitals", ["blood_pressure"], 2)
    assert hit["highlights"] == {"columns.0": [[6, 14]]}
    assert "readers" not in str(told)
    assert told["facets"]["format"]["values"] == [
        {"value": "csv", "count": 1, "selected": True},
        {"value": "avro", "count": 0, "selected": True},
    ]


def test_people_find_what_they_may_and_pages_follow_each_other(world: World, get: Get) -> None:
    for number in range(5):
        world.found(f"heart_db.t{number}", "id")
    seen, after = [], None
    while True:
        told = get("bea", sort="name", limit=2, **({"after": after} if after else {})).json()
        seen += [hit["name"] for hit in told["results"]]
        after = told["after"]
        if after is None:
            break
    assert seen == [f"heart_db.t{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"after": "nonsense"}, 400),
        ({"freshness": "decade"}, 400),
        ({"text": " ".join("abcdefghijklmn")}, 400),
        ({"sort": "price"}, 422),
        ({"limit": 0}, 422),
        ({"text": "x" * 501}, 422),
        ({"color": "red"}, 422),
        ({"text": "a\x00b \ud800".encode("utf-8", "replace").decode()}, 200),
        ({"tag": ["x"] * 100}, 200),
    ],
)
def test_what_is_no_search_is_refused_and_strange_text_is_not(get: Get, query: dict[str, object], status: int) -> None:
    answer = get("bea", **query)
    assert answer.status_code == status, answer.text
    assert status == 200 or set(answer.json()) >= {"code", "message"}


def test_nobody_searches_without_a_token(server: str) -> None:
    assert httpx.get(f"{server}/api/v1/search").status_code == 401


def test_the_command_shows_what_the_api_tells(
    world: World, server: str, token: Callable[[str], str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    world.found("heart_db.patient_vitals", "blood_pressure:int")
    monkeypatch.setenv("PERGAMON_TOKEN", token("bea"))
    words = ["search", "patinet", "vitals", "--format", "csv"]
    group.main([*words, "--server", server, "--facets"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "heart_db.patient_vitals" in shown
    assert "1 asset found" in shown
    assert "did you mean: patient" in shown
    assert "*csv (1)" in shown
    group.main([*words, "--server", server, "--json"], standalone_mode=False)
    as_client = json.loads(capsys.readouterr().out)
    group.main([*words, "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == as_client, "the operator sees every description"


def test_the_operator_has_the_index_made_anew_and_nobody_else(
    world: World, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.found("heart_db.t", "id")
    group.main(["search", "--rebuild"], standalone_mode=False)
    assert "1 asset found" in capsys.readouterr().out
    directories = {path.name for path in (world.rt.settings.home / "search").iterdir() if path.is_dir()}
    with world.by() as uow:
        identity.put_role(uow, "researcher", identity.RoleSpec(impersonable=True), {})
    with pytest.raises(AccessDenied):
        group.main(["--as", "person:bea", "search", "--rebuild"], standalone_mode=False)
    with pytest.raises(click.UsageError):
        group.main(["search", "--rebuild", "--server", server], standalone_mode=False)
    assert directories


def test_a_misspelled_value_is_told_with_what_was_probably_meant(
    world: World, get: Get, capsys: pytest.CaptureFixture[str]
) -> None:
    world.found("heart_db.patient_vitals", "id")
    told = get("bea", format="cvs").json()
    assert told["total"] == 0
    message = "nothing that you may find has this format"
    assert told["notices"] == [{"facet": "format", "value": "cvs", "message": message, "near": ["csv"]}]
    group.main(["search", "--format", "cvs"], standalone_mode=False)
    assert f"format cvs: {message}; did you mean csv?" in capsys.readouterr().out
