"""The sample files hold what real ones do, and are the same on every machine."""

import gzip
import json
from pathlib import Path

import fastavro
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pergamon.samples import NotEmpty, write_medical_assets


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_medical_assets(tmp_path / name, patients=30, seed=7)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_every_file_holds_as_many_rows_as_it_says(tmp_path: Path) -> None:
    said = write_medical_assets(tmp_path / "m", patients=40)
    lines = gzip.decompress((tmp_path / "m/lab_results/lab_results.ndjson.gz").read_bytes()).splitlines()
    with (tmp_path / "m/medications/medications.avro").open("rb") as file:
        doses = list(fastavro.reader(file))
    assert said["patients/patients.parquet"] == pq.read_table(tmp_path / "m/patients/patients.parquet").num_rows == 40
    assert said["lab_results/lab_results.ndjson.gz"] == len(lines)
    assert isinstance(json.loads(lines[0])["code"], dict), "results are nested"
    assert said["medications/medications.avro"] == len(doses)
    assert said["heart_rates/heart_rates.orc"] == orc.read_table(tmp_path / "m/heart_rates/heart_rates.orc").num_rows


def test_files_have_the_troubles_of_real_ones(tmp_path: Path) -> None:
    write_medical_assets(tmp_path / "m", patients=60)
    births = pq.read_table(tmp_path / "m/patients/patients.parquet")["BIRTHDATE"].to_pylist()
    assert any(int(birth.split("/")[0]) > 12 for birth in births), "some dates can only be day/month/year"
    early = (tmp_path / "m/encounters/year=2024/quarter=1/encounters.csv").read_text("utf-8-sig")
    late = (tmp_path / "m/encounters/year=2026/quarter=2/encounters.csv").read_text("utf-8-sig")
    assert "ward" not in early.splitlines()[0]
    assert "ward" in late.splitlines()[0]
    with pytest.raises(UnicodeDecodeError):
        (tmp_path / "m/wards/wards.tsv").read_text("utf-8")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(NotEmpty):
        write_medical_assets(tmp_path)
