"""`pergamon request`, `grant` and `asset conditions` as people read them; and what the operator of the host may not."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from pergamon import catalog, identity
from pergamon.cli.main import group
from pergamon.kernel import Kind, PergamonError
from pergamon.web import create_app
from tests.reference.governed_lake import append
from tests.reference.served import served

from .conftest import COLUMNS, World

ROW = {"id": 1, "name": "Bo", "born": None, "site": "north", "age": 30}


class Typed:
    """What somebody typed as a client with a token, and was told; without a name: the operator, on the host."""

    def __init__(self, world: World, address: str) -> None:
        self.address, self.tokens = address, dict[str, str]()
        self.environment = {"PERGAMON_HOME": str(world.rt.settings.home)}
        self.environment["PERGAMON_DATABASE_URL"] = str(world.rt.settings.database_url)
        with world.by() as uow:
            for name in ("olga", "ada"):
                token = identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(days=1))
                self.tokens[name] = token

    def __call__(self, name: str, *words: str) -> str:
        server = ("--server", self.address) if name else ()
        token = {"PERGAMON_TOKEN": self.tokens[name]} if name else {}
        done = CliRunner().invoke(group, [*words, *server], env=self.environment | token)
        if isinstance(done.exception, PergamonError):
            raise done.exception
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def told(self, name: str, *words: str) -> Any:
        return json.loads(self(name, *words, "--json"))


@pytest.fixture
def typed(world: World) -> Iterator[Typed]:
    append(world.rt, "heart_db.patients", pa.Table.from_pylist([ROW], schema=COLUMNS))
    with world.by() as uow:
        catalog.put_form(uow, "use", catalog.FormSpec.model_validate({"fields": {"people": {"type": "integer"}}}), {})
    with served(create_app(world.rt)) as address:
        yield Typed(world, address)
    world.rt.close_query_engine()


def test_from_conditions_to_the_end_of_a_grant_as_people_read_it(typed: Typed) -> None:
    words = ("--mask", "name=mask-alphanum", "--mask", "born=truncate-to-year", "--longest-days", "30")
    shown = typed("olga", "asset", "conditions", "heart_db.patients", *words, "--identifier", "id", "--not-renewable")
    assert re.search(r"longest +30 days\n +renewable +no\n +rows +all\n +identifiers +id\n +mask +born", shown)
    assert "this holds once it is published" in shown
    kept = typed.told("olga", "asset", "conditions", "heart_db.patients", "--mask", "born=", "--longest-days", "0")
    assert kept["conditions"]["masks"] == {"name": "mask-alphanum"}
    assert (kept["conditions"]["longest_days"], kept["conditions"]["renewable"]) == (None, False)
    typed("olga", "asset", "publish", "heart_db.patients")

    wish = ("--project", "study", "--reason", "to learn\nmuch", "--form", "use.people=3")
    made = typed("ada", "request", "create", "heart_db.patients", *wish)
    (request,) = re.findall(r"(request_\w+) is open\nit waits for", made)
    typed("olga", "request", "ask-for-changes", request, "--note", "for how long?")
    assert request in typed("ada", "request", "ls", "--waiting-for-me")
    assert f"{request} is open" in typed("ada", "request", "amend", request, "--days", "9", "--column", "name")
    typed("ada", "request", "comment", request, "nine days")
    shown = typed("olga", "request", "show", request)
    assert re.search(r"\[open\].*columns +name\n.*days +9\n.*why +to learn\n +why +much\n +use.people: 3", shown, re.S)
    assert re.search(r"person:olga \(ask-for-changes\): for how long\?\n.*person:ada \(comment\): nine days", shown)

    preview = typed("olga", "request", "preview", request, "--rows", "age > 40", "--mask", "name=show-first-4")
    assert "  0 of 0 rows (rounded to 10)\n  rows where age > 40\n  for 9 days\n" in preview
    assert re.search(r"not given: id, born, site, age\ncolumn +type +mask\nname +string +mask-", preview)
    done = typed("olga", "request", "approve", request, "--note", "fine")
    (until,) = re.findall(r"is approved\ngranted until (\S+); query it as study_sub.patients", done)
    (grant,) = typed.told("ada", "grant", "ls", "--state", "active", "--project", "study")
    assert grant["valid_until"] == until
    assert f"[active, until {until}]" in typed("ada", "grant", "show", grant["id"])
    assert "gives nothing of it any more" in typed("olga", "grant", "revoke", grant["id"], "--reason", "over")
    assert re.search(r"revoked by +person:olga at \S+: over", typed("ada", "request", "show", request))
    none = typed.told("olga", "asset", "conditions", "heart_db.patients", "--none")["conditions"]
    assert none == catalog.AccessConditions().model_dump(mode="json")


def test_who_acts_as_a_person_is_no_member_of_their_projects_and_is_told_so(typed: Typed, world: World) -> None:
    with world.by() as uow:
        identity.put_role(uow, "reader", identity.RoleSpec(impersonable=True), {})
        identity.put_principal(
            uow,
            "person:ada",
            identity.PrincipalSpec(kind="person", display_name="Ada", roles=frozenset({"reader"})),
            {},
        )
    for words in (("request", "create", "heart_db.patients", "--project", "study", "--reason", "x"),):
        with pytest.raises(PergamonError) as error:
            typed("", "--as", "ada", *words)
        assert error.value.kind in {Kind.DENIED, Kind.NOT_FOUND}
        assert "never what they are in a project" in str(error.value.hint)
    assert typed.told("", "--as", "ada", "request", "ls") == []
    typed("ada", "request", "create", "heart_db.patients", "--project", "study", "--reason", "x")


def test_masks_of_its_own_are_told_wherever_the_grant_is(typed: Typed, world: World) -> None:
    world.granted(columns=["name"])
    request = world.ask(columns=["name"], rows="site = 'north'").id
    masked = ("--mask", "name=mask-alphanum")
    shared = typed("olga", "request", "preview", request, *masked)
    assert re.search(
        r"change what study has by other grants:\ncolumn +now +then\nname +as it is +mask-alphanum\n", shared
    )
    own = typed("olga", "request", "preview", request, *masked, "--own-masks")
    assert "its masks hold in its own rows" in own
    assert re.search(r"name +as it is +mask-alphanum where site = 'north'; else as it is\n", own)
    typed("olga", "request", "approve", request, "--note", "ok", *masked, "--own-masks")
    (grant,) = [one for one in typed.told("ada", "grant", "ls") if one["own_masks"]]
    shown = typed("ada", "grant", "show", grant["id"])
    assert re.search(
        r"own masks +in its rows.*\n +asked by +person:ada\n +why +to learn\n +granted by +person:olga", shown
    )
    assert re.search(r"person:ada +person:olga +to learn", typed("ada", "grant", "ls"))
    conditions = typed.told("olga", "asset", "conditions", "heart_db.patients", "--own-masks")["conditions"]
    assert conditions["own_masks"] is True
    assert re.search(r"own masks +yes", typed("olga", "asset", "conditions", "heart_db.patients"))


def test_the_operator_neither_asks_nor_decides(typed: Typed, world: World) -> None:
    request = world.ask().id
    refused = {
        ("request", "create", "heart_db.patients", "--project", "heart", "--reason", "x"),
        ("request", "approve", request, "--note", "x"),
        ("request", "preview", request),
    }
    for words in refused:
        with pytest.raises(PergamonError) as error:
            typed("", *words)
        assert error.value.kind in {Kind.DENIED, Kind.NOT_FOUND}, words
    assert f"{request} is rejected" in typed("olga", "request", "reject", request, "--note", "no")
    again = world.ask().id
    assert f"{again} is withdrawn" in typed("ada", "request", "withdraw", again)
    assert [one["state"] for one in typed.told("ada", "request", "ls")] == ["rejected", "withdrawn"]
