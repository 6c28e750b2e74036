"""What `keep_changing` promises about limits: it is told here through its command, before any database is met."""

import pytest
from click.testing import CliRunner

from pergamon.cli.sample import SourceNotNamed, sample_group
from pergamon.samples.live import KINDS


@pytest.mark.parametrize("option", [["--duration", "5"], ["--changes", "5"]])
def test_a_bound_without_live_is_refused(option: list[str]) -> None:
    result = CliRunner().invoke(sample_group, ["hospital", "dbname=nowhere", *option])
    assert result.exit_code == 2
    assert "go with --live" in result.output


@pytest.mark.parametrize("arguments", [[], ["dbname=nowhere", "--database-url-file", __file__]])
def test_exactly_one_database_is_named(arguments: list[str]) -> None:
    result = CliRunner().invoke(sample_group, ["hospital", *arguments])
    assert isinstance(result.exception, SourceNotNamed)


def test_every_kind_of_change_that_a_replication_must_survive_is_there() -> None:
    assert {"move bed", "swap beds", "count a visit", "rolled back", "discharge", "log device"} <= set(KINDS)
    assert all(weight > 0 for weight, _ in KINDS.values())
