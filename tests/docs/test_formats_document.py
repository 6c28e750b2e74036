"""The page of file formats says what the code does: formats, words for no value, limits, types."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon.formats import FORMATS, FormatHints, Limits
from pergamon.formats.carried import carried_type
from pergamon.formats.readings import NULL_WORDS
from pergamon.formats.schema_json import PLAIN_TYPES, type_as_json

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_has_its_line(name: str) -> None:
    assert re.search(rf"^\| {name}\b", PAGE, re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize("word", [word for word in NULL_WORDS if word and word.lower() not in ("null", "nan")])
def test_each_word_for_no_value_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize(("name", "told"), [
    ("unpacked_bytes", f"{Limits().unpacked_bytes // 1024**3} GiB"), ("unpacked_ratio", str(Limits().unpacked_ratio)),
    ("line_bytes", f"{Limits().line_bytes // 1024**2} MiB"), ("columns", f"{Limits().columns:,}"),
    ("depth", f"{Limits().depth} levels"), ("sheet_cells", f"{Limits().sheet_cells // 10**6} million"),
    ("sheets", f"{Limits().sheets}"),
    ("memory_bytes", f"{Limits().memory_bytes // 1024**3} GiB"),
])  # fmt: skip
def test_each_limit_is_told_as_it_is(name: str, told: str) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
    assert told in line


@pytest.mark.parametrize("hint", ["date_order", "latest_year", "decimal", "null_words", "header", "encoding", "ragged"])
def test_hints_that_the_page_names_exist(hint: str) -> None:
    assert f"`{hint}" in PAGE
    assert hint in FormatHints.model_fields


@pytest.mark.parametrize("kind", [*PLAIN_TYPES, "decimal"])
def test_each_type_that_comes_out_is_named(kind: str) -> None:
    assert f"`{kind}" in PAGE


@pytest.mark.parametrize(("kind", "ours"), [
    (pa.int16(), "int"), (pa.uint32(), "long"), (pa.uint64(), "decimal(20, 0)"), (pa.float16(), "float"),
    (pa.time64("us"), "string"), (pa.duration("ms"), "string"), (pa.timestamp("ns"), "timestamp"),
    (pa.timestamp("ms", tz="Europe/Berlin"), "timestamptz"), (pa.decimal256(60, 2), "string"), (pa.date64(), "date"),
    (pa.dictionary(pa.int8(), pa.string()), "string"), (pa.binary(4), "binary"), (pa.struct([]), "string"),
])  # fmt: skip
def test_types_of_files_become_what_the_page_says(kind: pa.DataType, ours: str) -> None:
    assert type_as_json(carried_type(kind)) == ours
