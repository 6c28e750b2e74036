"""The child reads exactly its files and writes one directory; whatever a file does to it, the rest goes on."""

import gzip
import json
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.adapters.child_process import Child
from pergamon.adapters.confined_reader import LandlockedReader
from pergamon.adapters.landlock import abi_version
from pergamon.formats import (
    ConfinedReader,
    Failed,
    FilePart,
    FormatHints,
    Inspected,
    Limits,
    Misfit,
    ReadRequest,
    WriteRequest,
    WrittenPart,
    schema_as_json,
    schema_from_json,
)
from tests.reference import taken_over

LIMITS = Limits(memory_bytes=256 * 1024**2, ratio_from_bytes=4 * 1024**2)


@pytest.fixture(params=[True, False], ids=["with namespaces", "Landlock and seccomp alone"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LandlockedReader]:
    made = LandlockedReader(tmp_path, tmp_path / "log" / "reader.log", LIMITS, namespaces=request.param)
    yield made
    made.close()


def files(folder: Path) -> list[ReadRequest]:
    """One of each kind of trouble, and good ones around them."""
    contents = {
        "good.csv": "name;size;born\nJörg;1,5;13/3/39\n".encode("cp1252"),
        "ragged.csv": b"a,b\n1\n",
        "bomb.csv.gz": gzip.compress(b"a,b\n" + b"1,2\n" * 16 * 1024**2),
        "rows.ndjson": b'{"a":1,"at":"2020-01-01T10:00:00Z"}\n{"a":2,"b":[{"c":1.5}]}\n',
        "last.csv.gz": gzip.compress(b"a,b\n1,x\n"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    pq.write_table(pa.table({"id": [1, 2]}), folder / "good.parquet")
    return [ReadRequest(folder / name, name) for name in [*contents, "good.parquet", "gone.csv"]]


def test_each_file_has_its_answer_and_none_harms_another(reader: LandlockedReader, tmp_path: Path) -> None:
    port: ConfinedReader = reader
    found = {one.request.path.name: one for one in port.inspect(files(tmp_path))}
    good = [name for name, one in found.items() if isinstance(one, Inspected)]
    assert good == ["good.csv", "rows.ndjson", "last.csv.gz", "good.parquet"]
    bad = {name: str(one.error) for name, one in found.items() if isinstance(one, Failed)}
    assert "line 2 has 1 fields" in bad["ragged.csv"]
    assert "times its size" in bad["bomb.csv.gz"]
    assert "not there any more" in bad["gone.csv"]
    out = tmp_path / "out"
    out.mkdir()
    wanted = [
        WriteRequest(one.request.path, part, part.schema, out / f"{number}.parquet")
        for number, one in enumerate(found.values())
        if isinstance(one, Inspected)
        for part in one.parts
    ]
    written = port.write(wanted)
    assert [one.rows for one in written if isinstance(one, WrittenPart)] == [1, 2, 1, 2]
    assert sorted(out.iterdir()) == sorted(one.out for one in wanted)
    first = pq.read_table(wanted[0].out).to_pylist()[0]
    assert (first["name"], str(first["size"]), str(first["born"])) == ("Jörg", "1.5", "1939-03-13")
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


def test_what_does_not_fit_comes_back_with_the_schema_that_would(reader: LandlockedReader, tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("a,b\n" + "1,x\n" * 30_000 + "1.5,y\n")
    (found,) = reader.inspect([ReadRequest(path, "late.csv")])
    assert isinstance(found, Inspected)
    (part,) = found.parts
    assert part.schema.field("a").type == pa.int64()
    out = tmp_path / "out"
    out.mkdir()
    (failed,) = reader.write([WriteRequest(path, part, part.schema, out / "x.parquet")])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Misfit)
    exact = failed.error.part
    assert exact.schema.field("a").type == pa.decimal128(18, 1)
    (written,) = reader.write([WriteRequest(path, part, exact.schema, out / "x.parquet", {"year": 2020})])
    assert isinstance(written, WrittenPart)
    assert written.rows == 30_001


def test_partition_values_and_field_ids_are_written(reader: LandlockedReader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("b\n2\n")
    (found,) = reader.inspect([ReadRequest(path, "a.csv", FormatHints(header=True))])
    assert isinstance(found, Inspected)
    ids = [{b"PARQUET:field_id": str(number).encode()} for number in (7, 8, 9)]
    target = pa.schema(
        [
            pa.field("b", pa.int64(), metadata=ids[0]),
            pa.field("year", pa.int32(), metadata=ids[1]),
            pa.field("missing", pa.list_(pa.int64()), metadata=None),
        ]
    )
    out = tmp_path / "out"
    out.mkdir()
    for name, schema in (("no", target), ("ids", pa.schema([target.field(0), target.field(1)]))):
        (done,) = reader.write([WriteRequest(path, found.parts[0], schema, out / name, {"year": 2020})])
        assert isinstance(done, WrittenPart)
        assert done.rows == 1
    assert pq.read_table(out / "no").to_pylist() == [{"b": 2, "year": 2020, "missing": None}]
    assert [field.metadata for field in pq.read_schema(out / "ids")] == ids[:2]


SLOW = "a,b\n" + "1,2\n" * 60_000
"""Takes longer than the millisecond that it is given, also where nobody looks at the clock for a while; three are below
a MiB, for which they would be given a second."""


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    reader = LandlockedReader(tmp_path, tmp_path / "log", LIMITS, least_wall_s=0.001)
    path = tmp_path / "a.csv"
    path.write_text(SLOW)
    (failed,) = reader.inspect([ReadRequest(path, "a.csv")])
    reader.close()
    assert isinstance(failed, Failed)
    assert "takes too long" in str(failed.error)


def test_files_that_take_long_leave_the_rest_for_another_call(tmp_path: Path) -> None:
    reader = LandlockedReader(tmp_path, tmp_path / "log", LIMITS, least_wall_s=0.001, patience_s=0)
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text(SLOW)
    found = reader.inspect([ReadRequest(tmp_path / f"{name}.csv", f"{name}.csv") for name in "abc"])
    reader.close()
    assert [one.request.path.name for one in found] == ["a.csv"]


def test_a_file_that_takes_long_to_write_leaves_the_rest_for_another_call(tmp_path: Path) -> None:
    """Alone, or among those that share a file; what takes no time is all written, however long it takes together."""
    reader = LandlockedReader(tmp_path, tmp_path / "log", LIMITS)
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text(SLOW)
    found = reader.inspect([ReadRequest(tmp_path / f"{name}.csv", f"{name}.csv") for name in "abc"])
    parts = [one.parts[0] for one in found if isinstance(one, Inspected)]
    out = tmp_path / "out"
    out.mkdir()
    for names in (("1", "2", "3"), ("one", "one", "one")):
        wanted = [
            WriteRequest(tmp_path / f"{name}.csv", part, part.schema, out / to, {})
            for name, part, to in zip("abc", parts, names, strict=True)
        ]
        slow = replace(reader, least_wall_s=0.001, patience_s=0)
        (failed,) = slow.write(wanted)
        slow.close()
        assert isinstance(failed, Failed)
        assert "takes too long" in str(failed.error)
        patient = replace(reader, patience_s=0)
        assert [type(one) for one in patient.write(wanted)] == [WrittenPart] * 3
        patient.close()
    reader.close()


@pytest.mark.parametrize(("deaths", "told"), [(1, Inspected), (2, Failed)])
def test_only_a_file_over_which_two_children_die_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, told: type
) -> None:
    """It is ended here, as the kernel would for memory; one death may be anybody's doing. The others are read."""
    reader = LandlockedReader(tmp_path, tmp_path / "log", LIMITS)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    answer, killed = LandlockedReader._answer, []

    def kill_after_a(self: LandlockedReader, task: dict[str, object], frame: bytes) -> dict[str, object]:
        if str(task["path"]).endswith("/a") and len(killed) < deaths:
            killed.append(True)
            raise OverflowError
        return answer(self, task, frame)

    monkeypatch.setattr(LandlockedReader, "_answer", kill_after_a)
    found = reader.inspect([ReadRequest(tmp_path / name, name) for name in ("a", "b", "c")])
    reader.close()
    assert [type(one) for one in found] == [told, Inspected, Inspected]
    assert len(killed) == deaths


def test_no_file_is_blamed_for_what_ends_the_process_that_forks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = LandlockedReader(tmp_path, tmp_path / "log", LIMITS)
    (tmp_path / "a").write_text("x,y\n1,2\n")
    given, killed = reader._processes.child, []

    def killed_with_its_server() -> Child:
        child = given()
        if len(killed) < 3 and (server := reader._processes.pid):
            killed.append(server)
            os.killpg(server, signal.SIGKILL)
        return child

    monkeypatch.setattr(reader._processes, "child", killed_with_its_server)
    (found,) = reader.inspect([ReadRequest(tmp_path / "a", "a")])
    reader.close()
    assert isinstance(found, Inspected)
    assert len(set(killed)) == 3


REACHES_OUT = """
tried("granted file", lambda: os.read(os.open(lake + "/granted.csv", os.O_RDONLY), 4))
tried("granted rows", lambda: duckdb.execute(f"SELECT * FROM read_csv('{lake}/granted.csv')").fetchall())
tried("own directory", lambda: os.write(os.open(lake + "/out/new", os.O_WRONLY | os.O_CREAT), b"x"))
tried("other file", lambda: os.open(lake + "/other.csv", os.O_RDONLY))
tried("other rows", lambda: duckdb.execute(f"SELECT * FROM read_csv('{lake}/other.csv')").fetchall())
tried("through a link", lambda: os.open(lake + "/out/link", os.O_RDONLY))
tried("passwords", lambda: os.open("/etc/passwd", os.O_RDONLY))
tried("environment", lambda: os.open("/proc/self/environ", os.O_RDONLY))
tried("own memory", lambda: os.open("/proc/self/mem", os.O_RDWR))
tried("parent's memory", lambda: os.open(f"/proc/{parent}/mem", os.O_RDWR))
tried("list the lake", lambda: os.listdir(lake))
tried("write granted", lambda: os.open(lake + "/granted.csv", os.O_WRONLY))
tried("write other", lambda: os.open(lake + "/other.csv", os.O_WRONLY))
tried("empty other", lambda: os.truncate(lake + "/other.csv", 0))
tried("make a file beside", lambda: os.open(lake + "/new", os.O_WRONLY | os.O_CREAT))
tried("make a file in /tmp", lambda: os.open("/tmp/new", os.O_WRONLY | os.O_CREAT))
tried("copy by SQL", lambda: duckdb.execute(f"COPY (SELECT 1) TO '{lake}/new.csv'").fetchall())
tried("remove", lambda: os.unlink(lake + "/other.csv"))
tried("rename", lambda: os.rename(lake + "/out/new", lake + "/granted.csv"))
tried("rename within", lambda: os.rename(lake + "/out/new", lake + "/out/newer"))
tried("hard link", lambda: os.link(lake + "/other.csv", lake + "/out/x"))
tried("symbolic link", lambda: os.symlink("/etc/passwd", lake + "/out/s"))
tried("pipe file", lambda: os.mkfifo(lake + "/out/fifo"))
tried("device", lambda: os.mknod(lake + "/out/dev", 0o20600, 0x103))
tried("change rights", lambda: os.chmod(lake + "/out/new", 0o4777))
tried("change owner", lambda: os.chown(lake + "/out/new", 0, 0))
tried("tcp socket", lambda: socket.socket())
tried("unix socket", lambda: socket.socket(socket.AF_UNIX))
tried("socket pair", lambda: socket.socketpair())
tried("http by SQL", lambda: duckdb.execute("SELECT * FROM read_text('http://127.0.0.1:1/x')").fetchall())
tried("fork", lambda: os.fork())
tried("vfork", lambda: call(58))
tried("clone", lambda: call(56, 17, 0, 0, 0, 0))
tried("exec", lambda: os.execv("/bin/sh", ["sh", "-c", "id"]))
tried("kill the parent", lambda: os.kill(parent, 0))
tried("trace the parent", lambda: call(101, 16, parent, 0, 0))
tried("mount", lambda: call(165, b"none", b"/mnt", b"tmpfs", 0, 0))
tried("unshare", lambda: call(272, 0x10000000))
tried("io_uring", lambda: call(425, 8, 0))
tried("code in memory", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))
tried("more memory", lambda: len(bytearray(2**33)))
tried("a huge file", lambda: os.pwrite(os.open(lake + "/out/new", os.O_WRONLY), b"x", 2**33))
tried("lift the filter", lambda: call(157, 22, 0, 0, 0, 0))
"""


@pytest.mark.parametrize("namespaces", [True, False], ids=["with namespaces", "Landlock and seccomp alone"])
def test_a_child_that_was_taken_over_reaches_its_files_and_its_directory_alone(
    tmp_path: Path, namespaces: bool
) -> None:
    assert abi_version() >= 1, "this test needs a kernel with Landlock"
    for name in ("granted", "other"):
        (tmp_path / f"{name}.csv").write_text(f"secret\n{name} rows\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "other.csv")
    report = attempt(tmp_path, REACHES_OUT + taken_over.SIBLINGS, namespaces=namespaces)
    for allowed in ("granted file", "granted rows", "own directory"):
        assert report.pop(allowed).startswith("done"), allowed
    assert {name: told for name, told in report.items() if told.startswith("done")} == {}
    assert len(report) >= 43
    assert (tmp_path / "other.csv").read_text() == "secret\nother rows\n"
    made = (tmp_path / "out" / "new").lstat()
    assert stat.S_ISREG(made.st_mode)
    assert not made.st_mode & 0o6000


def attempt(lake: Path, code: str, *, namespaces: bool) -> dict[str, str]:
    """Run `code` in a process confined just as a reader is."""
    load = f"""
from pergamon.adapters import confined_reader_child as child
from pergamon.formats.engine import database
duckdb = database()
child._load_what_comes_late()
lake = {str(lake)!r}
"""
    job = {
        "tasks": [{"path": str(lake / "granted.csv")}],
        "directory": str(lake / "out"),
        "landlock": True,
        "cpu_s": 20,
        "overhead_bytes": 2**31,
        "limits": {"memory_bytes": 2**28, "unpacked_bytes": 2**30},
    }
    return taken_over.attempt(LandlockedReader(lake, lake / "log", namespaces=namespaces)._prefix, load, job, code)


def test_what_the_reader_wrote_must_be_a_plain_file(tmp_path: Path) -> None:
    """A child that was taken over may leave a link where its file should be: the parent does not follow it."""
    from pergamon.adapters.confined_reader import _written

    out = tmp_path / "x.parquet"
    request = WriteRequest(tmp_path / "a", None, pa.schema([]), out)  # type: ignore[arg-type]
    (tmp_path / "secret").write_text("secret")
    out.symlink_to(tmp_path / "secret")
    assert isinstance(_written(request, {"rows": 1}), Failed)
    out.unlink()
    os.link(tmp_path / "secret", out)
    assert isinstance(_written(request, {"rows": 1}), Failed)


@pytest.mark.parametrize("told", [{"name": "a\x00"}, {"dialect": {"quote": ["\ud800"]}}, {"warnings": ["\x00"]}])
def test_a_text_that_no_database_keeps_is_the_files_fault_and_nobody_elses(told: dict[str, object]) -> None:
    from pergamon.adapters.confined_reader import _inspected

    plain = FilePart(None, "csv", "none", pa.schema([("id", pa.int64())]), 1, in_place=False).as_json()
    request = ReadRequest(Path("a"), "a")
    assert isinstance(_inspected(request, {"parts": [plain]}), Inspected)
    assert isinstance(_inspected(request, {"parts": [plain | told]}), Failed)


def test_what_a_reader_says_is_wrong_cannot_speak_to_a_terminal() -> None:
    from pergamon.adapters.confined_reader import _inspected

    failed = _inspected(ReadRequest(Path("a"), "a"), {"unreadable": "a\x1b]0;b\x00", "hint": "\n", "column": "\ud800"})
    assert isinstance(failed, Failed)
    assert (failed.error.message, failed.error.hint) == ("a\ufffd]0;b\ufffd", "\ufffd")


def test_a_name_with_zero_bytes_comes_back_as_it_was() -> None:
    schema = pa.schema([pa.field("a_b", pa.int64(), metadata={"k": "\x00a\x00\x00b"})])
    told = schema_as_json(schema)
    assert "\\u0000" not in json.dumps(told)
    assert schema_from_json(told).field("a_b").metadata == {b"k": b"\x00a\x00\x00b"}


class MortalReader(LandlockedReader):
    """A reader whose process ends over every file that is called `deadly`."""

    def _answer(self, task: dict[str, Any], frame: bytes) -> dict[str, Any]:
        paths = [one["path"] for one in task.get("together", [task])]
        return {"number": 0} if any(path.endswith("deadly") for path in paths) else super()._answer(task, frame)


@pytest.mark.parametrize("bad", ["ragged", "deadly"])
def test_files_that_share_an_output_fail_one_by_one(tmp_path: Path, bad: str) -> None:
    reader = MortalReader(tmp_path, tmp_path / "log" / "reader.log", LIMITS)
    names = [*(f"{number}.csv" for number in range(20)), bad]
    for number, name in enumerate(names):
        (tmp_path / name).write_text("a,b\n" + f"{number},x\n" * number)
    part = FilePart(None, "csv", "none", pa.schema([("a", pa.int64()), ("b", pa.string())]), None, in_place=False)
    looked = reader.inspect([ReadRequest(tmp_path / "1.csv", "1.csv")])[0]
    assert isinstance(looked, Inspected)
    part = replace(part, dialect=looked.parts[0].dialect)
    (tmp_path / "ragged").write_text("a,b\n1\n")
    (tmp_path / "out").mkdir()
    asked = [WriteRequest(tmp_path / name, part, part.schema, tmp_path / "out" / "all.parquet") for name in names]
    done = reader.write(asked)
    reader.close()
    assert [isinstance(one, Failed) for one in done] == [False] * 20 + [True]
    written = [one for one in done if isinstance(one, WrittenPart)]
    files = {one.path for one in written}
    assert len(files) == (1 if bad == "ragged" else 6 + 2)  # six of three files each, two of one
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    for number, one in enumerate(written):
        rows = pq.read_table(one.path).slice(one.first_row, one.rows)
        assert rows["a"].to_pylist() == [number] * number
    assert sum(pq.read_metadata(path).num_rows for path in files) == sum(range(20))
