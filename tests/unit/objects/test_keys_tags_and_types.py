"""Which names an object may have, and what is made of them."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.objects import BadContentType, BadKey, BadTags, content_path, guessed_content_type, require_key
from pergamon.objects.keys import plain_suffix, require_content_type, require_prefix, require_tags

GOOD = [
    "patients.parquet",
    "medical_assets/patients.parquet",
    "a/b=1/c d.csv",
    'it\'s "quoted"/100%/#?&.csv',
    "Ärzte/患者/😀.csv",
    "...",
    "a/..b/c..",
    ".hidden",
    "~/x",
    "CON",
    "x" * 1024,
]
BAD = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "../../etc/passwd",
    "a/./b",
    "a/..",
    "a\\b",
    "..\\..\\x",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\u2028b",
    "\ud800",
    "a\U0010ffff",
    "x" * 1025,
    "ä" * 513,
]


@pytest.mark.parametrize("key", GOOD)
def test_a_name_that_people_use_is_a_key(key: str) -> None:
    assert require_key(key) == key


@pytest.mark.parametrize("key", BAD, ids=ascii)
def test_a_way_out_of_a_folder_is_no_key(key: str) -> None:
    with pytest.raises(BadKey):
        require_key(key)


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/.", "a/..", "/"[:0]])
def test_what_a_key_can_begin_with_is_a_prefix(prefix: str) -> None:
    assert require_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "a//", "../x", "a/../", "a\\", "\n"])
def test_what_no_key_begins_with_is_no_prefix(prefix: str) -> None:
    with pytest.raises(BadKey):
        require_prefix(prefix)


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("a/patients.CSV", ".csv"),
        ("patients.csv.gz", ".csv.gz"),
        ("v1.2.final.csv.gz", ".csv.gz"),
        ("no suffix", ""),
        ("dir.d/file", ""),
        (".hidden", ".hidden"),
        ("a.b c.csv", ".csv"),
        ("a.ä.csv", ".csv"),
        ("a.😀", ""),
        ("a." + "x" * 17, ""),
        ("a." + "x" * 12 + ".csv", ".csv" if len("." + "x" * 12 + ".csv") > 17 else "." + "x" * 12 + ".csv"),
        ("a.", ""),
        ("a..csv", ".csv"),
    ],
)
def test_a_content_file_carries_only_plain_suffixes(key: str, suffix: str) -> None:
    assert plain_suffix(key) == suffix


@given(st.text(max_size=50))
def test_no_key_leads_a_content_out_of_its_folder(key: str) -> None:
    path = content_path(Path("/lake"), "assets", key, "ver_" + "0" * 32)
    assert path.parent == Path("/lake/assets/.objects/00")
    assert set(path.name) <= set(string.ascii_lowercase + string.digits + "._")


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.csv", "text/csv"),
        ("a.CSV", "text/csv"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.ndjson", "application/x-ndjson"),
        ("a.csv.gz", "application/gzip"),
        ("a.csv.zst", "application/octet-stream"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a", "application/octet-stream"),
        ("csv", "application/octet-stream"),
        ("parquet", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
    ],
)
def test_a_content_type_is_guessed_by_the_suffix(key: str, content_type: str) -> None:
    assert guessed_content_type(key) == content_type


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", "application/vnd.x+json"])
def test_a_content_type_has_two_parts(content_type: str) -> None:
    assert require_content_type(content_type) == content_type


@pytest.mark.parametrize(
    "content_type",
    ["", "csv", "text/", "a/b\r\nX: y", "a/b; c=\x00", "a/ä", "a/b; c= ", "a/b; c=\x7f", "a/" + "b" * 300],
)
def test_what_could_not_stand_in_a_header_is_no_content_type(content_type: str) -> None:
    with pytest.raises(BadContentType):
        require_content_type(content_type)


@pytest.mark.parametrize(
    "tags", [{"": "x"}, {"a\n": "x"}, {"a": "x\n"}, {"a" * 129: ""}, {"a": "x" * 257}, {" a": ""}, {"a": "\ud800"}]
)
def test_tags_that_could_not_be_shown_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(BadTags):
        require_tags(tags)


def test_an_object_has_fifty_tags_at_most() -> None:
    assert len(require_tags({f"t{i}": "" for i in range(50)})) == 50
    with pytest.raises(BadTags):
        require_tags({f"t{i}": "" for i in range(51)})
