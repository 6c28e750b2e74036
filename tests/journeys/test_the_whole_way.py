"""The demo, as a newcomer runs it; then the hospital's own tables held against what stands in raw, row by row."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pyiceberg.table import StaticTable

from pergamon import audit, lake, pipeline
from pergamon.runtime import Runtime, open_runtime, sample_source
from pergamon.samples import write_medical_assets
from pergamon.settings import Settings

pytestmark = pytest.mark.timeout(900)  # a busy machine; alone the demo takes a minute

RULE_ADDED = {"CDC_TIMESTAMP_SEQ", "CDC_OPERATION"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished demo: its directory and what it printed."""
    directory = tmp_path_factory.mktemp("d") / "demo"
    command = [sys.executable, "-m", "pergamon.cli", "demo", "--directory", str(directory)]
    done = subprocess.run(
        [*command, "--patients", "60", "--changes", "240"], capture_output=True, text=True, check=False, timeout=800
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return directory, done.stdout


@pytest.fixture(scope="module")
def installation(demo: tuple[Path, str]) -> Iterator[Runtime]:
    with open_runtime(Settings(home=demo[0] / "home")) as runtime:
        yield runtime


def test_the_demo_tells_every_stage_and_how_to_go_on(demo: tuple[Path, str]) -> None:
    _, said = demo
    for stage in range(1, 13):
        assert f"[{stage}/12]" in said
    assert "no change" in said, "deploying twice changes nothing"
    assert "chain intact" in said
    assert "To go on" in said


def test_the_hospital_of_the_demo_is_kept_alive_as_the_demo_says(demo: tuple[Path, str]) -> None:
    directory, said = demo
    assert re.search(r"sample serve \S*hospital --live 5", said)
    command = [sys.executable, "-m", "pergamon.cli", "sample", "serve", str(directory / "hospital")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as served:
        assert served.stdout is not None
        told = served.stdout.readline()
        served.send_signal(signal.SIGINT)
        told += served.stdout.read()
    assert served.returncode == 0, told
    assert "The hospital is open" in told


def test_what_a_person_may_not_see_is_answered_as_not_there(demo: tuple[Path, str]) -> None:
    _, said = demo
    refused = said[said.index("[7/12]") : said.index("[8/12]")]
    assert "no such table" in refused
    assert "audit.act_denied" in said


def test_every_raw_table_holds_exactly_what_the_hospital_holds(demo: tuple[Path, str], installation: Runtime) -> None:
    """Nothing lost, nothing twice, nothing changed on the way: through full load, live changes, TOAST, key swaps."""
    source = sample_source(demo[0] / "hospital" / "server")
    with installation.begin(installation.operator()) as uow:
        specs = [spec for spec in pipeline.read_raw_tables(uow).values() if spec.versioning == "S"]
    assert len(specs) == 12
    with source.in_use(), psycopg.connect(source.conninfo, row_factory=dict_row) as connection:
        for spec in specs:
            there = connection.execute(f'SELECT * FROM "{spec.source_schema}"."{spec.source_table}"').fetchall()
            here = raw_rows(installation, spec.target_database, spec.target_table)
            assert len(here) == len(there), spec.target
            assert bag(here, like=here) == bag(there, like=here), spec.target


def test_the_history_tables_hold_every_insert_of_a_table_without_a_key(
    demo: tuple[Path, str], installation: Runtime
) -> None:
    source = sample_source(demo[0] / "hospital" / "server")
    with source.in_use(), psycopg.connect(source.conninfo) as connection:
        found = connection.execute("SELECT count(*) FROM vital.gateway_event").fetchone()
    assert found is not None
    assert len(raw_rows(installation, "raw_db", "gateway_event")) == found[0]


def test_a_column_that_came_while_replication_ran_is_in_raw(demo: tuple[Path, str], installation: Runtime) -> None:
    rows = raw_rows(installation, "raw_db", "patients")
    assert any(row["preferred_language"] for row in rows)


def test_the_trail_holds_a_record_of_each_kind_of_act(demo: tuple[Path, str], installation: Runtime) -> None:
    with installation.begin(installation.operator()) as uow:
        verdict = audit.verify_trail(uow, installation.head_file)
        codes = {entry.code for entry in audit.read_trail(uow, limit=10_000)}
    assert verdict.intact
    for room in (
        "deploy",
        "identity",
        "replicate",
        "pipeline",
        "lake",
        "objects",
        "crawl",
        "catalog",
        "access",
        "query",
        "audit",
    ):
        assert any(code.startswith(f"{room}.") for code in codes), room


def test_an_uploaded_folder_is_found_by_a_colleague_who_cannot_read_it(demo: tuple[Path, str]) -> None:
    _, said = demo
    found = said[said.index("[9/12]") : said.index("[10/12]")]
    for table in ("encounters", "heart_rates", "lab_results", "medications", "patients"):
        assert f"ehds_db.{table}" in found, "a word with a slip finds what has a column of that name"
    assert "did you mean: patients" in found
    assert found.count("no such table") == 1


def test_what_was_asked_for_is_given_and_nothing_else(demo: tuple[Path, str]) -> None:
    _, said = demo
    granted = said[said.index("[11/12]") : said.index("[12/12]")]
    assert "no such column: cost" in granted
    assert granted.count("no such table") == 1, "after it was taken back"


def test_every_row_of_every_uploaded_file_is_in_its_table(demo: tuple[Path, str], installation: Runtime) -> None:
    written = write_medical_assets(demo[0] / "once-more")
    wanted: Counter[str] = Counter()
    for path, rows in written.items():
        wanted[path.partition("/")[0]] += rows
    assert {table: len(raw_rows(installation, "ehds_db", table)) for table in wanted} == dict(wanted)


def test_each_upload_left_its_events_on_the_way_to_its_listing(installation: Runtime) -> None:
    with installation.begin(installation.operator()) as uow:
        codes = Counter(entry.code for entry in audit.read_trail(uow, limit=10_000))
    assert codes["objects.put"] == 11
    assert codes["crawl.table_crawled"] >= 6
    assert codes["catalog.asset_made"] == 6
    assert codes["catalog.asset_published"] >= 6


def test_no_row_value_stands_in_the_trail(demo: tuple[Path, str], installation: Runtime) -> None:
    names = {row["family_name"] for row in raw_rows(installation, "raw_db", "patients") if row["family_name"]}
    with installation.begin(installation.operator()) as uow:
        text = " ".join(entry.facts for entry in audit.read_trail(uow, limit=10_000))
    assert names
    assert not [name for name in names if len(name) > 3 and name in text]


def raw_rows(installation: Runtime, database: str, table: str) -> list[dict[str, Any]]:
    with installation.begin(installation.operator()) as uow:
        location = lake.read_table(uow, lake.TableId(database, table)).metadata_location
    rows: list[dict[str, Any]] = StaticTable.from_metadata(location).scan().to_arrow().to_pylist()
    own = {name for name in (rows[0] if rows else {}) if name.startswith("_")} | RULE_ADDED
    return [{name: value for name, value in row.items() if name not in own} for row in rows]


def bag(rows: list[dict[str, Any]], like: list[dict[str, Any]]) -> Counter[str]:
    """Rows as a bag of texts; values that raw keeps as text are compared by what they mean."""
    names = list(like[0]) if like else []
    return Counter(repr([meaning(row[name]) for name in names]) for row in rows)


def meaning(value: Any) -> Any:
    """One spelling for a value, however PostgreSQL's client or Arrow hands it over."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal | float) or (isinstance(value, int) and not isinstance(value, bool)):
        return number(Decimal(str(value)))
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, list):
        return [meaning(item) for item in value]
    if isinstance(value, str):
        return meaning_of_text(value)
    return value if value is None or isinstance(value, bool | bytes) else str(value)


def meaning_of_text(text: str) -> Any:
    """A text that is a JSON document or an exact number means the same however it is spelled."""
    if text.startswith(("{", "[")):
        try:
            return meaning(json.loads(text))
        except ValueError:
            return text
    try:
        return number(Decimal(text))
    except ArithmeticError:
        return text


def number(value: Decimal) -> str:
    return format(value.normalize(), "f") if value.is_finite() else str(value)
