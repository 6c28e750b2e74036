"""The verbs of the catalog, as a client of a real server, and as the operator on the host: the same answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner

from pergamon import catalog, identity, lake
from pergamon.cli.main import group
from pergamon.kernel import Kind, PergamonError
from pergamon.web import create_app
from tests.integration.catalog.conftest import PEOPLE, World
from tests.reference.served import served

Pergamon = Callable[..., str]
AsJson = Callable[..., object]


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with served(create_app(world.rt)) as address:
        yield address


@pytest.fixture
def pergamon(world: World, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pergamon:
    """Run a command as a client; `by`: whose token. Without anybody: as the operator on the host."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PERGAMON_HOME", str(world.rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(world.rt.settings.database_url))
    tokens = {}
    with world.by() as uow:
        for name in PEOPLE:
            tokens[name] = identity.issue_token(uow, f"person:{name}", label="test")

    def run(*words: str, by: str | None = "olga") -> str:
        monkeypatch.setenv("PERGAMON_TOKEN", tokens.get(by or "", ""))
        arguments = [*words, "--server", address] if by else [*words]
        outcome = CliRunner().invoke(group, arguments, standalone_mode=False)
        if outcome.exception is not None:
            raise outcome.exception
        return outcome.stdout

    return run


def told(pergamon: Pergamon, *words: str, by: str | None = "olga") -> object:
    return json.loads(pergamon(*words, "--json", by=by))


def test_an_asset_is_described_published_and_found(world: World, pergamon: Pergamon, tmp_path: Path) -> None:
    (asset_id,) = world.found("heart_db.patients", "id:long", "sex")
    readme = tmp_path / "readme.md"
    readme.write_text("# Patients\n\nAll of them. \N{ZERO WIDTH JOINER}\n")
    with world.by() as uow:
        terms = {"patient": catalog.TermSpec(title="Patient"), "person": catalog.TermSpec(title="Person")}
        catalog.put_glossary(uow, "words", catalog.GlossarySpec(terms=terms), {})
        fields = {"persons": {"type": "integer"}, "since": {"type": "date"}}
        catalog.put_form(uow, "ehds", catalog.FormSpec.model_validate({"fields": fields}), {})
    said = pergamon(
        *("asset", "edit", "heart_db.patients", "--title", "Patients", "--readme", str(readme)),
        *("--column", "sex=As in the register", "--column-term", "id=patient", "--term", "patient", "--term", "person"),
        *("--tag", "source=register", "--contact", "Ada Keeper <ada@example.org>", "--classification", "confidential"),
        *("--form", "ehds.persons=12", "--form", "ehds.since=2020-01-31", "--description", "Everyone."),
        by="carl",
    )
    assert "is at version 2" in said
    pergamon("asset", "edit", asset_id, "--no-term", "person", "--tag", "source=", by="carl")
    assert "version 3 is published" in pergamon("asset", "publish", "heart_db.patients")
    seen = told(pergamon, "asset", "show", "heart_db.patients", by="bea")
    assert isinstance(seen, dict)
    assert (seen["title"], seen["terms"], seen["tags"]) == ("Patients", ["patient"], {})
    assert seen["forms"] == {"ehds": {"persons": 12, "since": "2020-01-31"}}
    assert seen["readme"] == readme.read_text()
    shown = pergamon("asset", "show", "heart_db.patients", by="bea")
    assert "Patients  [table, published, version 3]" in shown
    assert "Ada Keeper <ada@example.org>" in shown
    assert "As in the register" in shown
    assert "\N{ZERO WIDTH JOINER}" not in shown
    assert "Patients" in pergamon("asset", "ls", by="bea")
    assert "Person" not in pergamon("asset", "versions", asset_id, "--diff", "1", "3")
    assert "+ title: Patients" in pergamon("asset", "versions", asset_id, "--diff", "1", "3")
    assert "edit" in pergamon("asset", "versions", asset_id)
    assert told(pergamon, "asset", "unpublish", asset_id) == {"id": asset_id}
    assert told(pergamon, "asset", "ls", by="bea") == []


def test_many_are_edited_by_a_file_all_or_none(world: World, pergamon: Pergamon, tmp_path: Path) -> None:
    world.found("heart_db.one", "id")
    world.found("heart_db.two", "id")
    file = tmp_path / "edits.yaml"
    file.write_text(
        "- asset: heart_db.one\n  edit: {title: One, tags: {since: 2020-01-31}}\n"
        "- asset: heart_db.two\n  expected_version: 7\n  edit: {title: Two}\n"
    )
    with pytest.raises(PergamonError, match="not 7 any more"):
        pergamon("asset", "edit", "--file", str(file), by="carl")
    file.write_text(file.read_text().replace("  expected_version: 7\n", ""))
    assert "2 assets edited" in pergamon("asset", "edit", "--file", str(file), by="carl")
    both = told(pergamon, "asset", "ls", by="carl")
    assert isinstance(both, list)
    assert [(one["title"], one["version"]) for one in both] == [("One", 2), ("Two", 2)]


def test_a_product_is_made_described_and_published(world: World, pergamon: Pergamon) -> None:
    (one,) = world.found("heart_db.one", "id")
    pergamon("product", "create", "heart", "cohort", "--title", "A cohort", "--asset", one, by="carl")
    pergamon("asset", "publish", "cohort", by="steff")
    assert "A cohort" in pergamon("product", "ls", by="bea")
    assert "bundles heart_db.one" in pergamon("asset", "show", "cohort", by="bea")


def test_members_come_and_go_at_the_owners_word(pergamon: Pergamon) -> None:
    pergamon("project", "add-member", "heart", "person:bea", "contributor")
    assert "contributor  person:bea  (added by person:olga)" in pergamon("project", "show", "heart", by="bea")
    assert "heart" in pergamon("project", "ls", by="bea")
    ended = told(pergamon, "project", "remove-member", "heart", "person:bea", "contributor")
    assert ended == {"project": "heart", "principal": "person:bea", "role": "contributor"}
    assert told(pergamon, "project", "ls", by="bea") == []


def test_a_term_is_suggested_seen_by_few_approved_and_seen_by_all(pergamon: Pergamon) -> None:
    words = ("glossary", "suggest", "af", "--unit", "cardiology", "--title", "Atrial fibrillation")
    assert "is draft, version 1" in pergamon(*words, by="steff")
    assert told(pergamon, "glossary", "ls", by="bea") == []
    assert "is approved, version 2" in pergamon("glossary", "approve", "af", by="uma")
    pergamon("glossary", "suggest", "arrhythmia", "--unit", "cardiology", "--title", "Arrhythmia", by="steff")
    edit = ("glossary", "edit", "af", "--title", "Atrial fibrillation", "--is-a", "arrhythmia")
    assert "is approved, version 3" in pergamon(*edit, by="uma")
    with pytest.raises(PergamonError, match="an approved term"):
        pergamon(*edit, "--definition", "A kind of it.", by="steff")
    assert "is-a: arrhythmia" in pergamon("glossary", "show", "af", by="steff")
    assert "arrhythmia" not in pergamon("glossary", "show", "af", by="bea"), "a draft is shown to few, also by name"
    with pytest.raises(PergamonError, match="circle"):
        pergamon("glossary", "edit", "arrhythmia", "--title", "Arrhythmia", "--is-a", "af", by="steff")
    with pytest.raises(PergamonError, match="speak of it"):
        pergamon("glossary", "rm", "arrhythmia", by="steff")
    assert told(pergamon, "glossary", "rm", "af", by="uma") == {"name": "af"}


def test_a_data_source_is_run_and_its_runs_are_listed(world: World, pergamon: Pergamon) -> None:
    with world.by() as uow:
        table = lake.TableId("heart_db", "beats")
        lake.create_table(uow, world.rt.settings.lake, table, pa.schema([("id", pa.int64())]))
    assert "succeeded: 1 added" in pergamon("data-source", "run", "heart-tables")
    assert "1 added" in pergamon("data-source", "runs", "heart-tables", by="connie")
    assert "succeeded" in pergamon("data-source", "ls", by="connie")


def test_forms_are_shown_to_whoever_fills_them_in(world: World, pergamon: Pergamon) -> None:
    with world.by() as uow:
        field = {"type": "enum", "choices": ["a", "b"], "required": True}
        catalog.put_form(uow, "ehds", catalog.FormSpec.model_validate({"fields": {"basis": field}}), {})
        catalog.put_rule(uow, "all", catalog.RuleSpec(forms=("ehds",)), {})
    shown = pergamon("glossary", "forms", by="bea")
    assert "basis  (enum, required: a, b)" in shown
    assert "at publish, everywhere: ehds" in shown


NO, HIDDEN, YES = Kind.DENIED, Kind.NOT_FOUND, None
TABLE: list[tuple[tuple[str, ...], dict[str, Kind | None]]] = [
    (("asset", "show", "ASSET"), dict.fromkeys(PEOPLE, YES)),
    (("asset", "show", "HIDDEN"), dict.fromkeys(PEOPLE, YES) | {"uma": HIDDEN, "bea": HIDDEN}),
    (("asset", "versions", "HIDDEN"), dict.fromkeys(PEOPLE, YES) | {"uma": HIDDEN, "bea": HIDDEN}),
    (("asset", "edit", "ASSET", "--tag", "by=PERSON"), dict.fromkeys(PEOPLE, NO) | dict.fromkeys(PEOPLE[:3], YES)),
    (("asset", "publish", "ASSET"), dict.fromkeys(PEOPLE, NO) | {"olga": YES, "steff": YES}),
    (("asset", "unpublish", "ASSET"), dict.fromkeys(PEOPLE, NO) | {"olga": YES, "steff": YES, "uma": YES}),
    (("asset", "uses", "ASSET"), dict.fromkeys(PEOPLE, NO) | {"olga": YES, "steff": YES, "uma": YES}),
    (
        ("asset", "uses", "HIDDEN"),
        {"olga": YES, "steff": YES, "carl": NO, "connie": NO, "uma": HIDDEN, "bea": HIDDEN},
    ),
    (
        ("product", "create", "heart", "p-PERSON"),
        dict.fromkeys(PEOPLE[:3], YES) | {"uma": NO, "connie": NO, "bea": HIDDEN},
    ),
    (("project", "show", "heart"), dict.fromkeys(PEOPLE, YES) | {"bea": HIDDEN}),
    (
        ("project", "add-member", "heart", "person:bea", "consumer"),
        {"olga": YES, "uma": YES, "carl": NO, "steff": NO, "connie": NO, "bea": HIDDEN},
    ),
    (
        ("project", "remove-member", "heart", "person:nobody", "consumer"),
        {"olga": HIDDEN, "uma": HIDDEN, "carl": NO, "steff": NO, "connie": NO, "bea": HIDDEN},
    ),
    (("data-source", "runs", "heart-tables"), dict.fromkeys(PEOPLE, YES) | {"uma": HIDDEN, "bea": HIDDEN}),
    (
        ("data-source", "run", "heart-tables"),
        dict.fromkeys(PEOPLE[:3], YES) | {"connie": NO, "uma": HIDDEN, "bea": HIDDEN},
    ),
    (
        ("glossary", "suggest", "t-PERSON", "--unit", "cardiology", "--title", "t PERSON"),
        {"olga": YES, "steff": YES, "uma": YES, "carl": NO, "connie": NO, "bea": NO},
    ),
    (
        ("glossary", "approve", "drafted"),
        {"olga": NO, "steff": NO, "carl": HIDDEN, "connie": HIDDEN, "bea": HIDDEN, "uma": YES},
    ),
]


def test_each_verb_asks(world: World, pergamon: Pergamon) -> None:
    """One world for the whole table: whatever a line has changed is put back before the next."""
    with world.by() as uow:
        for name in ("listed", "hidden"):
            table = lake.TableId("heart_db", name)
            lake.create_table(uow, world.rt.settings.lake, table, pa.schema([("id", pa.int64())]))
    (published,) = world.found("heart_db.listed", "id:long")
    (hidden,) = world.found("heart_db.hidden", "id:long")
    with world.by("olga") as uow:
        catalog.unpublish_asset(uow, hidden)
    with world.by("steff") as uow:
        catalog.suggest_term(uow, "drafted", catalog.TermSpec(title="Drafted"), unit="cardiology")
    wrong = []
    for words, expected in TABLE:
        for person, wanted in expected.items():
            names = {"ASSET": published, "HIDDEN": hidden}
            given = [names.get(word, word).replace("PERSON", person) for word in words]
            found = _outcome(pergamon, given, person)
            _put_back(world, published)
            if found is not wanted:
                wrong.append((person, " ".join(words), found))
    assert wrong == []


def _outcome(pergamon: Pergamon, words: list[str], person: str) -> Kind | None:
    try:
        pergamon(*words, by=person)
    except PergamonError as error:
        return error.kind
    return YES


def _put_back(world: World, asset_id: str) -> None:
    with world.by() as uow:
        if not catalog.find_asset(uow, asset_id).is_published:
            catalog.publish_asset(uow, asset_id)
        members = {(member.principal, member.role) for member in catalog.read_project(uow, "heart").members}
        if ("person:bea", "consumer") in members:
            catalog.remove_member(uow, "heart", "person:bea", "consumer")


def test_every_verb_of_the_catalog_has_a_line_or_lists_only_what_may_be_seen() -> None:
    listing = {"asset ls", "product ls", "project ls", "data-source ls", "glossary ls"}
    tested_above = {"glossary show", "glossary edit", "glossary rm", "glossary forms"}
    tested_with_requests = {"asset conditions"}
    with click.Context(group) as context:
        verbs = set()
        for name in ("asset", "product", "project", "data-source", "glossary"):
            command = group.get_command(context, name)
            assert isinstance(command, click.Group)
            verbs |= {f"{name} {verb}" for verb in command.commands}
    assert {" ".join(words[:2]) for words, _ in TABLE} | listing | tested_above | tested_with_requests == verbs


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("asset", "edit", "heart_db.a", "--column", "nothing=x"), "has no column `nothing`"),
    (("asset", "edit", "heart_db.a", "--term", "nothing"), "no approved term `nothing`"),
    (("asset", "edit", "heart_db.a", "--form", "nothing.x=1"), "there is no such form"),
    (("asset", "edit", "heart_db.a", "--title", "two\nlines"), "title"),
    (("asset", "edit", "heart_db.a", "--title", "\x9b31mred"), "title"),
    (("asset", "edit", "heart_db.a", "--tag", "nothing"), "NAME=VALUE"),
    (("asset", "edit", "heart_db.a", "--contact", "<<"), "--contact"),
    (("asset", "edit", "heart_db.a", "--asset", "asset_1"), "only a data product"),
    (("asset", "edit", "heart_db.a", "--readme", "/nowhere.md"), "cannot be read"),
    (("asset", "edit", "--file", "/nowhere.yaml"), "cannot be read"),
    (("product", "create", "heart", "Not A Name"), "name"),
    (("asset", "versions", "heart_db.a", "--diff", "1", "9"), "no version 9"),
]


@pytest.mark.parametrize("by", ["olga", None], ids=["client", "operator"])
def test_what_cannot_be_is_said(world: World, pergamon: Pergamon, by: str | None) -> None:
    world.found("heart_db.a", "id")
    wrong = []
    for words, said in MISTAKES:
        with pytest.raises(PergamonError) as refused:
            pergamon(*words, by=by)
        if said not in str(refused.value):
            wrong.append((words, str(refused.value)))
    assert wrong == []


READS: list[tuple[str, ...]] = [
    ("asset", "ls"),
    ("asset", "ls", "--project", "heart", "--state", "published", "--kind", "table", "--data-source", "heart-tables"),
    ("asset", "show", "heart_db.a"),
    ("asset", "show", "heart_db.a", "--listing"),
    ("asset", "versions", "heart_db.a"),
    ("asset", "versions", "heart_db.a", "--diff", "1", "2"),
    ("product", "ls"),
    ("project", "ls"),
    ("project", "show", "heart"),
    ("storage",),
    ("data-source", "ls"),
    ("data-source", "runs", "heart-tables"),
    ("glossary", "ls"),
    ("glossary", "show", "word"),
    ("glossary", "forms"),
]


def test_the_operator_is_told_what_a_member_is_told_by_the_server(world: World, pergamon: Pergamon) -> None:
    world.found("heart_db.a", "id")
    with world.by() as uow:
        identity.put_team(uow, "project:quiet", {"owner": ["person:olga"]})  # so that she sees all there is
        terms = {"word": catalog.TermSpec(title="Word")}
        catalog.put_glossary(uow, "words", catalog.GlossarySpec(terms=terms), {})
        catalog.put_form(uow, "ehds", catalog.FormSpec.model_validate({"fields": {"a": {"type": "text"}}}), {})
    pergamon("asset", "edit", "heart_db.a", "--title", "A", "--term", "word", "--form", "ehds.a=x", by=None)
    pergamon("product", "create", "heart", "cohort", "--title", "A cohort", by=None)
    for words in READS:
        assert told(pergamon, *words, by=None) == told(pergamon, *words), words
        assert pergamon(*words, by=None) == pergamon(*words), words
    pergamon("asset", "publish", "heart_db.a", by=None)
    pergamon("asset", "unpublish", "heart_db.a", by=None)
    pergamon("project", "add-member", "heart", "person:bea", "consumer", by=None)
    pergamon("project", "remove-member", "heart", "person:bea", "consumer", by=None)
    pergamon("glossary", "suggest", "other", "--unit", "cardiology", "--title", "Other", by=None)
    pergamon("glossary", "edit", "other", "--title", "Another", by=None)
    pergamon("glossary", "approve", "other", by=None)
    pergamon("glossary", "rm", "other", by=None)
    pergamon("data-source", "run", "heart-tables", by=None)


def test_no_answer_names_a_draft_that_the_asker_may_not_see(pergamon: Pergamon) -> None:
    """What stands in a unit that steff does not write for is not there, and counts only where it must."""
    af = ("--unit", "cardiology", "--title", "Atrial fibrillation")
    pergamon("glossary", "suggest", "af", *af, by="steff")
    pergamon("glossary", "suggest", "secret", "--unit", "closed", "--title", "Secret", "--is-a", "af", by="uma")
    said = []
    for words in (
        ("suggest", "other", "--unit", "cardiology", "--title", "Other", "--related", "secret"),
        ("edit", "af", "--title", "Atrial fibrillation", "--is-a", "secret"),
        ("suggest", "other", "--unit", "cardiology", "--title", "Secret"),
        ("rm", "af"),
    ):
        with pytest.raises(PergamonError) as caught:
            pergamon("glossary", *words, by="steff")
        said.append(caught.value.message)
    assert said == [
        "other is related secret, which is not there",
        "af is is-a secret, which is not there",
        "other has the title of a draft that you may not see",
        "other terms speak of it: a draft that you may not see",
    ]
    with pytest.raises(PergamonError, match="speak of it: `secret`"):
        pergamon("glossary", "rm", "af", by="uma")
