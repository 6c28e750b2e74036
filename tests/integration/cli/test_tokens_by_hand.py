"""`pergamon token issue` for one and for several: each in a 0600 file of its own, all or none."""

import json
import stat
from pathlib import Path

import click
import pytest

from pergamon import identity
from pergamon.cli.main import group
from pergamon.kernel import Actor, NotFound
from pergamon.runtime import Runtime


@pytest.fixture
def people(rt: Runtime, operator: Actor, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    with rt.begin(operator) as uow:
        for name in ("ada", "ulla"):
            spec = identity.PrincipalSpec(kind="person", display_name=name)
            identity.put_principal(uow, f"person:{name}", spec, {})
    return rt


def issue(*words: str) -> None:
    group.main(["token", "issue", *words], standalone_mode=False)


def test_each_gets_a_private_file_that_is_their_token(people: Runtime, tmp_path: Path) -> None:
    issue("person:ada", "person:ulla", "--out-dir", str(tmp_path / "tokens"))
    for name in ("ada", "ulla"):
        file = tmp_path / "tokens" / f"{name}.token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert people.authenticate(file.read_text()).id == f"person:{name}"


def test_a_program_is_told_whose_token_it_is(people: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    issue("person:ada", "person:ulla", "--json")
    issued = json.loads(capsys.readouterr().out)
    for one in issued:
        assert people.authenticate(one["token"]).id == one["principal"]


def test_when_one_does_not_exist_nobody_gets_one(people: Runtime, operator: Actor, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        issue("person:ada", "person:nobody", "--out-dir", str(tmp_path / "tokens"))
    assert not (tmp_path / "tokens").exists()
    with people.begin(operator) as uow:
        assert identity.list_tokens(uow, "person:ada") == []


def test_one_file_takes_one_token(people: Runtime, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        issue("person:ada", "person:ulla", "--out", str(tmp_path / "t"))
