"""How texts are read: a table of what each file says, and that no quick check is laxer than the exact rule."""

# ruff: noqa: DTZ001, E501 - times without a zone are a type of their own

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pergamon.formats import FormatHints, Limits, Misfit, inspect_file, write_part
from pergamon.formats.engine import engine
from pergamon.formats.readings import DateForm, Reading, fits, reading_from_text, surely_fits, value
from pergamon.lake.schemas import iceberg_schema
from pergamon.policy import PolicyColumn, row_fields

D = datetime.date
LIMITS = Limits(threads=1)


def column(tmp_path: Path, texts: list[str], hints: FormatHints) -> tuple[list[Any], tuple[str, ...]]:
    """The values of a column with these texts, and the warnings."""
    path = tmp_path / "file"
    path.write_text("key;x\n" + "".join(f'k;"{text}"\n' for text in texts), encoding="utf-8")
    (part,) = inspect_file(path, "x.csv", hints, LIMITS, this_year=2026)
    write_part(path, part, part.schema, tmp_path / "out", limits=LIMITS)
    return pq.read_table(tmp_path / "out")["x"].to_pylist(), part.warnings


@pytest.mark.parametrize(("texts", "hints", "values"), [
    (["1", "-2", " 3 "], {}, [1, -2, 3]),
    (["007", "8"], {}, ["007", "8"]),
    (["01067", "80331"], {}, ["01067", "80331"]),
    (["9223372036854775807", "9223372036854775808"], {}, [Decimal(2**63 - 1), Decimal(2**63)]),
    (["1" * 39], {}, ["1" * 39]),
    (["1.50", "2"], {}, [Decimal("1.50"), Decimal("2.00")]),
    (["-0.00", ".5"], {}, [Decimal("0.00"), Decimal("0.50")]),
    (["36.8769774427", "1"], {}, [36.8769774427, 1.0]),
    (["1e-3", "2.5E10"], {}, [0.001, 2.5e10]),
    (["0.12345678901234567890"], {}, ["0.12345678901234567890"]),
    (["1e999"], {}, ["1e999"]),
    (["1.234,56", "2,5"], {}, [Decimal("1234.56"), Decimal("2.50")]),
    (["1,234.56", "2.5"], {}, [Decimal("1234.56"), Decimal("2.50")]),
    (["1,234", "5,678"], {}, ["1,234", "5,678"]),
    (["1,234", "5,678"], {"decimal": ","}, [Decimal("1.234"), Decimal("5.678")]),
    (["1,234", "5,678"], {"decimal": "."}, [Decimal(1234), Decimal(5678)]),
    (["true", "False"], {}, [True, False]),
    (["yes", "no"], {}, ["yes", "no"]),
    (["2020-02-29", "1939-03-13"], {}, [D(2020, 2, 29), D(1939, 3, 13)]),
    (["2020-02-30"], {}, ["2020-02-30"]),
    (["13/3/39", "1/2/40"], {}, [D(1939, 3, 13), D(1940, 2, 1)]),
    (["3/13/39", "1/2/40"], {}, [D(1939, 3, 13), D(1940, 1, 2)]),
    (["3/3/39", "1/2/40"], {}, ["3/3/39", "1/2/40"]),
    (["3/3/39", "1/2/40"], {"date_order": "dmy"}, [D(1939, 3, 3), D(1940, 2, 1)]),
    (["13/3/26", "13/3/27"], {}, [D(2026, 3, 13), D(1927, 3, 13)]),
    (["13/3/26", "13/3/27"], {"latest_year": 2030}, [D(2026, 3, 13), D(2027, 3, 13)]),
    (["29/2/00", "13/3/27"], {"latest_year": 1999}, ["29/2/00", "13/3/27"]),
    (["13.3.1939", "1.12.1940"], {}, [D(1939, 3, 13), D(1940, 12, 1)]),
    (["01.03.2024", "12.04.2024"], {}, [D(2024, 3, 1), D(2024, 4, 12)]),
    (["01.03.2024", "04.13.2024"], {}, [D(2024, 1, 3), D(2024, 4, 13)]),
    (["01.03.2024", "12.04.2024"], {"date_order": "mdy"}, [D(2024, 1, 3), D(2024, 12, 4)]),
    (["01.03.39"], {}, [D(1939, 3, 1)]),
    (["01.03.2024 8:05"], {}, [datetime.datetime(2024, 3, 1, 8, 5)]),
    (["01/03/2024"], {}, ["01/03/2024"]),
    (["01-03-2024"], {}, ["01-03-2024"]),
    (["13/3/39", "3/13/39"], {}, ["13/3/39", "3/13/39"]),
    (["2020-01-01 10:00", "2020-01-02"], {}, [datetime.datetime(2020, 1, 1, 10), datetime.datetime(2020, 1, 2)]),
    (["2020-01-01T24:00:00"], {}, ["2020-01-01T24:00:00"]),
    (["2020-01-01T10:00:00.123456789"], {}, ["2020-01-01T10:00:00.123456789"]),
    (["13/3/1939 9:05"], {}, [datetime.datetime(1939, 3, 13, 9, 5)]),
    (["2020-01-01T10:00:00+02:00"], {}, [datetime.datetime(2020, 1, 1, 8, tzinfo=datetime.UTC)]),
    (["0001-01-01T00:00:00+05:30"], {}, ["0001-01-01T00:00:00+05:30"]),
    (["9999-12-31T23:00:00-05:30"], {}, ["9999-12-31T23:00:00-05:30"]),
    (["0001-01-01T00:00:00Z"], {}, [datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)]),
    (["9999-12-31T23:59:59Z"], {}, [datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)]),
    (["1", "NA", "NaN", ""], {}, [1, None, None, None]),
    (["NA", "Doe"], {}, ["NA", "Doe"]),
    (["unknown", "5"], {"null_words": ("unknown",)}, [None, 5]),
    (["1_000", "0x1F", "+5"], {}, ["1_000", "0x1F", "+5"]),
])  # fmt: skip
def test_a_column_is_read_as_all_its_values_allow(
    tmp_path: Path, texts: list[str], hints: dict[str, Any], values: list[Any]
) -> None:
    quoted = FormatHints.model_validate(hints)
    got, _warnings = column(tmp_path, texts, quoted)
    assert got == values
    assert [type(one) for one in got] == [type(one) for one in values]


@pytest.mark.parametrize(("texts", "warning"), [
    (["3/3/39"], "day/month or month/day"), (["1,234"], "thousands or with decimals"), (["13/3/39"], "1927 to 2026"),
    (["01.03.2024"], "day first"), (["01.03.39"], "day first"), (["01.03.39"], "1927 to 2026"),
    (["1.234"], "thousands or with decimals"),
])  # fmt: skip
def test_what_is_open_or_assumed_is_said(tmp_path: Path, texts: list[str], warning: str) -> None:
    _got, warnings = column(tmp_path, texts, FormatHints())
    assert any(warning in told and "hint" in told for told in warnings)


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "boolean", "long", "decimal"])
def test_the_quick_check_is_never_laxer_than_the_exact_one(kind: str) -> None:
    """The engine's casts take 10:20:3. and dates with blanks; the quick checks must not."""
    seeds = ["2023-01-05T10:20:30Z", "2023-01-05 10:20:30", "2023-01-05", "true", "12345", "-12.50"]
    texts = set(seeds)
    for seed in seeds:
        for place in range(len(seed)):
            texts |= {seed[:place] + sign + seed[place + 1 :] for sign in " +-.:0129TZez"}
            texts |= {seed[:place] + seed[place + 1 :], seed[:place] + " " + seed[place:]}
    reading = Reading(kind, 18, 2)
    asked = value(reading, "x")
    quick = surely_fits(reading, "x", "v")
    with engine(LIMITS) as connection:
        connection.execute("CREATE TEMP TABLE q (x VARCHAR)")
        connection.executemany("INSERT INTO q VALUES (?)", [(text,) for text in sorted(texts)])
        rows = connection.execute(
            f"SELECT x, coalesce({quick}, false), coalesce({fits(reading, 'x', 'v')}, false) FROM (SELECT x, {asked} AS v FROM q)"
        ).fetchall()
    assert any(row[1] for row in rows)
    assert [row[0] for row in rows if row[1] and not row[2]] == []


def test_a_reading_is_told_and_read_again() -> None:
    for reading in (
        Reading("decimal", 20, 4, ",", True),
        Reading("date", form=DateForm("dmy", ".", 2030)),
        Reading("text"),
    ):
        assert reading_from_text(reading.as_text()) == reading


ONE_GERMAN = "id;betrag\n1;1.234\n2;2.500\n"


def read(tmp_path: Path, text: str, hints: FormatHints | None = None, rows: int = 1000) -> tuple[list[Any], str]:
    """The values of `betrag`, and what the warnings say of it, once all rows were asked."""
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    limits = Limits(threads=1, sample_rows=rows)
    (part,) = inspect_file(path, "x.csv", hints or FormatHints(), limits, this_year=2026)
    try:
        write_part(path, part, part.schema, tmp_path / "out", limits=limits)
    except Misfit as misfit:
        part = misfit.part
        write_part(path, part, part.schema, tmp_path / "out", limits=limits)
    told = " ".join(one for one in part.warnings if one.startswith("column betrag:"))
    return pq.read_table(tmp_path / "out")["betrag"].to_pylist(), told


@pytest.mark.parametrize(("text", "values", "warning"), [
    (ONE_GERMAN, ["1.234", "2.500"], "hint: decimal"),
    ("id;betrag\n1;1.234\n2;500\n", ["1.234", "500"], "hint: decimal"),
    ("id;betrag\n1;-1.234\n2;NA\n", ["-1.234", "NA"], "hint: decimal"),
    ("id;betrag\n1;1,234\n2;500\n", ["1,234", "500"], "hint: decimal"),
    ("id;betrag\n1;1.234\n2;1.234.567\n", [Decimal(1234), Decimal(1234567)], ""),
    ("id;betrag\n1;1.234\n2;0.500\n", [Decimal("1.234"), Decimal("0.500")], ""),
    ("id;betrag\n1;1.234\n2;2.5\n", [Decimal("1.234"), Decimal("2.500")], ""),
    ("kg;betrag\n70,5;1.234\n71;2.500\n", [Decimal(1234), Decimal(2500)], "thousands, as its other columns"),
    ("kg;betrag\n70,5;1,234\n71;2,500\n", [Decimal("1.234"), Decimal("2.500")], ""),
    ("kg;betrag\n70.5;1.234\n71;2.500\n", [Decimal("1.234"), Decimal("2.500")], ""),
    ("kg;betrag\n70.5;1,234\n71;2,500\n", [Decimal(1234), Decimal(2500)], "thousands, as its other columns"),
    ("kg;m;betrag\n70.5;1,80;1.234\n71;1,75;2.500\n", ["1.234", "2.500"], "hint: decimal"),
    ("id,betrag\n1,1.234\n2,2.500\n", [Decimal("1.234"), Decimal("2.500")], ""),
    ("am,betrag\n13.03.2024,1.234\n14.03.2024,2.500\n", ["1.234", "2.500"], "hint: decimal"),
    ('kg,betrag\n"70,5",1.234\n71,2.500\n', [Decimal(1234), Decimal(2500)], "thousands, as its other columns"),
])  # fmt: skip
def test_thousands_and_decimals_are_never_guessed(tmp_path: Path, text: str, values: list[Any], warning: str) -> None:
    got, told = read(tmp_path, text)
    assert got == values
    assert warning in told
    assert bool(warning) == bool(told)


@pytest.mark.parametrize(("decimal", "values"), [
    (".", [Decimal("1.234"), Decimal("2.500")]), (",", [Decimal(1234), Decimal(2500)]),
])  # fmt: skip
def test_the_hint_says_which_sign_is_the_decimal_one(tmp_path: Path, decimal: Any, values: list[Decimal]) -> None:
    assert read(tmp_path, ONE_GERMAN, FormatHints(decimal=decimal)) == (values, "")


MANY = "".join(f"{n};1.234;70\n" for n in range(50))


@pytest.mark.parametrize(("text", "first", "last"), [
    ("id;betrag;kg\n" + MANY, "1.234", "1.234"),
    ("id;betrag;kg\n" + MANY + "50;2.500;70,5\n", Decimal(1234), Decimal(2500)),
    ("id;betrag;kg\n" + MANY + "50;2.5;70\n", Decimal("1.234"), Decimal("2.500")),
    ("id;betrag;kg\n0;1.234;0.5\n" + MANY + "50;2.500;70\n", Decimal("1.234"), Decimal("2.500")),
    ("id;betrag;kg\n0;1.234;0.5\n" + MANY + "50;2.500;unknown\n", "1.234", "2.500"),
    ("id;betrag;kg\n0;1.234;0,5\n" + MANY + "50;2.500;70.5\n", "1.234", "2.500"),
    ("id,betrag,kg\n" + MANY.replace(";", ",") + '50,2.500,"70,5"\n', Decimal(1234), Decimal(2500)),
])  # fmt: skip
def test_rows_beyond_the_sample_decide_as_those_in_it(tmp_path: Path, text: str, first: Any, last: Any) -> None:
    got, _told = read(tmp_path, text, rows=5)
    again, _told = read(tmp_path, text)
    assert (got[0], got[-1]) == (first, last)
    assert again == got


def test_no_key_of_a_file_passes_for_a_field_with_an_id_of_its_choice(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('{"id": 1, "consent": true, "s": {"a: optional boolean, 2: consent": false}}\n', encoding="utf-8")
    (part,) = inspect_file(path, "x.json", FormatHints(), LIMITS, this_year=2026)
    schema = iceberg_schema(part.schema)
    told = PolicyColumn(3, "s", str(schema.find_field("s").field_type))
    assert [column.field_id for column, _ in row_fields(told)] == [4]
