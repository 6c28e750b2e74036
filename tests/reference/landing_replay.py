"""A slow, obvious reader of the landing zone: what a table would hold if every change were applied, one by one."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

OWN = ("Op", "_position", "_unchanged", "_previous_key")


def landed_rows(folder: Path) -> list[dict[str, Any]]:
    """Every row of every file that has a manifest, in the order of positions; a full load's rows come first."""
    manifests = [json.loads(path.read_text()) for path in folder.rglob("*.manifest.json")]
    whole = {found["load_id"] for found in manifests if found["full_load_complete"]}
    loads = [found for found in manifests if found["kind"] == "full_load" and found["load_id"] in whole]
    newest = max((found["position"]["last"] for found in loads), default="")
    chosen = [found for found in loads if found["position"]["last"] == newest]
    changes = [found for found in manifests if found["kind"] == "changes"]
    files = {path.name: path for path in folder.rglob("*.parquet")}
    rows = [row for found in [*chosen, *changes] for row in pq.read_table(files[found["file"]]).to_pylist()]
    return sorted((row for row in rows if row["_position"] >= newest), key=lambda row: row["_position"])


def replay(folder: Path, key: str) -> dict[Any, dict[str, Any]]:
    """The table's rows by key. A second insert of one key, or a change to a missing one, is an error."""
    state: dict[str, dict[str, Any]] = {}
    positions: set[str] = set()
    for row in landed_rows(folder):
        if not row["_position"].endswith(".0000000000"):
            assert row["_position"] not in positions, "a change landed twice"
            positions.add(row["_position"])
        values = {name: value for name, value in row.items() if name not in OWN}
        at = str(values[key])
        match row["Op"]:
            case "I":
                assert at not in state, f"{at} was inserted twice"
                state[at] = values
            case "U":
                before = at if row["_previous_key"] is None else json.loads(row["_previous_key"])[key]
                known = state.pop(before)
                for name in row["_unchanged"]:
                    values[name] = known[name]
                state[at] = values
            case "D":
                del state[at]
            case "T":
                state.clear()
    return state
