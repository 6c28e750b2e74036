"""An ORC file with times needs the host's time zone rules, which the child may read; nothing else of the host."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pergamon.adapters.confined_reader import LandlockedReader
from pergamon.formats import Inspected, Limits, ReadRequest, WriteRequest, WrittenPart

LIMITS = Limits(memory_bytes=256 * 1024**2)


@pytest.mark.parametrize("namespaces", [True, False])
def test_times_of_an_orc_file_are_read(tmp_path: Path, namespaces: bool) -> None:
    # without a zone, as ORC keeps them
    taken = [datetime(2026, 6, 1, 12, 30), None, datetime(1969, 12, 31, 23, 59, 59, 250_000)]  # noqa: DTZ001
    orc.write_table(pa.table({"taken": pa.array(taken, pa.timestamp("us"))}), tmp_path / "t.orc")
    reader = LandlockedReader(tmp_path, tmp_path / "log" / "reader.log", LIMITS, namespaces=namespaces)
    try:
        (found,) = reader.inspect([ReadRequest(tmp_path / "t.orc", "t.orc")])
        assert isinstance(found, Inspected), found
        part = found.parts[0]
        (tmp_path / "out").mkdir()
        (written,) = reader.write([WriteRequest(tmp_path / "t.orc", part, part.schema, tmp_path / "out" / "t.parquet")])
        assert isinstance(written, WrittenPart), written
    finally:
        reader.close()
    read = pq.read_table(tmp_path / "out" / "t.parquet")["taken"].to_pylist()
    assert [at and at.replace(tzinfo=None) for at in read] == taken
