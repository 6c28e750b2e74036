"""Which functions look into, and which write, a file of each format. Loaded by whoever reads files, not before."""

from collections.abc import Callable, Mapping

from pergamon.formats.avro_files import inspect_avro, write_avro
from pergamon.formats.csv_files import inspect_csv, write_csv
from pergamon.formats.excel_files import inspect_excel, write_excel
from pergamon.formats.json_files import inspect_json, write_json
from pergamon.formats.model import FilePart, Format, WrittenPart
from pergamon.formats.orc_files import inspect_orc, write_orc
from pergamon.formats.parquet_files import inspect_parquet, write_parquet
from pergamon.formats.work import Look, Writing

INSPECTORS: Mapping[Format, Callable[[Look], list[FilePart]]] = {
    "parquet": lambda look: [inspect_parquet(look)],
    "csv": lambda look: [inspect_csv(look)],
    "json": lambda look: [inspect_json(look, "json")],
    "ndjson": lambda look: [inspect_json(look, "ndjson")],
    "avro": lambda look: [inspect_avro(look)],
    "orc": lambda look: [inspect_orc(look)],
    "excel": inspect_excel,
}
WRITERS: Mapping[Format, Callable[[Writing], WrittenPart]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "json": write_json,
    "ndjson": write_json,
    "avro": write_avro,
    "orc": write_orc,
    "excel": write_excel,
}
