"""`init`, `ls`, `synth`, `diff`, `deploy`, `destroy`, `schema`, `quickstart`, as a user types them."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon.cli.main import main
from pergamon.store import Store

Pergamon = Callable[..., "tuple[int, str, str]"]
REASON = "Generated data only; no person is behind any row."


@pytest.fixture
def pergamon(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pergamon:
    """Run a command on an installation of its own. Returns: exit code, what it printed, what it complained."""
    monkeypatch.setenv("PERGAMON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", postgres_url)
    monkeypatch.delenv("PERGAMON_SECRET_SOURCE_PASSWORD", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = int(main([str(argument) for argument in arguments]) or 0)
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def kit(pergamon: Pergamon, tmp_path: Path) -> Path:
    assert pergamon("init", "health-data-accelerator", tmp_path / "kit")[0] == 0
    return tmp_path / "kit"


def parsed(text: str) -> Any:
    return json.loads(text)


def test_init_overwrites_nothing(pergamon: Pergamon, kit: Path) -> None:
    code, _, complaint = pergamon("init", "health-data-accelerator", kit)
    assert code == 5
    assert "not empty" in complaint


def test_init_fills_in_what_it_is_told(pergamon: Pergamon, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    values = ("--set", "source-port=5433", "--set", r"source-host=/tmp/it's \1 here", "--organization", "acme")
    assert pergamon("init", "health-data-accelerator", folder, *values)[0] == 0
    code, out, _ = pergamon("synth", "-C", folder, "--json")
    assert code == 0
    steps = {step["subject"]: step for step in parsed(out)["steps"]}
    source = steps["replication-task:hospital"]["after"]["source"]
    assert (source["port"], source["host"]) == (5433, r"/tmp/it's \1 here")
    assert steps["role:data-user"]["deployment"] == "acme/shared/dev"


@pytest.mark.parametrize("value", ["nothing", "=x", "source-hots=x"])
def test_init_refuses_a_value_that_the_kit_does_not_have(pergamon: Pergamon, tmp_path: Path, value: str) -> None:
    assert pergamon("init", "health-data-accelerator", tmp_path / "mine", "--set", value)[0] == 2
    assert not (tmp_path / "mine").exists()


def test_ls_needs_no_installation(pergamon: Pergamon, kit: Path, tmp_path: Path) -> None:
    code, out, _ = pergamon("ls", "-C", kit)
    assert code == 0
    assert "        bucket:raw\n" in out
    assert not (tmp_path / "home").exists()
    modules = parsed(pergamon("ls", "-C", kit, "--json")[1])
    assert {module["module"] for module in modules} >= {"roles", "datalake", "workflows"}


def test_synth_says_who_may_reach_what(pergamon: Pergamon, kit: Path) -> None:
    code, out, _ = pergamon("synth", "-C", kit)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["curated", "/data", "curated_db", "data-user", "read", "person:ulla"] in rows
    assert not any(row[:1] == ["raw"] and "data-user" in row for row in rows)
    reach = parsed(pergamon("synth", "-C", kit, "--json")[1])["who_may_reach_what"]
    assert {"curated"} == {line["bucket"] for line in reach if line["role"] == "data-user"}


def test_deploy_shows_progress_and_a_second_time_changes_nothing(pergamon: Pergamon, kit: Path) -> None:
    shown = parsed(pergamon("synth", "-C", kit, "--json")[1])["steps"]
    assert pergamon("diff", "-C", kit)[0] == 5
    code, out, _ = pergamon("deploy", "-C", kit)
    assert code == 0
    progress = [line for line in out.splitlines() if line.startswith("[")]
    assert len(progress) == len(shown) == 48
    assert all(step["subject"] in line for step, line in zip(shown, progress, strict=True))
    assert pergamon("deploy", "-C", kit) == (0, "no change: 48 resources are as the configuration says\n", "")
    assert pergamon("diff", "-C", kit)[0] == 0
    assert parsed(pergamon("deploy", "-C", kit, "--json")[1])["steps"] == []


def test_a_mistake_is_shown_with_its_line_and_nothing_starts(pergamon: Pergamon, kit: Path, tmp_path: Path) -> None:
    file = kit / "datalake/query.yaml"
    file.write_text(file.read_text().replace("maxRows: 10000", "maxrows: 10000"))
    line = file.read_text().splitlines().index("  maxrows: 10000") + 1
    code, _, complaint = pergamon("deploy", "-C", kit)
    assert code == 2
    assert f"datalake/query.yaml:{line}  limits.maxrows" in complaint
    assert "did you mean `maxRows`?" in complaint
    assert not (tmp_path / "home").exists()


def test_destroy_asks_first(pergamon: Pergamon, kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pergamon("deploy", "-C", kit)
    monkeypatch.setattr("sys.stdin", StringIO())  # nobody answers
    assert pergamon("destroy", "-C", kit)[0] == 130
    assert pergamon("diff", "-C", kit)[0] == 0
    assert pergamon("destroy", "-C", kit, "--yes")[0] == 0
    assert pergamon("destroy", "-C", kit, "--yes") == (0, "nothing to remove\nnothing to remove\n", "")


def test_destroy_does_not_ask_about_what_would_be_refused(
    pergamon: Pergamon, kit: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """A database that somebody made beside the configuration keeps its bucket."""
    pergamon("deploy", "-C", kit)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "INSERT INTO lake_database (name, bucket, spec, tags, changed_at) "
            "SELECT 'by_hand_db', bucket, spec, tags, changed_at FROM lake_database WHERE name = 'raw_db'"
        )
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    code, out, complaint = pergamon("destroy", "-C", kit)
    assert code == 5
    assert "by_hand_db" in complaint
    assert "Remove all this" not in out + complaint
    assert pergamon("diff", "-C", kit)[0] == 0


def test_two_do_not_deploy_at_once_and_the_second_is_told_who_does(
    pergamon: Pergamon, kit: Path, tmp_path: Path, postgres_url: str
) -> None:
    first = Store(postgres_url)
    try:
        with first.alone("deployment", "by operator:rita, process 7 on node-b"):
            for command in (("deploy",), ("destroy", "--yes")):
                code, _, complaint = pergamon(*command, "-C", kit)
                assert code == 5
                assert "a deployment is under way: by operator:rita, process 7 on node-b, since 20" in complaint
            assert pergamon("diff", "-C", kit, "--json")[0] == 5, "looking is not deploying"
    finally:
        first.close()
    assert pergamon("deploy", "-C", kit)[0] == 0


def test_a_lost_configuration_can_still_be_removed(pergamon: Pergamon, kit: Path, tmp_path: Path) -> None:
    pergamon("deploy", "-C", kit)
    code, _, _ = pergamon("destroy", "-C", tmp_path, "--deployment", "example-hospital/dataops/dev", "--yes")
    assert code == 0
    steps = parsed(pergamon("diff", "-C", kit, "--json")[1])["steps"]
    assert {step["deployment"] for step in steps} == {"example-hospital/dataops/dev"}


def test_every_schema_is_printed(pergamon: Pergamon, tmp_path: Path) -> None:
    names = pergamon("schema")[1].split()
    for name in names:
        assert parsed(pergamon("schema", name)[1])["title"].startswith("Pergamon: ")
    assert pergamon("schema", "--out", tmp_path / "s")[0] == 0
    assert len(list((tmp_path / "s").iterdir())) == len(names)
    assert pergamon("schema", "streams")[0] == 4


SOURCE = """
CREATE SCHEMA hda;
CREATE TABLE hda.patients (id uuid PRIMARY KEY, name text);
CREATE TABLE hda.bed_stay (bed int, note text, ward text, PRIMARY KEY (ward, bed));
CREATE TABLE hda.coded (id int PRIMARY KEY, code text NOT NULL UNIQUE);
ALTER TABLE hda.coded REPLICA IDENTITY USING INDEX coded_code_key;
CREATE TABLE hda.log (at timestamptz, line text);
ALTER TABLE hda.log REPLICA IDENTITY FULL;
CREATE TABLE hda.no_key (line text);
CREATE TABLE "Größe" (id int PRIMARY KEY);
CREATE TABLE parts (id int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);
INSERT INTO hda.patients SELECT gen_random_uuid(), 'x' FROM generate_series(1, 500);
ANALYZE;
"""


@pytest.fixture
def source(postgres_url: str) -> str:
    """A hospital in a database of its own beside the platform's."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA inspected")
        connection.execute(SOURCE.encode())
    return postgres_url


def test_quickstart_writes_a_configuration_that_deploys(pergamon: Pergamon, source: str, tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    password = str(conninfo_to_dict(source)["password"])
    code, out, complaint = pergamon("quickstart", source, folder, "--unencrypted", REASON)
    assert code == 0, complaint
    assert "the password stood on the command line" in complaint
    assert "hda.no_key is left out" in complaint
    assert "public.parts is left out: it is partitioned" in complaint
    rows = {line.split()[0]: line for line in out.splitlines() if "." in line}
    assert "about 500 rows" in rows["hda.patients"]
    assert rows["hda.bed_stay"].split()[-3:] == ["ward,", "bed", "S"]
    assert rows["hda.coded"].split()[-2:] == ["code", "S"]
    assert rows["hda.log"].split()[-2:] == ["-", "H"]
    assert "public.scratch" not in rows
    assert (tmp_path / "home" / "secrets" / "source-password").read_text() == password
    assert (tmp_path / "home" / "secrets" / "source-password").stat().st_mode & 0o777 == 0o600
    assert all(password not in file.read_text() for file in folder.iterdir())
    assert password not in out + complaint
    assert pergamon("deploy", "-C", folder)[0] == 0
    assert pergamon("diff", "-C", folder)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('keys: ["code"]', 'keys: ["id"]', "key id is not in the replica identity of hda.coded (code)"),
        ('keys: ["ward", "bed"]', 'keys: ["ward", "note"]', "key note is not in the replica identity"),
        ('keys: ["ward", "bed"]', 'keys: ["BED", "ward"]', ""),
        ('source_table: "patients"', 'source_table: "coded"', "key id is not in the replica identity"),
    ],
)
def test_keys_that_no_change_carries_are_refused_before_anything_starts(  # noqa: PLR0917
    pergamon: Pergamon, source: str, tmp_path: Path, old: str, new: str, message: str
) -> None:
    folder = tmp_path / "quick"
    pergamon("quickstart", source, folder, "--unencrypted", REASON)
    text = (folder / "tracker.yaml").read_text()
    assert old in text
    (folder / "tracker.yaml").write_text(text.replace(old, new, 1))
    code, _, complaint = pergamon("deploy", "-C", folder)
    assert code == (2 if message else 0)
    assert message in complaint


def test_a_table_that_the_source_does_not_have_is_refused(pergamon: Pergamon, source: str, tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    pergamon("quickstart", source, folder, "--unencrypted", REASON)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("ALTER TABLE hda.patients RENAME TO persons")
    code, _, complaint = pergamon("synth", "-C", folder)
    assert code == 2
    assert "the source has no table hda.patients" in complaint


def test_a_source_that_does_not_answer_does_not_stop_a_plan(pergamon: Pergamon, source: str, tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    pergamon("quickstart", source, folder, "--unencrypted", REASON)
    (tmp_path / "home" / "secrets" / "source-password").write_text("wrong-11aa")
    code, _, complaint = pergamon("deploy", "-C", folder)
    assert code == 0
    assert "note: the source of replication-task:source was not looked at" in complaint
    assert "wrong-11aa" not in complaint


def test_quickstart_takes_the_password_from_the_environment(
    pergamon: Pergamon, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(source)
    monkeypatch.setenv("PERGAMON_SECRET_SOURCE_PASSWORD", str(parts.pop("password")))
    code, _, complaint = pergamon("quickstart", make_conninfo("", **parts), tmp_path / "quick", "--json")
    assert code == 0
    assert "command line" not in complaint


def test_quickstart_says_what_is_wrong_with_the_source(pergamon: Pergamon, source: str, tmp_path: Path) -> None:
    wrong = make_conninfo(source, password="wrong-5d1f")
    closed = make_conninfo(source, host="127.0.0.1", port=1)
    for conninfo, code in ((wrong, 6), (closed, 6), ("postgresql://x:pw-7a@[", 2)):
        got, out, complaint = pergamon("quickstart", conninfo, tmp_path / "quick")
        assert got == code
        assert not (tmp_path / "quick").exists()
        assert not any(secret in out + complaint for secret in ("wrong-5d1f", "pw-7a"))
