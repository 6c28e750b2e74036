"""The process that reads files of strangers and dies (ADR 0014): a fork of one that loaded everything and saw nothing
(`fork_server_child.py`).

It reads one job, gives up every right that the job does not need, and only then opens a file. The job on stdin is a
frame `J`; out goes one frame `F` a file: JSON with what was found, written, or wrong.
"""

import decimal
import encodings
import importlib
import json
import os
import pkgutil
import resource
import struct
import sys
import tempfile
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import charset_normalizer
import pyarrow as pa
import pyarrow.orc  # what would otherwise be imported when the files of Python are out of reach

from pergamon.adapters.landlock import restrict_to_files
from pergamon.adapters.seccomp import restrict_to_computing
from pergamon.formats import FilePart, FormatHints, Limits, Misfit, Unreadable, inspect_file, write_part
from pergamon.formats import by_format as _loaded_now  # noqa: F401 - before the files of Python are out of reach
from pergamon.formats.engine import database
from pergamon.formats.schema_json import schema_from_json
from pergamon.formats.together import Joined

NOT_ON_LINUX = {"mbcs", "oem", "cp65001"}
TIME_ZONES = "/usr/share/zoneinfo"
"""Public rules that the ORC reader opens when it meets a time."""


def prepared() -> Callable[[], int]:
    """Load everything. Returns: what a fork does."""
    _load_what_comes_late()
    return _answered


def _answered() -> int:
    """Take one job, lock up, work through it."""
    stdout = os.fdopen(os.dup(1), "wb", buffering=0)
    job = _job(sys.stdin.buffer)
    if job is None:
        return 0
    _give_up_rights(job)
    limits = Limits(**job["limits"])
    for number, task in enumerate(job["tasks"]):
        done = _done_together if "together" in task else _done
        _send(stdout, b"F", {"number": number, **done(task, job, limits)})
    return 0


def _done_together(task: dict[str, Any], job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Several files as one: each answers for itself, and only what is whole joins."""
    out, answers = Path(task["out"]), list[dict[str, Any]]()
    try:
        with (
            tempfile.TemporaryDirectory(dir=out.parent, prefix="write-") as scratch,
            Joined(out, schema_from_json(task["target"])) as joined,
        ):
            for one in task["together"]:
                piece = Path(scratch) / "piece.parquet"
                answer = _done({**one, "target": task["target"], "out": str(piece)}, job, limits)
                if "rows" in answer:
                    answer["first_row"] = joined.add(piece)
                piece.unlink(missing_ok=True)
                answers.append(answer)
    except Exception as error:  # as below
        return {"fault": type(error).__name__, "text": str(error)[:4000]}
    return {"answers": answers}


def _done(task: dict[str, Any], job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """What became of one file. Nothing that a file does may end the work on the others."""
    try:
        if job["mode"] == "inspect":
            hints = FormatHints.model_validate(task["hints"])
            scratch, year = Path(job["directory"]), int(job["this_year"])
            parts = inspect_file(Path(task["path"]), task["name"], hints, limits, scratch=scratch, this_year=year)
            return {"parts": [part.as_json() for part in parts]}
        written = write_part(
            Path(task["path"]),
            FilePart.from_json(task["part"]),
            schema_from_json(task["target"]),
            Path(task["out"]),
            constants={name: _constant(told) for name, told in task["constants"].items()},
            limits=limits,
        )
    except Misfit as error:
        return {"misfit": error.message, "part": error.part.as_json()}
    except Unreadable as error:
        return {"unreadable": error.message, "hint": error.hint, "line": error.line, "column": error.column}
    except (MemoryError, pa.ArrowMemoryError):
        return {"unreadable": "reading it takes more memory than allowed", "hint": "split it, or raise memory_bytes"}
    except Exception as error:  # told to the parent, whose 0600 log takes the text and nobody else
        return {"fault": type(error).__name__, "text": str(error)[:4000]}
    return {"rows": written.rows, "size_bytes": written.size_bytes}


def _constant(told: Any) -> Any:  # Any: a JSON scalar
    return decimal.Decimal(told["decimal"]) if isinstance(told, dict) else told


def _load_what_comes_late() -> None:
    """Modules that libraries import at their first use: afterwards nothing can be imported."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in NOT_ON_LINUX:
            importlib.import_module(f"encodings.{module.name}")
    charset_normalizer.from_bytes("größer".encode("cp1252") * 20, cp_isolation=["cp1252", "cp1250"]).best()
    database().execute("SELECT 1").fetchall()
    zoneinfo.ZoneInfo("UTC")
    pa.array([0], pa.timestamp("us", tz="UTC")).to_pylist()
    pa.array([decimal.Decimal("1.5")]).to_pylist()


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - no pathlib needed


def _give_up_rights(job: dict[str, Any]) -> None:
    """Limits, then files, then system calls. Any failure ends the job before a file is opened."""
    if _threads() != 1:
        raise RuntimeError("a thread was started before the restrictions")
    limits = job["limits"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["unpacked_bytes"], limits["unpacked_bytes"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    resource.setrlimit(resource.RLIMIT_CPU, (job["cpu_s"], job["cpu_s"]))
    space = _address_space_bytes() + limits["memory_bytes"] + job["overhead_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    if job["landlock"]:
        zones = {TIME_ZONES} if Path(TIME_ZONES).is_dir() else set()
        restrict_to_files(
            {one["path"] for task in job["tasks"] for one in task.get("together", [task])} | zones,
            directory=job["directory"],
        )
    restrict_to_computing(writing=True)


def _address_space_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


def _send(stdout: BinaryIO, kind: bytes, said: dict[str, Any]) -> None:
    payload = json.dumps(said).encode()
    view = memoryview(kind + struct.pack(">Q", len(payload)) + payload)
    while view:
        view = view[stdout.write(view) or 0 :]


def _job(stdin: BinaryIO) -> dict[str, Any] | None:
    header = stdin.read(9)
    if len(header) < 9:
        return None  # the parent went away, or does not need us
    (length,) = struct.unpack(">Q", header[1:])
    job: dict[str, Any] = json.loads(stdin.read(length))
    return job
