"""Where tables lie, and what does not lie in them."""

from pathlib import Path

import pytest

from pergamon import lake
from pergamon.lake.locations import local_path, require_inside

TABLE = lake.TableId("raw_db", "patients")


def test_a_table_lies_below_its_buckets_prefix_and_its_database() -> None:
    place = lake.table_location(Path("/srv/p/lake"), TABLE, lake.DatabaseSpec(bucket="raw", prefix="data"))
    assert place == "file:///srv/p/lake/raw/data/raw_db/patients"
    assert lake.path_in_bucket(TABLE, lake.DatabaseSpec(bucket="raw")) == "raw_db/patients"


@pytest.mark.parametrize("home", ["/srv/my lake", "/srv/läke", "/srv/a%20b", "/srv/a?b"])
def test_a_lake_whose_path_engines_escape_differently_is_refused(home: str) -> None:
    with pytest.raises(lake.BadLocation):
        lake.table_location(Path(home), TABLE, lake.DatabaseSpec(bucket="raw"))


@pytest.mark.parametrize(
    "location",
    [
        "s3://raw/x",
        "relative/x",
        "file://host/x",
        "/a/../b",
        "file:///a/./b",
        "/a//b",
        "/a/%2e%2e/b",
        "",
        "/",
        "file:///a/b?c",
        "/a/b#c",
        "/a/\x00b",
    ],
)
def test_a_location_that_is_not_a_plain_absolute_path_is_refused(location: str) -> None:
    with pytest.raises(lake.BadLocation):
        local_path(location)


def test_a_file_must_lie_in_its_table_and_be_no_link(tmp_path: Path) -> None:
    home, other = tmp_path / "table", tmp_path / "table2"
    for directory in (home / "data", other):
        directory.mkdir(parents=True)
    (home / "data" / "a.parquet").write_bytes(b"a")
    (other / "b.parquet").write_bytes(b"b")
    (home / "link.parquet").symlink_to(other / "b.parquet")
    (home / "linked").symlink_to(other)

    place = f"file://{home}"
    assert require_inside(f"file://{home}/data/a.parquet", place) == home / "data" / "a.parquet"
    assert require_inside(f"{home}/data/a.parquet", place) == home / "data" / "a.parquet"
    outside = ["/table2/b.parquet", "/table/link.parquet", "/table/linked/b.parquet", "/table/data", "/table/none"]
    for path in outside:
        with pytest.raises(lake.BadLocation):
            require_inside(f"file://{tmp_path}{path}", place)
