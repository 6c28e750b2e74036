"""Whoever acts at the command line is asked for: a person without rights is refused by every command that acts."""

from pathlib import Path

import click
import pytest

from pergamon import identity, starter_kits
from pergamon.cli.main import COMMANDS, EXIT_CODES, group
from pergamon.kernel import Actor, Kind, PergamonError
from pergamon.runtime import Runtime

NEEDS_NO_RIGHT = {
    "init": "copies files of the package",
    "quickstart": "writes files of the caller's own from a source that the caller may read",
    "ls": "reads the caller's own files; objects as `object ls`",
    "schema": "prints a schema of the package",
    "quality": "asks the policy itself, as a client or as a person: tests of quality/",
    "sample": "fills a database of the caller's own",
    "demo": "makes an installation of its own",
    "query": "asks the policy itself, as a client or as a person: tests of query/",
    "login": "proves who one is, at a server",
    "logout": "ends one's own login, at a server",
    "search": "finds only what the actor may see; --rebuild asks: tests of search/",
    "put": "asks the policy itself, as a client or as a person: test_objects_at_the_command_line.py",
    "get": "as put",
    "rm": "as put",
    "object": "as put",
    "asset": "asks the policy itself, as a client or as a person: test_the_catalog_at_the_command_line.py",
    "product": "as asset",
    "project": "as asset",
    "data-source": "as asset",
    "storage": "as asset",
    "glossary": "as asset",
    "request": "as asset: test_from_request_to_refusal.py of journeys/",
    "grant": "as request",
    "lineage": "show as query: test_lineage_at_the_command_line.py, where export is refused too",
    "tables": "lists only what the actor may read: tests of query/",
}

ASKED: list[tuple[str, ...]] = [
    ("synth", "-C", "KIT"),
    ("deploy", "-C", "KIT"),
    ("diff", "-C", "KIT"),
    ("destroy", "-C", "KIT", "--yes"),
    ("replication", "test", "hospital"),
    ("replication", "start", "hospital"),
    ("replication", "stop", "hospital"),
    ("replication", "status"),
    ("replication", "lag", "hospital"),
    ("replication", "script", "hospital"),
    ("run", "file-processor"),
    ("runs",),
    ("tracker", "ls"),
    ("tracker", "replay", "file_1"),
    ("tracker", "skip", "file_1", "--reason", "x"),
    ("crawl", "ls"),
    ("crawl", "status", "assets"),
    ("crawl", "files", "assets"),
    ("crawl", "run", "assets"),
    ("crawl", "replay", "assets"),
    ("crawl", "rebuild", "assets_db.visits"),
    ("crawl", "release", "assets_db.visits"),
    ("audit", "verify"),
    ("audit", "log"),
    ("person", "ls"),
    ("person", "set-password", "person:x"),
    ("token", "issue", "person:x"),
    ("token", "ls", "person:x"),
    ("token", "revoke", "tok_1"),
    ("secret", "set", "x"),
    ("secret", "ls"),
    ("secret", "rm", "x"),
    ("status",),
    ("health",),
    ("configuration", "ls"),
    ("configuration", "show", "role"),
    ("configuration", "drift"),
    ("up",),
    ("down",),
]


@pytest.fixture
def installation(rt: Runtime, operator: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person whose role is impersonable and gives nothing; and a configuration to act on."""
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    with rt.begin(operator) as uow:
        identity.put_role(uow, "bystander", identity.RoleSpec(impersonable=True), {})
        spec = identity.PrincipalSpec(kind="person", display_name="B", roles=frozenset({"bystander"}))
        identity.put_principal(uow, "person:bystander", spec, {})
    kit = tmp_path / "kit"
    starter_kits.copy_kit("health-data-accelerator", kit)
    return kit


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_a_person_without_rights_is_refused(installation: Path, words: tuple[str, ...]) -> None:
    arguments = [str(installation) if word == "KIT" else word for word in words]
    with pytest.raises(PergamonError) as refused:
        group.main(["--as", "person:bystander", *arguments], standalone_mode=False)
    assert refused.value.kind is Kind.DENIED, refused.value


def test_every_command_is_asked_for_a_right_or_says_why_it_needs_none() -> None:
    assert {words[0] for words in ASKED} | set(NEEDS_NO_RIGHT) == set(COMMANDS)
    with click.Context(group) as context:
        for name in {words[0] for words in ASKED}:
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                assert set(command.commands) == {words[1] for words in ASKED if words[0] == name}, name


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    assert set(EXIT_CODES) == set(Kind)
    assert len(set(EXIT_CODES.values())) == len(Kind)


def test_every_command_of_the_list_can_be_loaded_and_helps() -> None:
    with click.Context(group) as context:
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            assert command.help, f"{name} does not say what it does"
