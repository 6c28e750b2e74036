"""What bad files get: a reason that says what, where and what to do, and never a value of theirs."""

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pergamon.formats import FilePart, FormatHints, Limits, Unreadable, WrittenPart, inspect_file, write_part

SECRET = "Ms Doe has HIV"
TABLE = pa.table({"id": list(range(500)), "note": [f"{SECRET} {n}" for n in range(500)]})
LIMITS = Limits(
    line_bytes=64 * 1024, columns=1_000, depth=16, ratio_from_bytes=4 * 1024**2, unpacked_bytes=256 * 1024**2, threads=1
)


def read(path: Path, name: str, hints: FormatHints | None = None) -> list[tuple[FilePart, WrittenPart]]:
    """Inspect and write: a fault may show at either."""
    return [
        (part, write_part(path, part, part.schema, path.with_suffix(".out"), limits=LIMITS))
        for part in inspect_file(path, name, hints or FormatHints(), LIMITS, this_year=2026)
    ]


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(TABLE, file)
    return file.getvalue()


def orc_file() -> bytes:
    file = io.BytesIO()
    orc.write_table(TABLE, file)
    return file.getvalue()


def avro() -> bytes:
    fields = [{"name": "id", "type": "long"}, {"name": "note", "type": "string"}]
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": "R", "fields": fields}, TABLE.to_pylist())
    return file.getvalue()


def workbook() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in [("id", "note"), *((row["id"], row["note"]) for row in TABLE.to_pylist())]:
        sheet.append(row)
    book.save(file)
    return file.getvalue()


def text(kind: str) -> bytes:
    if kind == "csv":
        return ("id,note\n" + "".join(f'{n},"{SECRET} {n}"\n' for n in range(500))).encode()
    rows = TABLE.to_pylist()
    return json.dumps(rows).encode() if kind == "json" else "\n".join(map(json.dumps, rows)).encode()


def zip_bomb() -> bytes:
    """A workbook whose sheet unpacks to 64 MiB of blanks."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 64 * 1024**2)
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


WIDE = b",".join(b"c%d" % n for n in range(10_000)) + b"\n" + b"1," * 9_999 + b"1\n"
ZEROS = b"a,b\n" + b"1,2\n" * (16 * 1024**2)
BAD: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("x.csv", b"", "it is empty"),
    "line ends only": ("x.csv", b"\n\n\n", "there is no text"),
    "packed nothing": ("x.csv.gz", gzip.compress(b""), "there is nothing in it"),
    "Parquet cut off": ("x.parquet", parquet()[:-50], "it is Parquet, but damaged"),
    "Parquet, only its begin": ("x.parquet", parquet()[:20], "it is Parquet, but damaged"),
    "Parquet, pages overwritten": ("x.parquet", parquet()[:8] + b"\xff" * 400 + parquet()[408:], "damaged"),
    "Parquet, encrypted": ("x.parquet", b"PARE" + parquet()[4:-4] + b"PARE", "it is encrypted"),
    "ORC cut off": ("x.orc", orc_file()[:-50], "it is ORC, but damaged"),
    "Avro cut off": ("x.avro", avro()[:-50], "it is Avro, but damaged"),
    "Avro, its schema cut off": ("x.avro", avro()[:60], "it is Avro, but damaged"),
    "workbook cut off": ("x.xlsx", workbook()[:-50], "damaged or cut off"),
    "old workbook cut off": ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "it is a workbook, but"),
    "JSON cut off": ("x.json", text("json")[:-50], "cut off"),
    "NDJSON cut off": ("x.ndjson", text("ndjson")[:-10], "line 500"),
    "NDJSON, a line that is none": ("x.ndjson", b'{"a":1}\n{"a":' + SECRET.encode() + b"}\n", "line 2"),
    "JSON, something behind it": ("x.json", b'[{"a":1}] x', "something follows"),
    "JSON, a key twice": ("x.json", b'[{"a":1,"a":2}]', "one key twice"),
    "JSON, infinite": ("x.json", b'[{"a":Infinity}]', "infinite"),
    "JSON, deep": ("x.json", b'[{"a":' + b"[" * 50 + b"1" + b"]" * 50 + b"}]", "16 levels deep"),
    "JSON, bottomless": ("x.json", b"[" * 200_000, "nested too deeply"),
    "JSON, a huge record": ("x.json", b'[{"a":"' + b"x" * 3_000_000 + b'"}]', "longer than 65536"),
    "NDJSON, a huge record": ("x.ndjson", b'{"b":1}\n{"a":"' + b"x" * 3_000_000 + b'"}\n', "line 2 is longer"),
    "JSON of no records": ("x.json", b"[]", "no record"),
    "CSV, a quote not closed": ("x.csv", b'id,note\n1,"Ms Doe has HIV\n2,b\n', "record at line 2 has a quote"),
    "CSV, a row too short": ("x.csv", text("csv") + b"7\n", "line 502 has 1 fields; 2 are expected"),
    "CSV, a row too long": ("x.csv", b'a,b\n"x\n\ny",2\n1,2,3\n', "line 5 has 3 fields"),
    "CSV, cut off in a quote": ("x.csv", text("csv")[:-3], "line 501 has a quote"),
    "CSV, one long line": ("x.csv", b"a,b\n1," + b"x" * 3_000_000 + b"\n", "longer than 65536"),
    "CSV, one long line and nothing else": ("x.csv", b"x" * 3_000_000, "longer than 65536"),
    "CSV, 10,000 columns": ("x.csv", WIDE, "10000 columns"),
    "Parquet, 10,000 columns": ("x.parquet", b"", "10000 columns"),
    "gzip cut off": ("x.csv.gz", gzip.compress(text("csv"))[:-20], "gzip packing is cut off"),
    "gzip damaged": ("x.csv.gz", gzip.compress(text("csv"))[:200] + b"\0" * 300, "gzip packing is"),
    "bzip2 cut off": ("x.csv.bz2", bz2.compress(text("csv"))[:-20], "bz2 packing is damaged or cut off"),
    "zstd cut off": ("x.csv.zst", zstd(text("csv"))[:-20], "zstd packing is damaged or cut off"),
    "gzip bomb": ("x.csv.gz", gzip.compress(ZEROS), "more than 250 times its size"),
    "zstd bomb": ("x.csv.zst", zstd(ZEROS), "more than 250 times its size"),
    "gzip bomb, called JSON": ("x.json.gz", gzip.compress(b"[" + b" " * (64 * 1024**2) + b"]"), "250 times its size"),
    "zip bomb": ("x.xlsx", zip_bomb(), "more than 250 times its size"),
    "Parquet in gzip": ("x.parquet.gz", gzip.compress(parquet()), "parquet packed with gzip"),
    "a zip archive": ("x.csv", b"", "it is a zip archive"),
    "a letter": ("letter.docx", b"Dear Ms Doe, thank you for your letter.\nYours, A\n", "called docx, and no table"),
    "a line of text": ("letter.txt", b"Dear Ms Doe, thank you for your letter.\n", "no table is in it"),
    "a line of text with no ending": ("LETTER", b"Dear Ms Doe\n", "no table is in it"),
    "a picture called CSV": ("x.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "it is a picture"),
    "bytes called CSV": ("x.csv", bytes(range(256)) * 40, "it holds NUL bytes|neither text"),
    "bytes called Parquet": ("x.parquet", bytes(range(256)) * 40, "it is called parquet but is not"),
    "text called JSON": ("x.json", b"a,b\n1,2\n", "called json but does not begin as such"),
    "wrong encoding, hinted": ("x.csv", "a,b\nJörg,1\n".encode("cp1252"), "bytes near line 1 are not|not utf-8"),
    "no encoding of that name": ("x.csv", b"a,b\n", "encoding that does not exist"),
}  # fmt: skip
HINTS = {
    "wrong encoding, hinted": FormatHints(encoding="utf-8"),
    "no encoding of that name": FormatHints(encoding="klingon"),
}


def content(case: str, data: bytes) -> bytes:
    """Some are made late, because they are large."""
    file = io.BytesIO()
    if case == "Parquet, 10,000 columns":
        pq.write_table(pa.table({f"c{n}": [1] for n in range(10_000)}), file)
        return file.getvalue()
    if case == "a zip archive":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("patients.csv", "a,b\n1,2\n")
        return file.getvalue()
    return data


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_gets_a_clear_reason(tmp_path: Path, case: str) -> None:
    name, data, reason = BAD[case]
    path = tmp_path / "file"
    path.write_bytes(content(case, data))
    with pytest.raises(Unreadable) as refused:
        read(path, name, HINTS.get(case))
    told = str(refused.value)
    assert any(one in told for one in reason.split("|")), told
    assert "Doe" not in told
    assert not path.with_suffix(".out").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("x.csv", b"id,name\n", 0),
        ("x.tsv.gz", gzip.compress(b"id\tname\n", mtime=0), 0),  # each process collects the same
        ("x.txt", b"id;name\n1;a\n", 1),
    ],
)
def test_a_header_alone_is_a_table_where_the_name_says_so(tmp_path: Path, name: str, data: bytes, rows: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert [(part.rows, len(part.schema)) for part in inspect_file(path, name)] == [(rows, 2)]


@pytest.mark.parametrize("begin", [b"a,b\n1,", b"a,b\n1,2\n3,", b"a,b\n1,2\n3,4"])
def test_a_line_longer_than_the_engine_s_buffer_is_not_left_out(tmp_path: Path, begin: bytes) -> None:
    """DuckDB 1.5.5 reads such a file without an error, and without the row."""
    path = tmp_path / "file"
    path.write_bytes(begin + b"x" * 40 * 1024**2 + b"\n")
    with pytest.raises(Unreadable, match="longer than"):
        inspect_file(path, "x.csv", FormatHints(), Limits(threads=1))


@pytest.mark.parametrize(("name", "data", "is_really"), [
    ("x.csv", parquet(), "parquet"), ("x.parquet", text("csv"), "csv"), ("x.csv", text("json"), "json"),
    ("x.csv", text("ndjson"), "ndjson"), ("x.json", text("ndjson"), "ndjson"), ("x.xlsx", text("csv"), "csv"),
    ("x.orc", avro(), "avro"), ("x.avro", orc_file(), "orc"), ("x.csv", workbook(), "excel"), ("x", text("csv"), "csv"),
    ("x.csv", gzip.compress(text("csv")), "csv"), ("x.csv.gz", text("csv"), "csv"),
])  # fmt: skip
def test_a_mislabelled_file_is_read_as_what_it_is_and_that_is_said(
    tmp_path: Path, name: str, data: bytes, is_really: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    ((part, written),) = read(path, name)
    assert part.format == is_really
    assert written.rows == 500
    if name not in ("x", "x.json"):
        assert any(word in part.warnings[0] for word in ("it is called", "packed"))


NASTY_NAMES = [
    'a"b',
    "two\nlines",
    "😀",
    "",
    "",
    "a",
    "A",
    "x" * 300,
    "x" * 301,
    "tab\t",
    "dot.ted",
    "back`tick",
    "'q'",
    " b ",
]


@pytest.mark.parametrize("kind", ["csv", "parquet", "json", "excel", "orc"])
def test_no_column_is_lost_for_its_name(tmp_path: Path, kind: str) -> None:
    names: list[str] = NASTY_NAMES if kind in ("csv", "parquet") else [n for n in NASTY_NAMES if n]
    path = tmp_path / "file"
    values = [f"value {place}" for place in range(len(names))]
    if kind == "csv":
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        path.write_text(",".join(quoted) + "\n" + ",".join(values) + "\n", newline="")
    elif kind == "parquet":
        pq.write_table(pa.table([[value] for value in values], names=names), path)
    elif kind == "orc":
        names = [name for name in names if "." not in name and "`" not in name]
        values = values[: len(names)]
        orc.write_table(pa.table([[value] for value in values], names=names), path)
    elif kind == "json":
        path.write_text(json.dumps([dict(zip(names, values, strict=True))]))
    else:
        book = openpyxl.Workbook()
        sheet: Any = book.active
        sheet.append(names)
        sheet.append(values)
        book.save(path)
    ((part, written),) = read(path, f"x.{kind}")
    got = pq.read_table(written.path)
    assert list(got.to_pylist()[0].values()) == values
    safe = got.schema.names
    assert len({name.casefold() for name in safe}) == len(names)
    assert all(0 < len(name) <= 120 and not set(name) & set("\"\n\t.`'\\") for name in safe)
    assert "were made safe" in " ".join(part.warnings)
    kept = [
        (field.metadata or {}).get(b"pergamon.original_name", field.name.encode()).decode() for field in part.schema
    ]
    assert kept == names


@pytest.mark.timeout(30)
@pytest.mark.parametrize("cell", ["1" * 200_000 + "x", " " * 200_000 + "x", "-" * 200_000, "1." * 100_000 + "/"])
def test_a_long_cell_that_is_almost_a_number_costs_no_more_than_any_other(tmp_path: Path, cell: str) -> None:
    """By the square of its length, 20 kB would keep a crawler for a minute."""
    path = tmp_path / "a.csv"
    path.write_text(f"{cell},b\n{cell},2\n")
    (part,) = inspect_file(path, "a.csv", FormatHints(), Limits(threads=1), this_year=2026)
    assert len(part.schema) == 2


def test_a_workbook_of_more_sheets_than_anybody_wants_tables_is_refused(tmp_path: Path) -> None:
    """Each would be a table with an asset and a profile: a small file would be ten thousand of them."""
    book = openpyxl.Workbook()
    for number in range(Limits().sheets):
        book.create_sheet(f"s{number}").append(["id"])
    book.save(tmp_path / "file")
    with pytest.raises(Unreadable, match="it has 201 sheets; 200 is the limit"):
        inspect_file(tmp_path / "file", "x.xlsx", FormatHints(), Limits(threads=1), this_year=2026)
    inspect_file(tmp_path / "file", "x.xlsx", FormatHints(sheet="s7"), Limits(threads=1), this_year=2026)
