"""Which table a file belongs to, and how that is called."""

import pytest

from pergamon.crawl.model import CrawlerSpec
from pergamon.crawl.names import HIVE_NULL, Placement, numbered, placement, safe_name, stem
from pergamon.lake.model import require_name

SPEC = CrawlerSpec(bucket="assets", prefixes=("in",), database="assets_db")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("in/patients.csv", Placement("in/patients.csv", "patients")),
        ("in/visits/1.csv", Placement("in/visits/", "visits")),
        ("in/a/visits/1.csv", Placement("in/a/visits/", "visits")),
        ("in/visits/year=2024/1.csv", Placement("in/visits/", "visits", (("year", "2024"),))),
        ("in/year=2024/visits/1.csv", Placement("in/visits/", "visits", (("year", "2024"),))),
        ("in/year=2024/1.csv", Placement("in/", "in", (("year", "2024"),))),
        (f"in/visits/a=x%20y/b={HIVE_NULL}/1.csv", Placement("in/visits/", "visits", (("a", "x y"), ("b", None)))),
    ],
)
def test_a_key_has_its_place(key: str, expected: Placement) -> None:
    assert placement(key, "in/", SPEC) == expected


def test_the_whole_bucket_may_be_crawled() -> None:
    spec = CrawlerSpec(bucket="assets", database="assets_db")
    assert placement("year=2024/1.csv", "", spec) == Placement("", "assets", (("year", "2024"),))
    assert spec.prefix_of("a.csv") == ""


def test_one_table_takes_everything() -> None:
    spec = CrawlerSpec(bucket="assets", prefixes=("in/visits",), database="assets_db", one_table=True)
    for key in ("in/visits/a.csv", "in/visits/b/c.csv"):
        assert placement(key, "in/visits/", spec) == Placement("in/visits/", "visits")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("visits.csv", "visits"),
        ("visits.csv.gz", "visits"),
        ("visits.2024.csv", "visits.2024"),
        ("VISITS.CSV", "VISITS"),
        ("visits", "visits"),
        (".csv", ".csv"),
    ],
)
def test_a_stem_is_what_does_not_tell_the_format(file: str, expected: str) -> None:
    assert stem(file) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Patients 2024", "patients_2024"),
        ("vísits", "visits"),
        ("Straße", "strasse"),
        ("2024", "t_2024"),
        ("lease_a", "t_lease_a"),
        ("日本", "t"),
        ("a" * 80, "a" * 63),
        ('x"; DROP TABLE y --', "x_drop_table_y"),
        ("../../etc", "etc"),
    ],
)
def test_a_safe_name_needs_no_quotes(written: str, expected: str) -> None:
    assert require_name("table", safe_name(written)) == expected


def test_a_numbered_name_is_not_too_long() -> None:
    assert numbered("a" * 63, 12) == "a" * 60 + "_12"
    assert numbered("a", 1) == "a"


@pytest.mark.parametrize("prefixes", [("a", "a/b"), ("", "a"), ("a/../b",), ("a//b",), ("a\x00",)])
def test_prefixes_that_overlap_or_lead_elsewhere_are_refused(prefixes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="prefix"):
        CrawlerSpec(bucket="assets", database="assets_db", prefixes=prefixes)


@pytest.mark.parametrize("schedule", ["daily", "* * * *", "* * * * * *", "61 * * * *"])
def test_a_schedule_is_five_fields(schedule: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        CrawlerSpec(bucket="assets", database="assets_db", schedule=schedule)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("in/a.csv", True),
        ("in/sub/a.csv", True),
        ("in/_SUCCESS", False),
        ("in/_delta_log/1.json", False),
        ("in/_year=1/a.csv", True),
        ("in/.a.csv", False),
        ("in/a.pdf", False),
        ("in/old/a.csv", False),
        ("in/", False),
        ("inside/a.csv", False),
    ],
)
def test_which_keys_are_looked_after(key: str, wanted: bool) -> None:
    spec = CrawlerSpec(
        bucket="b", prefixes=("in",), database="assets_db", include=("*.csv", "*.json"), exclude=("old/*",)
    )
    assert (spec.prefix_of(key) is not None) is wanted
