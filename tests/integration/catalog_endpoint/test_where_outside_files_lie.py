"""Every location that an outside engine sends lies in its table, or is refused; what is taken is on the disk first."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io.pyarrow import parquet_file_to_data_file

from pergamon import kernel
from pergamon.lake import named_files
from pergamon.runtime import Runtime
from tests.reference.outside_world import Body, OutsideWorld, outside_world

VITALS = "/namespaces/curated_db/tables/vitals"
ROWS = pa.table({"patient": pa.array([1], pa.int64()), "pulse": [1]})


@pytest.fixture
def world(rt: Runtime) -> Iterator[OutsideWorld]:
    with outside_world(rt) as world:
        yield world


@pytest.fixture
def owner(world: OutsideWorld) -> Iterator[httpx.Client]:
    with world.client("owner") as client:
        yield client


@pytest.fixture
def captured(world: OutsideWorld) -> Body:
    """A good commit, whose files were written, and which was never sent."""
    table = RestCatalog("lake", uri=world.address, token=world.people["owner"].token).load_table("curated_db.vitals")
    bodies: list[Body] = []

    def catch(_url: str, *, data: bytes, **_: Any) -> Any:
        bodies.append(json.loads(data))
        raise InterruptedError

    table.catalog._session.post = catch  # type: ignore[attr-defined]
    with pytest.raises(InterruptedError):
        table.append(ROWS)
    return bodies[0]


def snapshot_of(body: Body) -> Body:
    found: Body = next(update["snapshot"] for update in body["updates"] if update["action"] == "add-snapshot")
    return found


OTHER_WORDS: dict[str, Callable[[str], str]] = {
    "another table's": lambda place: place.replace("vitals", "places"),
    "a longer name": lambda place: place.replace("/vitals/", "/vitals2/"),
    "up and down again": lambda place: place.replace("/vitals/", "/vitals/../vitals/"),
    "up and away": lambda place: place.replace("/metadata/", "/../places/metadata/"),
    "a dot": lambda place: place.replace("/vitals/", "/vitals/./"),
    "an empty part": lambda place: place.replace("/vitals/", "/vitals//"),
    "percent-encoded": lambda place: place.replace("/vitals/", "/vit%61ls/"),
    "percent-encoded and up": lambda place: place.replace("/vitals/", "/vitals/%2e%2e/places/"),
    "a query": lambda place: f"{place}?x",
    "a fragment": lambda place: f"{place}#x",
    "a null byte": lambda place: f"{place}\x00",
    "a host": lambda place: place.replace("file://", "file://localhost"),
    "another scheme": lambda place: place.replace("file://", "s3:/"),
    "a scheme in other letters": lambda place: place.replace("file://", "FILE://"),
    "a scheme in a scheme": lambda place: f"file://{place}",
    "a relative path": lambda place: place.removeprefix("file:///"),
    "a backslash": lambda place: place.replace("/vitals/", "/vitals/..\\"),
    "what is not there": lambda place: f"{place}.not",
    "the directory": lambda place: place.rsplit("/", 1)[0],
    "a device": lambda place: "file:///dev/zero",
    "nothing": lambda place: "",
}


def test_a_manifest_list_lies_in_its_table(world: OutsideWorld, owner: httpx.Client, captured: Body) -> None:
    before = world.record("curated_db.vitals")
    told = {}
    for what, spelled in OTHER_WORDS.items():
        bad = copy.deepcopy(captured)
        snapshot_of(bad)["manifest-list"] = spelled(snapshot_of(bad)["manifest-list"])
        assert bad != captured, what
        answer = owner.post(VITALS, json=bad)
        told[what] = (answer.status_code, "file:" in answer.json()["error"]["message"])
    assert {what: said for what, said in told.items() if said != (400, False)} == {}
    older = copy.deepcopy(captured)
    older_list = world.metadata("curated_db.vitals").current_snapshot().manifest_list
    snapshot_of(older)["manifest-list"] = older_list
    assert "older snapshot's" in owner.post(VITALS, json=older).json()["message"]
    assert world.record("curated_db.vitals") == before
    assert owner.post(VITALS, json=captured).status_code == 200


def test_a_link_that_leads_away_is_refused(
    world: OutsideWorld, owner: httpx.Client, captured: Body, tmp_path: Path
) -> None:
    path = Path(snapshot_of(captured)["manifest-list"].removeprefix("file://"))
    moved = tmp_path / "away.avro"
    path.rename(moved)
    path.symlink_to(moved)
    assert owner.post(VITALS, json=captured).status_code == 400
    path.unlink()
    (path.parent.parent / "aside").symlink_to(tmp_path)
    snapshot_of(captured)["manifest-list"] = f"file://{path.parent.parent}/aside/away.avro"
    assert owner.post(VITALS, json=captured).status_code == 400


def test_the_files_that_a_manifest_names_lie_in_their_table(world: OutsideWorld, tmp_path: Path) -> None:
    """Also those that it says are deleted: maintenance removes what a table let go."""
    catalog = RestCatalog("lake", uri=world.address, token=world.people["owner"].token)
    table = catalog.load_table("curated_db.vitals")
    outside = tmp_path / "outside.parquet"
    pq.write_table(ROWS, outside)
    file = parquet_file_to_data_file(table.io, table.metadata, f"file://{outside}")
    adding = table.transaction()
    with adding.update_snapshot().fast_append() as append:
        append.append_data_file(file)
    with pytest.raises(Exception, match="outside its table"):
        adding.commit_transaction()
    before = world.record("curated_db.vitals")
    file.spec_id = 0
    deleting = table.transaction()
    update = deleting.update_snapshot().overwrite()
    update._deleted_entries = lambda: [deleted(file)]  # type: ignore[method-assign]
    with update:
        update.append_data_file(next(iter(table.scan().plan_files())).file)
    with pytest.raises(Exception, match="deletes a file outside its table"):
        deleting.commit_transaction()
    assert world.record("curated_db.vitals") == before


def deleted(file: Any) -> Any:
    from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus

    return ManifestEntry.from_args(
        status=ManifestEntryStatus.DELETED, snapshot_id=1, sequence_number=1, file_sequence_number=1, data_file=file
    )


PLACES_OF_A_TABLE: dict[str, Callable[[str], Body]] = {
    "another place": lambda home: {"location": f"{home}2"},
    "a place inside": lambda home: {"location": f"{home}/inside"},
    "up and down again": lambda home: {"location": f"{home}/../made"},
    "percent-encoded": lambda home: {"location": home.replace("made", "m%61de")},
    "a relative path": lambda home: {"location": "spark-warehouse/made-1"},
    "a bucket": lambda home: {"location": "s3://bucket/made"},
    "a wildcard": lambda home: {"location": home.replace("made", "*")},
    "a data path": lambda home: {"properties": {"write.data.path": f"{home}/data"}},
    "a data path in other letters": lambda home: {"properties": {"Write.Data.Path": "/tmp"}},
    "a metadata path": lambda home: {"properties": {"write.metadata.path": f"{home}/metadata"}},
    "a folder of objects": lambda home: {"properties": {"write.folder-storage.path": "/tmp"}},
    "an object store": lambda home: {"properties": {"write.object-storage.enabled": "true"}},
    "a location provider": lambda home: {"properties": {"write.location-provider.impl": "x.Y"}},
    "PyIceberg's location provider": lambda home: {"properties": {"write.py-location-provider.impl": "os.path"}},
    "a path under a name of tomorrow": lambda home: {"properties": {"write.new-thing": "/etc/x"}},
    "a file under a name of tomorrow": lambda home: {"properties": {"write.new-thing": "file:/etc/x"}},
    "another format version": lambda home: {"properties": {"format-version": "3"}},
}
SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "a", "type": "long", "required": False}]}


def test_a_table_lies_where_its_name_says(world: OutsideWorld, owner: httpx.Client) -> None:
    home = world.record("curated_db.vitals").location.replace("vitals", "made")
    told = {}
    for what, said in PLACES_OF_A_TABLE.items():
        for staged in (False, True):
            making = {"name": "made", "schema": SCHEMA, "stage-create": staged} | said(home)
            told[what, staged] = owner.post("/namespaces/curated_db/tables", json=making).status_code
    assert {what for what, status in told.items() if status != 400} == set()
    for said in ({"location": f"{home}/"}, {"location": None}):
        made = owner.post("/namespaces/curated_db/tables", json={"name": "made", "schema": SCHEMA} | said)
        assert (made.status_code, made.json()["metadata"]["location"]) == (200, home)
        assert owner.delete("/namespaces/curated_db/tables/made").status_code == 204
    for what, said in PLACES_OF_A_TABLE.items():
        updates = [{"action": "set-location", **said(home)}]
        if "properties" in said(home):
            updates = [{"action": "set-properties", "updates": said(home)["properties"]}]
        answer = owner.post(VITALS, json={"requirements": [], "updates": updates})
        assert answer.status_code == 400, what


def test_statistics_lie_in_their_table(world: OutsideWorld, owner: httpx.Client, tmp_path: Path) -> None:
    metadata = world.metadata("curated_db.vitals")
    home = Path(metadata.location.removeprefix("file://"))
    inside, outside = home / "metadata" / "stats.puffin", tmp_path / "stats.puffin"
    inside.write_bytes(b"PFA1")
    outside.write_bytes(b"PFA1")
    size = {"file-size-in-bytes": 4, "file-footer-size-in-bytes": 0, "blob-metadata": []}
    for path, status in ((outside, 400), (home / "metadata" / ".." / "x", 400), (inside, 200)):
        told = {"snapshot-id": metadata.current_snapshot_id, "statistics-path": f"file://{path}", **size}
        for update in (
            {"action": "set-statistics", "statistics": told},
            {"action": "set-partition-statistics", "partition-statistics": told},
        ):
            assert owner.post(VITALS, json={"requirements": [], "updates": [update]}).status_code == status
    assert len(world.metadata("curated_db.vitals").statistics) == 1


def test_what_is_committed_is_on_the_disk_before_it_is_visible(
    world: OutsideWorld, owner: httpx.Client, captured: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 4, as under a lease: manifest list, manifest and data file, then the directories that name them."""
    before, order = world.record("curated_db.vitals"), []

    def watched(name: str) -> Callable[[Path], None]:
        really: Callable[[Path], None] = getattr(kernel, name)

        def force(path: Path) -> None:
            assert world.record("curated_db.vitals") == before
            really(path)
            order.append((name, path.suffix or path.name))

        return force

    for name in ("fsync_file", "fsync_directory"):
        monkeypatch.setattr(named_files, name, watched(name))
    assert owner.post(VITALS, json=captured).status_code == 200
    files = [what for name, what in order if name == "fsync_file"]
    directories = [what for name, what in order if name == "fsync_directory"]
    assert (files, sorted(directories)) == ([".avro", ".avro", ".parquet"], ["data", "metadata", "vitals"])
    assert order[-1] == ("fsync_directory", "vitals")
    assert world.record("curated_db.vitals") != before


SNAPSHOTS_THAT_LIE: dict[str, Callable[[Body], Any]] = {
    "of the year 5138": lambda one: one.update({"timestamp-ms": 10**14}),
    "of long ago": lambda one: one.update({"timestamp-ms": int(time.time() * 1000) - 10**9}),
    "on another parent": lambda one: one.update({"parent-snapshot-id": 7}),
    "on none": lambda one: one.pop("parent-snapshot-id"),
    "out of order": lambda one: one.update({"sequence-number": one["sequence-number"] + 1}),
    "with a negative id": lambda one: one.update({"snapshot-id": -5}),
    "with no summary": lambda one: one.pop("summary"),
    "with another schema": lambda one: one.update({"schema-id": 9}),
}


def test_a_snapshot_that_does_not_fit_is_refused(world: OutsideWorld, owner: httpx.Client, captured: Body) -> None:
    before = world.record("curated_db.vitals")
    for what, spoil in SNAPSHOTS_THAT_LIE.items():
        bad = copy.deepcopy(captured)
        spoil(snapshot_of(bad))
        assert owner.post(VITALS, json=bad).status_code == 400, what
    hidden = copy.deepcopy(captured)
    hidden["updates"] = [update for update in hidden["updates"] if update["action"] == "add-snapshot"]
    assert owner.post(VITALS, json=hidden).status_code == 400
    assert world.record("curated_db.vitals") == before
    snapshot_of(captured)["summary"] |= {"pergamon.position": "forged", "kept": "yes"}
    assert owner.post(VITALS, json=captured).status_code == 200
    summary = world.metadata("curated_db.vitals").current_snapshot().summary.additional_properties
    assert (summary.get("pergamon.position"), summary["kept"]) == (None, "yes")
