"""Names as DMS gives them; on a collision, and when the clock goes back, the next free millisecond."""

import datetime as dt
from pathlib import Path

from pergamon.kernel import FixedClock
from pergamon.replicate.landing import TableFolder, change_file_path, load_file_name

NOW = dt.datetime(2026, 2, 28, 23, 59, 59, 999_400, tzinfo=dt.UTC)


def test_names_are_those_of_dms() -> None:
    assert load_file_name(1) == "LOAD00000001.parquet"
    assert load_file_name(10) == "LOAD0000000A.parquet"
    assert change_file_path(NOW) == Path("2026/02/28/20260228-235959999.parquet")


def test_a_clock_that_stands_still_gives_names_that_grow(tmp_path: Path) -> None:
    folder = TableFolder(tmp_path, "t", "hda", "patients", FixedClock(NOW))
    names = [folder.next_change_path().relative_to(folder.folder) for _ in range(3)]
    assert [str(name) for name in names] == [
        "2026/02/28/20260228-235959999.parquet",
        "2026/03/01/20260301-000000000.parquet",
        "2026/03/01/20260301-000000001.parquet",
    ]


def test_a_clock_that_goes_back_does_not_go_below_what_is_on_disk(tmp_path: Path) -> None:
    landed = tmp_path / "hda" / "patients" / change_file_path(NOW)
    landed.parent.mkdir(parents=True)
    landed.touch()
    earlier = FixedClock(NOW - dt.timedelta(days=400))
    folder = TableFolder(tmp_path, "t", "hda", "patients", earlier)
    assert folder.next_change_path().name == "20260301-000000000.parquet"


def test_what_was_not_told_of_is_removed(tmp_path: Path) -> None:
    folder = TableFolder(tmp_path, "t", "hda", "patients", FixedClock(NOW))
    left_over = [folder.load_path(1), folder.next_change_path()]
    left_over += [path.with_name(f".{path.name}.tmp_00") for path in left_over]
    for path in left_over:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder.clean_up()
    assert not any(path.exists() for path in left_over)
