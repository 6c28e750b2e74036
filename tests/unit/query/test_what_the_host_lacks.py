"""Too little memory is no fault of a statement: nobody is told to CAST what a host could not hold."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon.query import QueryTypeError
from pergamon.query.model import UNFIT
from pergamon.query.results import ResultArea

KEEP = """
import os, pathlib, resource, sys
import pyarrow as pa
from pergamon.query.results import ResultArea
pa.set_memory_pool(pa.system_memory_pool())  # others have taken their addresses already
rows = pa.table({"a": [os.urandom(1000).hex() for _ in range(30_000)]})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 2**20,) * 2)
try:
    ResultArea(pathlib.Path(sys.argv[1])).keep("default", "query_1", rows)
except Exception as error:
    print(type(error).__name__)
"""


def test_a_result_that_the_host_has_no_memory_for_is_not_called_unfit(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEP, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["ArrowMemoryError"]
    assert list(tmp_path.iterdir()) == []


def test_no_form_of_a_result_takes_it_for_a_fault_of_the_statement() -> None:
    assert issubclass(pa.ArrowMemoryError, pa.ArrowException), "which none of them may therefore catch"
    assert not issubclass(pa.ArrowMemoryError, UNFIT)


def test_what_a_file_cannot_keep_is(tmp_path: Path) -> None:
    months = pa.table({"i": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(QueryTypeError, match="intervals"):
        ResultArea(tmp_path).keep("default", "query_1", months)
    assert list(tmp_path.iterdir()) == []
