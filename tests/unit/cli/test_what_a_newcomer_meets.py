"""What a newcomer meets first: a data directory that cannot be used, and counts as a person would say them."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from pergamon.cli.context import counted
from pergamon.cli.main import group
from pergamon.deploy import BadOrganization, load_configuration
from pergamon.runtime import (
    DatabaseBeyondReach,
    HomeNotPrivate,
    HomeNotUsable,
    make_private_home,
    require_database_in_reach,
)
from pergamon.settings import Settings


def test_a_missing_home_is_made_for_its_user_alone(tmp_path: Path) -> None:
    make_private_home(tmp_path / "home")
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_home_that_others_may_enter_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(HomeNotPrivate, match="open to other users"):
        make_private_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("home", ["/proc/nowhere/home", "file", "file/below"])
def test_a_home_that_cannot_be_made_is_a_clear_error(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeNotUsable, match="cannot be made or used"):
        make_private_home(tmp_path / home)


def test_a_command_on_such_a_home_is_no_bug_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "pergamon.cli", "--home", str(tmp_path / "file"), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be made or used" in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("url", [None, "host=/run/postgresql dbname=p", "postgresql://u@db.example/p"])
def test_a_database_by_its_socket_or_on_the_network_is_within_the_workers_reach(
    tmp_path: Path, url: str | None
) -> None:
    require_database_in_reach(Settings(home=tmp_path, database_url=url))


def test_a_database_on_several_hosts_is_not_and_it_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DatabaseBeyondReach, match="names several hosts"):
        require_database_in_reach(Settings(home=tmp_path, database_url="host=/run/pg,db.example"))


@pytest.mark.parametrize("name", ["St Else", "st_else", "", "1st", "a" * 32, "x\n"])
def test_a_name_that_pergamon_yaml_refuses_is_refused_before_a_file_is_written(tmp_path: Path, name: str) -> None:
    target = str(tmp_path / "config")
    for words in (["init", "health-data-accelerator", target], ["quickstart", "postgresql://u@127.0.0.1:1/d", target]):
        with pytest.raises(BadOrganization, match="cannot be called so"):
            group.main(["--home", str(tmp_path / "home"), *words, "--organization", name], standalone_mode=False)
    assert not list(tmp_path.iterdir())


def test_the_longest_name_of_an_organization_is_taken_by_both(tmp_path: Path) -> None:
    target = tmp_path / "config"
    words = ["init", "health-data-accelerator", str(target), "--organization", "a" * 31]
    group.main(words, standalone_mode=False)
    assert load_configuration(target).organization == "a" * 31


@pytest.mark.parametrize(("typed", "meant"), [("quer", "query"), ("depoly", "deploy"), ("secrets", "secret")])
def test_a_word_that_is_nearly_a_command_is_answered_with_it(typed: str, meant: str) -> None:
    with pytest.raises(click.UsageError, match=f"Did you mean '{meant}'"):
        group.main([typed], standalone_mode=False)
    with pytest.raises(click.UsageError, match="No such command 'zzz'"):
        group.main(["zzz"], standalone_mode=False)


def test_one_is_not_many() -> None:
    assert [counted(number, "row") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
