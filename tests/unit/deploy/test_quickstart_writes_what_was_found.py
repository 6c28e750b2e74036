"""From what a source holds to a configuration that is valid as it stands."""

from pathlib import Path

import pytest

from pergamon.deploy import FoundSource, FoundTable, checked_configuration, choose, quickstart_files, warnings_for
from pergamon.deploy.quickstart import rows_text
from pergamon.kernel import size_text

REASON = "Generated data only; no person is behind any row."


def table(name: str, schema: str = "hda", **given: object) -> FoundTable:
    values: dict[str, object] = {
        "schema": schema,
        "name": name,
        "key": ("id",),
        "identity": "default",
        "identity_columns": ("id",),
        "rows": 12,
        "size_bytes": 8192,
    }
    return FoundTable(**{**values, **given})  # type: ignore[arg-type]


TABLES = (
    table("patients"),
    table("Patients", schema='Old: "x"\n# y'),
    table("bed_stay", key=("ward", "bed"), identity_columns=("ward", "bed")),
    table("by_index", identity="index", identity_columns=("code",)),
    table("log", key=(), identity="full", identity_columns=("a", "b"), rows=-1),
    table("events", key=(), identity="nothing", identity_columns=()),
    table("no_key", key=(), identity_columns=()),
    table("keyed_but_nothing", identity="nothing", identity_columns=()),
    table("readings", partitioned=True),
    table("1st; drop"),
)
SOURCE = FoundSource("db: #1", 5433, "ho'sp\"ital", "repl", 180000, "logical", True, TABLES)


def write(folder: Path, source: FoundSource = SOURCE, unencrypted: str = REASON) -> None:
    files = quickstart_files(
        source, choose(source), organization="acme", secret="source-password", unencrypted=unencrypted
    )
    for name, text in files.items():
        (folder / name).write_text(text)


def test_what_it_writes_is_valid_whatever_names_the_source_has(tmp_path: Path) -> None:
    write(tmp_path)
    specs = checked_configuration(tmp_path, tmp_path).specs
    source = specs["replication-task:source"].model_dump()["source"]
    assert (source["host"], source["port"], source["dbname"]) == ("db: #1", 5433, "ho'sp\"ital")
    assert source["password"] == "{{secret:source-password}}"


def test_each_table_is_taken_as_its_key_and_identity_allow(tmp_path: Path) -> None:
    write(tmp_path)
    specs = checked_configuration(tmp_path, tmp_path).specs
    taken = {
        spec.source_table: (spec.versioning, spec.keys)  # type: ignore[attr-defined]
        for subject, spec in specs.items()
        if subject.startswith("raw-table:")
    }
    assert taken == {
        "patients": ("S", ("id",)),
        "Patients": ("S", ("id",)),
        "bed_stay": ("S", ("ward", "bed")),
        "by_index": ("S", ("code",)),
        "log": ("H", ()),
        "1st; drop": ("S", ("id",)),
    }


def test_every_table_has_a_name_of_its_own_in_the_lake() -> None:
    targets = [choice.target for choice in choose(SOURCE)]
    assert len(set(targets)) == len(targets)
    assert all(target[0].isalpha() and target.replace("_", "").isalnum() for target in targets)


def test_a_table_whose_updates_publishing_would_break_is_left_out_and_said() -> None:
    warnings = "\n".join(warnings_for(SOURCE, choose(SOURCE)))
    for name in ("events", "no_key", "keyed_but_nothing"):
        assert f"hda.{name} is left out: it has no replica identity" in warnings
    assert "hda.log: it has no key: every change is kept" in warnings


@pytest.mark.parametrize(
    ("wal_level", "may_replicate", "migration"),
    [("logical", True, "full-load-and-cdc"), ("replica", True, "full-load"), ("logical", False, "full-load")],
)
def test_changes_are_captured_only_where_the_source_allows_it(
    tmp_path: Path, wal_level: str, may_replicate: bool, migration: str
) -> None:
    source = FoundSource("h", 1, "d", "u", 180000, wal_level, may_replicate, (table("patients"),))
    write(tmp_path, source)
    specs = checked_configuration(tmp_path, tmp_path).specs
    assert specs["replication-task:source"].model_dump(mode="json")["migration_type"] == migration
    assert bool(warnings_for(source, choose(source))) == (migration == "full-load")


def test_a_volume_is_asked_for_unless_a_reason_is_given(tmp_path: Path) -> None:
    write(tmp_path, unencrypted="")
    assert (tmp_path / "datalake.yaml").read_text().count("encryption: volume\n") == 2
    write(tmp_path, unencrypted=r'Only "generated" data: C:\1')
    assert (tmp_path / "datalake.yaml").read_text().count("encryption: none\n") == 2
    checked_configuration(tmp_path, tmp_path)


def test_sizes_are_written_for_people() -> None:
    assert [size_text(value) for value in (0, 999, 8192, 1_500_000, 2 * 10**12)] == [
        "0 B", "999 B", "8.2 kB", "1.5 MB", "2.0 TB"
    ]  # fmt: skip
    assert (rows_text(-1), rows_text(12000)) == ("rows not counted yet", "about 12,000 rows")
