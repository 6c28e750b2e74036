"""Which files a data holder might bring: a folder of medical assets in the formats that hospitals really have.

The same (patients, seed) make the same rows on every machine. What real files do, these do: day/month/year dates with
two-digit years, decimal commas, null words, a code page of the nineties, a column that comes later, nested documents,
names in many scripts. No person is behind any row.
"""

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from pergamon.kernel import Conflict, durable_write
from pergamon.samples.people_names import FAMILY_NAMES, GIVEN_NAMES

END = date(2026, 6, 30)
"""The last day in the data."""
BIRTHS_FROM = date(1931, 1, 1)
MEDICATIONS = ("Metformin 500 mg", "Ramipril 5 mg", "Salbutamol 100 µg", "Atorvastatin 20 mg", "Amoxicillin 875 mg")
ANALYSES = (
    ("2345-7", "Glucose", "mg/dL", 95.0),
    ("718-7", "Hemoglobin", "g/dL", 14.1),
    ("2160-0", "Creatinine", "mg/dL", 0.9),
)
WARDS = ("Kardiologie", "Pédiatrie", "Chirurgia", "Οφθαλμολογία")

Row = dict[str, Any]  # Any: a cell of a sample row, of its column's type
OnFile = Callable[[str, int], None]
"""Told (path below the folder, rows)."""


class NotEmpty(Conflict):
    """The directory already holds something, and nothing of it may be overwritten."""

    code = "samples.not_empty"


def write_medical_assets(
    directory: Path, *, patients: int = 200, seed: int = 1, on_file: OnFile | None = None
) -> Mapping[str, int]:
    """Write the sample files below a directory that is missing or empty.

    Args: patients (persons, >= 1; the other files grow with them); seed.
    Returns: rows by path, as `patients/patients.parquet`.
    Raises:
        NotEmpty: the directory holds something.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise NotEmpty(f"{directory} is not empty", hint="name a new directory; nothing is overwritten")
    dice = random.Random(seed)
    people = [_person(dice, number) for number in range(patients)]
    written: dict[str, int] = {}
    for path, data, rows in _files(dice, people):
        durable_write(directory.absolute() / path, data, mode=0o644)
        written[path] = rows
        if on_file is not None:
            on_file(path, rows)
    return written


def _files(dice: random.Random, people: list[Row]) -> Iterator[tuple[str, bytes, int]]:
    yield "patients/patients.parquet", _parquet([_as_registered(person) for person in people]), len(people)
    for year in (2024, 2025, 2026):
        for quarter in (1, 2):
            stays = [_stay(dice, people, year, quarter) for _ in range(len(people) // 2 + 1)]
            with_ward = year > 2024  # a column that came later
            path = f"encounters/year={year}/quarter={quarter}/encounters.csv"
            yield path, _semicolons(stays if with_ward else [_without(stay, "ward") for stay in stays]), len(stays)
    results = [_result(dice, people, number) for number in range(3 * len(people))]
    lines = "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results)
    yield "lab_results/lab_results.ndjson.gz", gzip.compress(lines.encode(), mtime=0), len(results)
    doses = [_dose(dice, people, number) for number in range(2 * len(people))]
    yield "medications/medications.avro", _avro(doses), len(doses)
    frames = [_frame(dice, people) for _ in range(4 * len(people))]
    yield "heart_rates/heart_rates.orc", _orc(frames), len(frames)
    wards = [
        {"WARD": name, "BEDS": 12 + 6 * at, "OPENED": f"{3 + at}/11/{1987 + 8 * at}"}
        for at, name in enumerate(WARDS[:3])
    ]
    yield "wards/wards.tsv", _tabs(wards).encode("cp1252"), len(wards)


def _person(dice: random.Random, number: int) -> Row:
    at = dice.randrange(len(FAMILY_NAMES))
    born = BIRTHS_FROM + timedelta(days=dice.randrange((END - BIRTHS_FROM).days))
    died = born + timedelta(days=dice.randrange(1, (END - born).days + 1)) if dice.random() < 0.08 else None
    return {
        "id": f"{dice.getrandbits(32):08x}-{number:04x}-4000-8000-{dice.getrandbits(48):012x}",
        "first": GIVEN_NAMES[at // 6 * 6 + dice.randrange(6)],
        "last": FAMILY_NAMES[at],
        "gender": dice.choice("MFX" if dice.random() < 0.05 else "MF"),
        "born": born,
        "died": died,
    }


def _as_registered(person: Row) -> Row:
    """A row of the registry's own export: text only, dates as d/m/yy."""
    return {
        "Id": person["id"],
        "FIRST": person["first"],
        "LAST": person["last"],
        "GENDER": person["gender"],
        "BIRTHDATE": _short(person["born"]),
        "DEATHDATE": _short(person["died"]) if person["died"] else None,
    }


def _stay(dice: random.Random, people: list[Row], year: int, quarter: int) -> Row:
    person = dice.choice(people)
    day = date(year, 3 * quarter - 2, 1) + timedelta(days=dice.randrange(85))
    return {
        "encounter": f"{dice.getrandbits(64):016x}",
        "patient": person["id"],
        "admitted": f"{day:%d.%m.%Y}",
        "days": dice.randrange(1, 21),
        "cost": f"{dice.randrange(90_000, 900_000) / 100:,.2f}".translate(str.maketrans(",.", ".,")),
        "note": dice.choice(("", "n/a", 'says "better"', "wake at 6; no milk")),
        "ward": dice.choice(WARDS),
    }


def _result(dice: random.Random, people: list[Row], number: int) -> Row:
    code, display, unit, usual = dice.choice(ANALYSES)
    taken = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(180 * 24 * 60))
    return {
        "id": number,
        "patient": dice.choice(people)["id"],
        "taken_at": taken.isoformat(),
        "code": {"system": "http://loinc.org", "code": code, "display": display},
        "value": {"quantity": round(usual * dice.uniform(0.6, 1.6), 2), "unit": unit},
        "flags": ["H"] if dice.random() < 0.2 else [],
    }


def _dose(dice: random.Random, people: list[Row], number: int) -> Row:
    return {
        "id": number,
        "patient": dice.choice(people)["id"],
        "medication": dice.choice(MEDICATIONS),
        "started": END - timedelta(days=dice.randrange(720)),
        "per_day": dice.randrange(1, 5),
        "stopped": None if dice.random() < 0.6 else END - timedelta(days=dice.randrange(30)),
    }


def _frame(dice: random.Random, people: list[Row]) -> Row:
    at = datetime(2026, 6, 1) + timedelta(seconds=dice.randrange(30 * 86_400))  # noqa: DTZ001 - ORC's own, in UTC
    return {"patient": dice.choice(people)["id"], "at": at, "beats_per_minute": dice.randrange(48, 171)}


def _short(day: date) -> str:
    return f"{day.day}/{day.month}/{day:%y}"


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def _parquet(rows: list[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[0]])), sink)
    return sink.getvalue()


def _orc(rows: list[Row]) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema([("patient", pa.string()), ("at", pa.timestamp("us")), ("beats_per_minute", pa.int32())])
    orc.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


def _avro(rows: list[Row]) -> bytes:
    day = {"type": "int", "logicalType": "date"}
    types: dict[str, Any] = {"id": "long", "patient": "string", "medication": "string", "started": day}
    types |= {"per_day": "int", "stopped": ["null", day]}
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    sink = io.BytesIO()
    fastavro.writer(
        sink,
        {"type": "record", "name": "medication", "fields": fields},
        rows,
        codec="deflate",
        sync_marker=b"pergamon-samples",
    )
    return sink.getvalue()


def _semicolons(rows: list[Row]) -> bytes:
    """As a spreadsheet in most of Europe saves it: semicolons, decimal commas, quotes doubled, a byte order mark."""

    def cell(value: object) -> str:
        text = str(value)
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ';"\n') else text

    lines = [";".join(rows[0]), *(";".join(cell(value) for value in row.values()) for row in rows)]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def _tabs(rows: list[Row]) -> str:
    return "".join(
        "\t".join(str(cell) for cell in cells) + "\n" for cells in [list(rows[0]), *(row.values() for row in rows)]
    )
