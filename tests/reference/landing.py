"""Write landing files as replication does: Parquet, and beside each its manifest."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.reference.replay import SourceChange

COLUMNS = {"a": pa.int64(), "b": pa.string(), "value": pa.int64(), "note": pa.string()}


@dataclass
class Landing:
    """The landing directory of one source table."""

    root: Path
    schema: str = "hda"
    table: str = "patients"
    task: str = "hospital"
    keys: tuple[str, ...] = ("a", "b")
    columns: dict[str, pa.DataType] = field(default_factory=lambda: dict(COLUMNS))
    files: int = 0

    @property
    def directory(self) -> Path:
        return self.root / "staging" / "landing" / self.schema / self.table

    def changes(self, changes: Sequence[SourceChange], *, manifest: bool = True) -> Path:
        """One file of changes."""
        self.files += 1
        path = self.directory / "2026" / "03" / "04" / f"20260304-{self.files:09d}.parquet"
        rows = [self._row(c.operation, c.position, c.row, c.previous, c.unchanged) for c in changes]
        self._write(path, rows, manifest=manifest, kind="changes", load_id=None)
        return path

    def load(
        self, position: str, rows: Sequence[dict[str, Any]], *, load_id: str = "load-1", files: int = 1
    ) -> list[Path]:
        """A full load, cut into files."""
        paths = []
        size = -(-len(rows) // files) if rows else 1
        for number in range(files):
            part = [self._row("I", position, row, None, ()) for row in rows[number * size : (number + 1) * size]]
            path = self.directory / f"LOAD{load_id}-{number + 1:08X}.parquet"
            last = {"full_load_complete": number == files - 1, "full_load_files": files}
            self._write(path, part, kind="full_load", load_id=load_id, position=position, **last)
            paths.append(path)
        return paths

    def _row(
        self, operation: str, position: str, row: dict[str, Any], previous: Any, unchanged: Iterable[str]
    ) -> dict[str, Any]:
        old = None if previous is None else json.dumps(dict(zip(self.keys, previous, strict=True)))
        own = {"Op": operation, "_position": position, "_unchanged": list(unchanged), "_previous_key": old}
        return own | {name: row.get(name) for name in self.columns}

    def _write(self, path: Path, rows: list[dict[str, Any]], *, manifest: bool = True, **words: Any) -> None:
        own = [("_position", pa.string()), ("_unchanged", pa.list_(pa.string())), ("_previous_key", pa.string())]
        schema = pa.schema([("Op", pa.string()), *self.columns.items(), *own])
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        position = words.pop("position", None)
        document = {
            "version": 1,
            "task": self.task,
            "schema": self.schema,
            "table": self.table,
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
            "rows": len(rows),
            "position": {
                "first": position or rows[0]["_position"],
                "last": position or rows[-1]["_position"],
            },
            "columns": [{"name": name, "arrow_type": str(kind)} for name, kind in self.columns.items()],
            "replica_identity_columns": list(self.keys),
            "source_columns": list(self.columns),
        }
        if manifest:
            self.manifest(path, document | words)
        else:
            self.held_back = (path, document | words)

    def manifest(self, path: Path, document: dict[str, Any]) -> None:
        path.with_name(path.name + ".manifest.json").write_text(json.dumps(document))
