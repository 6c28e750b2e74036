"""With the gate left out: what could a process do that was taken over? The operating system must refuse it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.adapters import duckdb_sandbox
from pergamon.adapters.child_process import Child
from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.adapters.landlock import abi_version, handled_rights
from pergamon.kernel import PergamonError
from pergamon.query import QueryJob, QueryLimits, judge
from tests.reference import taken_over

LIMITS = QueryLimits(timeout_s=20, memory_mb=256)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two files, of which only `granted` is granted."""
    for name in ("granted", "other"):
        pq.write_table(pa.table({"secret": [f"{name} rows"]}), tmp_path / f"{name}.parquet")
    return tmp_path


def attempt(lake: Path, code: str, *, namespaces: bool, landlock: bool = True) -> dict[str, str]:
    """Run `code` in a process confined just as a query is."""
    limits = {"files": 64, "cpu_s": 20, "memory_bytes": 2**28, "overhead_bytes": 2**31}
    load = f"""
from pergamon.adapters import duckdb_child as child
duckdb = child._connected({json.loads(duckdb_sandbox._extensions()[0])!r})
lake = {str(lake)!r}
"""
    return taken_over.attempt(
        DuckDBSandbox(lake, lake / "log", namespaces=namespaces)._prefix,
        load,
        {"files": [str(lake / "granted.parquet")], "landlock": landlock, "limits": limits},
        code,
    )


REACHES_OUT = """
tried("granted file", lambda: os.read(os.open(lake + "/granted.parquet", os.O_RDONLY), 4))
tried("granted rows", lambda: duckdb.execute(f"SELECT * FROM read_parquet('{lake}/granted.parquet')").fetchall())
tried("other file", lambda: os.open(lake + "/other.parquet", os.O_RDONLY))
tried("other rows", lambda: duckdb.execute(f"SELECT * FROM read_parquet('{lake}/other.parquet')").fetchall())
tried("passwords", lambda: os.open("/etc/passwd", os.O_RDONLY))
tried("passwords by SQL", lambda: duckdb.execute("SELECT * FROM read_text('/etc/passwd')").fetchall())
tried("own memory", lambda: os.open("/proc/self/mem", os.O_RDWR))
tried("environment", lambda: os.open("/proc/self/environ", os.O_RDONLY))
tried("parent's memory", lambda: os.open(f"/proc/{parent}/mem", os.O_RDWR))
tried("list the lake", lambda: os.listdir(lake))
tried("list by SQL", lambda: duckdb.execute(f"SELECT * FROM glob('{lake}/*')").fetchall())
tried("write granted", lambda: os.open(lake + "/granted.parquet", os.O_WRONLY))
tried("make a file", lambda: os.open(lake + "/new", os.O_WRONLY | os.O_CREAT))
tried("make a file in /tmp", lambda: os.open("/tmp/new", os.O_WRONLY | os.O_CREAT))
tried("copy by SQL", lambda: duckdb.execute(f"COPY (SELECT 1) TO '{lake}/new.csv'").fetchall())
tried("attach by SQL", lambda: duckdb.execute(f"ATTACH '{lake}/new.db'").fetchall())
tried("remove", lambda: os.unlink(lake + "/other.parquet"))
tried("rename", lambda: os.rename(lake + "/other.parquet", lake + "/granted.parquet"))
tried("link", lambda: os.link(lake + "/other.parquet", lake + "/x"))
tried("tcp socket", lambda: socket.socket())
tried("udp socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
tried("unix socket", lambda: socket.socket(socket.AF_UNIX))
tried("netlink socket", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tried("socket pair", lambda: socket.socketpair())
tried("http by SQL", lambda: duckdb.execute("SELECT * FROM read_text('http://127.0.0.1:1/x')").fetchall())
tried("exec", lambda: os.execv("/bin/sh", ["sh", "-c", "id"]))
tried("fork", lambda: os.fork())
tried("kill the parent", lambda: os.kill(parent, 0))
tried("trace the parent", lambda: call(101, 16, parent, 0, 0))
tried("read the parent", lambda: call(310, parent, 0, 0, 0, 0, 0))
tried("mount", lambda: call(165, b"none", b"/mnt", b"tmpfs", 0, 0))
tried("unshare", lambda: call(272, 0x10000000))
tried("io_uring", lambda: call(425, 8, 0))
tried("bpf", lambda: call(321, 0, 0, 0))
tried("anonymous file", lambda: os.memfd_create("x"))
tried("code in memory", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))
tried("another library", lambda: ctypes.CDLL("libresolv.so.2"))
tried("more memory", lambda: len(bytearray(2**33)))
tried("raise a limit", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_FSIZE, (-1, -1)))
tried("lift no_new_privs", lambda: call(157, 38, 0, 0, 0, 0))
tried("lift the filter", lambda: call(157, 22, 0, 0, 0, 0))
"""


@pytest.mark.parametrize("namespaces", [True, False], ids=["with namespaces", "Landlock and seccomp alone"])
def test_a_process_that_was_taken_over_reaches_nothing_but_its_files(lake: Path, namespaces: bool) -> None:
    assert abi_version() >= 1, "this test needs a kernel with Landlock"
    report = attempt(lake, REACHES_OUT + taken_over.SIBLINGS, namespaces=namespaces)
    assert report.pop("granted file").startswith("done")
    assert report.pop("granted rows") == "done: [('granted rows',)]"
    done = {name: told for name, told in report.items() if told.startswith("done") and told != "done: []"}
    assert done == {}
    assert len(report) >= 43
    assert (lake / "other.parquet").exists()


@pytest.mark.parametrize("namespaces", [True, False], ids=["with namespaces", "seccomp alone"])
def test_even_without_landlock_no_query_looks_into_another(lake: Path, namespaces: bool) -> None:
    """Only root, where there are no namespaces, is given everybody's memory and files by the system itself."""
    report = attempt(lake, taken_over.SIBLINGS, namespaces=namespaces, landlock=False)
    is_root_of_the_host = os.getuid() == 0 and not DuckDBSandbox(lake, lake / "log", namespaces=namespaces)._prefix
    roots_alone = {"sibling's memory", "sibling's files"} if is_root_of_the_host else set()
    assert {name for name, told in report.items() if told.startswith("done")} <= roots_alone
    assert len(report) == 7


def test_in_a_namespace_the_rest_of_the_host_is_not_even_there(lake: Path) -> None:
    if not DuckDBSandbox(lake, lake / "log")._prefix:
        pytest.skip("this host forbids namespaces; Landlock and seccomp stand alone")
    prefix = DuckDBSandbox(lake, lake / "log")._prefix
    script = (
        "import os, socket; print(os.path.exists('/etc/passwd'), os.getpid() < 5, socket.if_nameindex(), os.getuid())"
    )
    done = subprocess.run(
        [*prefix, sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.split() == ["False", "True", "[(1,", "'lo')]", "65534"]


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_parquet('{lake}/other.parquet')",
    "SELECT * FROM '{lake}/other.parquet'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "COPY (SELECT 1) TO '{lake}/out.csv'",
    "ATTACH '{lake}/x.db'",
    "SET enable_external_access = true",
    "SET memory_limit = '100GB'",
    "SET allowed_paths = ['/etc/passwd']",
    "RESET lock_configuration",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE '{lake}/out'",
    "IMPORT DATABASE '{lake}'",
])  # fmt: skip
def test_the_engine_itself_is_locked_even_when_the_gate_is_left_out(lake: Path, sql: str) -> None:
    sandbox = DuckDBSandbox(lake, lake / "log")
    try:
        with pytest.raises(PergamonError):
            sandbox.run(QueryJob("query_1", sql.format(lake=lake), (), LIMITS))
    finally:
        sandbox.close()
    assert sorted(entry.name for entry in lake.iterdir() if entry.name != "log") == ["granted.parquet", "other.parquet"]


def test_without_landlock_nothing_runs_unless_it_was_accepted_by_name(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_sandbox, "abi_version", lambda: 0)
    with pytest.raises(PergamonError) as refused:
        DuckDBSandbox(lake, lake / "log").run(QueryJob("query_1", "SELECT 1", (), LIMITS))
    assert refused.value.code == "query.sandbox_missing"
    accepted = DuckDBSandbox(lake, lake / "log", without_landlock=True)
    try:
        assert "landlock" not in accepted.mode
        assert accepted.run(QueryJob("query_2", "SELECT 1 AS one", (), LIMITS))[0].to_pylist() == [{"one": 1}]
    finally:
        accepted.close()


def test_a_short_text_with_an_enormous_tree_is_refused_and_the_next_one_is_read(lake: Path) -> None:
    cubes = ", ".join(
        "(SELECT 1 FROM a.t GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l, m, n))" for _ in range(500)
    )
    copies = "x"
    for _ in range(40):
        copies = f"CASE {copies} WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 END"
    sandbox = DuckDBSandbox(lake, lake / "log")
    try:
        for text in (f"SELECT {cubes}", f"SELECT {copies}"):
            assert len(text) < 65_536
            with pytest.raises(PergamonError) as refused:
                judge(text, sandbox.parse)
            assert refused.value.code in {"query.refused", "query.syntax_error"}
            assert '"error":false' in sandbox.parse("SELECT 1")
    finally:
        sandbox.close()


def test_one_process_is_one_query_and_is_gone_afterwards(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = DuckDBSandbox(lake, lake / "log")
    used: list[int] = []
    child = sandbox._processes.child

    def noted() -> Child:
        given = child()
        used.append(given.pid)
        return given

    monkeypatch.setattr(sandbox._processes, "child", noted)
    try:
        drawn = [sandbox.run(QueryJob("query_1", "SELECT uuid(), random()", (), LIMITS))[0] for _ in range(3)]
        assert len(set(used)) == 3
        assert [_state(pid) in {"", "Z"} for pid in used] == [True] * 3
        assert len({str(rows.to_pylist()) for rows in drawn}) == 3, "forks draw the same random numbers"
    finally:
        sandbox.close()


@pytest.mark.parametrize("after_s", [0, 0.003, 0.03, 0.3])
def test_a_process_ended_while_it_starts_leaves_nothing_behind(lake: Path, after_s: float) -> None:
    """A bubblewrap that is killed while it sets up its namespaces left its own child waiting for ever."""
    sandbox = DuckDBSandbox(lake=lake, log=lake / "engine.log")
    sandbox.prewarm()
    started = sandbox._processes.pid
    assert started is not None
    time.sleep(after_s)
    sandbox.close()
    deadline = time.monotonic() + 10
    while [pid for pid in _group(started) if _state(pid) not in ("Z", "X", "")]:
        assert time.monotonic() < deadline, "a process of the group is still alive"
        time.sleep(0.01)


def _group(leader: int) -> list[int]:
    """Every process of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == leader:
            found.append(int(stat.parent.name))
    return found


def test_every_process_ends_with_its_parent(lake: Path) -> None:
    script = f"""
import os
from pathlib import Path
from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
sandbox = DuckDBSandbox(Path({str(lake)!r}), Path({str(lake / "log")!r}), namespaces=False)
print(sandbox._processes.child().pid, sandbox._processes.pid, flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    deadline = time.monotonic() + 10
    while any(_state(int(pid)) not in {"", "Z"} for pid in done.stdout.split()):
        assert time.monotonic() < deadline, "it still waits"
        time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_every_right_that_a_version_of_landlock_knows_is_taken_away() -> None:
    assert handled_rights(1) == (0x1FFF, 0, 0)
    assert handled_rights(2) == (0x3FFF, 0, 0)
    assert handled_rights(3) == (0x7FFF, 0, 0)
    assert handled_rights(4) == (0x7FFF, 3, 0)
    assert handled_rights(5) == (0xFFFF, 3, 0)
    assert handled_rights(7) == (0xFFFF, 3, 3)
