"""A disk, a right or memory that fails is not a damaged file: nobody is told to make a good file again."""

import errno
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pergamon.formats import Unreadable, inspect_file, write_part
from pergamon.formats.blame import blame

DAMAGED = Unreadable("it is damaged")
TABLE = pa.table({"id": list(range(1000))})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (pa.ArrowInvalid("bad"), "it is damaged"),
        (OSError("Couldn't deserialize thrift"), "it is damaged"),
        (OSError(errno.EINVAL, "seek"), "it is damaged"),
        (PermissionError(errno.EACCES, "no"), "Permission denied"),
        (OSError(errno.EIO, "no"), "Input/output error"),
        (OSError(errno.ENOSPC, "no"), "No space left"),
        (OSError(errno.EFBIG, "no"), "larger than allowed"),
        (pa.ArrowMemoryError("malloc of size 1"), "more memory than allowed"),
        (pa.ArrowNotImplementedError("codec"), "not read here"),
    ],
)
def test_an_error_is_the_files_fault_only_when_nothing_else_is(error: Exception, expected: str) -> None:
    assert expected in blame(error, DAMAGED).message


def _parquet(path: Path) -> None:
    pq.write_table(TABLE, path)


def _orc(path: Path) -> None:
    orc.write_table(TABLE, path)


@pytest.mark.parametrize(("name", "make"), [("a.parquet", _parquet), ("a.orc", _orc)])
def test_what_cannot_be_opened_is_not_called_damaged_and_what_is_cut_off_is(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    make(path)
    (part,) = inspect_file(path, name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(Unreadable, match="damaged or cut off"):
        write_part(path, part, part.schema, tmp_path / "out")
    path.unlink()
    with pytest.raises(Unreadable, match="No such file"):
        write_part(path, part, part.schema, tmp_path / "out")
    with pytest.raises(Unreadable, match="No such file"):
        inspect_file(path, name)


def test_a_full_disk_does_not_make_a_good_file_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    sink = io.BytesIO()
    pq.write_table(TABLE, sink)
    path.write_bytes(sink.getvalue())
    (part,) = inspect_file(path, "a.parquet")
    (tmp_path / "out").symlink_to("/dev/full")
    with pytest.raises(Unreadable, match="No space left"):
        write_part(path, part, part.schema, tmp_path / "out")
