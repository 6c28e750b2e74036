"""Objects as people use them: put, read, listed, tagged, removed; versions, conditions, events, and who may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

import pyarrow as pa
import pytest

from pergamon import audit, lake, objects
from pergamon.kernel import AccessDenied, Actor, Kind, PergamonError
from pergamon.runtime import Runtime
from tests.reference.stacks import (
    BUCKET,
    KEEPER,
    OPERATOR,
    READER,
    RULES,
    STRANGER,
    VISITOR,
    WRITER,
    feed,
    files,
    get,
    keys,
    put,
    stack,
    trail,
)


@pytest.fixture(autouse=True)
def _stacked(rt: Runtime) -> None:
    stack(rt)


def test_what_is_put_is_read_with_its_facts(rt: Runtime) -> None:
    version = put(rt, "open/a.csv", b"id\n1\n", tags={"b": "2", "a": "1"})
    assert (version.size_bytes, version.content_type, version.owner) == (5, "text/csv", "person:writer")
    assert version.path == rt.settings.lake / BUCKET / ".objects" / version.id[-2:] / f"{version.id}.csv"
    with rt.begin(READER) as uow:
        found = objects.read_object(uow, BUCKET, "open/a.csv")
    assert found == version
    assert dict(found.tags) == {"a": "1", "b": "2"}
    assert get(rt, "open/a.csv") == b"id\n1\n"


def test_a_version_supersedes_another_and_both_can_be_read(rt: Runtime) -> None:
    first, second = put(rt, "open/a", b"one"), put(rt, "open/a", b"two")
    assert get(rt, "open/a") == b"two"
    assert get(rt, "open/a", version=first.id) == b"one"
    with rt.begin(READER) as uow:
        versions = objects.object_versions(uow, BUCKET, "open/a")
    assert [(v.id, v.is_current) for v in versions] == [(second.id, True), (first.id, False)]
    assert feed(rt) == [("created", "open/a")] * 2
    with pytest.raises(objects.UnknownObject), rt.begin(READER) as uow:
        objects.read_object(uow, BUCKET, "open/b", version=first.id)


def test_versions_come_in_pages_however_many_somebody_made(rt: Runtime) -> None:
    made = [put(rt, "open/a", str(number).encode()).id for number in range(5)]
    with rt.begin(READER) as uow:
        pages, after = [], None
        while page := objects.object_versions(uow, BUCKET, "open/a", after=after, limit=2):
            after = page[-1].id
            pages.append([version.id for version in page])
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    with pytest.raises(objects.UnknownObject), rt.begin(VISITOR) as uow:
        objects.object_versions(uow, BUCKET, "open/a", after=made[0])


def test_a_removed_object_is_gone_and_its_versions_stay(rt: Runtime) -> None:
    version = put(rt, "open/a", b"one")
    with rt.begin(WRITER) as uow:
        deletion = objects.remove_object(uow, BUCKET, "open/a")
    assert deletion is not None
    assert (deletion.is_deletion, deletion.path) == (True, None)
    assert keys(rt, READER) == []
    for missing in (None, deletion.id):
        with pytest.raises(objects.UnknownObject):
            get(rt, "open/a", version=missing)
    assert get(rt, "open/a", version=version.id) == b"one"
    with pytest.raises(objects.UnknownObject), rt.begin(WRITER) as uow:
        objects.remove_object(uow, BUCKET, "open/a")
    put(rt, "open/a", b"again", if_none_match="*")
    assert get(rt, "open/a") == b"again"
    assert feed(rt) == [("created", "open/a"), ("removed", "open/a"), ("created", "open/a")]


def test_for_good_frees_the_contents_after_the_commit(rt: Runtime) -> None:
    put(rt, "open/a", b"one")
    put(rt, "open/a", b"two")
    put(rt, "open/b", b"stays")
    with rt.begin(KEEPER) as uow:
        assert objects.remove_object(uow, BUCKET, "open/a", for_good=True) is None
    assert len(files(rt)) == 3
    assert rt.free_contents() == 2
    assert rt.free_contents() == 0
    assert len(files(rt)) == 1
    with pytest.raises(objects.UnknownObject), rt.begin(KEEPER) as uow:
        objects.object_versions(uow, BUCKET, "open/a")
    assert feed(rt)[-1] == ("removed", "open/a")
    assert [subject for _, subject, _ in trail(rt, ["objects.destroyed"])] == ["object:assets/open/a"] * 2


def test_the_version_before_stands_again_when_the_current_one_is_destroyed(rt: Runtime) -> None:
    first, second = put(rt, "open/a", b"one"), put(rt, "open/a", b"two")
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", version=second.id, for_good=True)
    assert get(rt, "open/a") == b"one"
    assert feed(rt)[-1] == ("created", "open/a")
    third = put(rt, "open/a", b"three")
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", version=first.id, for_good=True)
    assert get(rt, "open/a") == b"three"
    assert len(feed(rt)) == 4, "followers are told of what stands, and that did not change"
    with rt.begin(WRITER) as uow:
        deletion = objects.remove_object(uow, BUCKET, "open/a")
    assert deletion is not None
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", version=deletion.id, for_good=True)
    assert get(rt, "open/a", version=third.id) == get(rt, "open/a") == b"three"
    with pytest.raises(objects.BadRemoval), rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", version=third.id)


def test_conditions_are_held_against_what_stands_there(rt: Runtime) -> None:
    version = put(rt, "open/a", b"one", if_none_match="*")
    for options in ({"if_none_match": "*"}, {"if_match": '"0"'}):
        with pytest.raises(objects.ConditionFailed):
            put(rt, "open/a", b"two", **options)  # type: ignore[arg-type]
    put(rt, "open/a", b"two", if_match=f'"{version.etag}"')
    with pytest.raises(objects.ConditionFailed), rt.begin(WRITER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", if_match=f'"{version.etag}"')
    assert (get(rt, "open/a"), len(files(rt))) == (b"two", 2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"largest_bytes": 3}, objects.ContentTooLarge),
        ({"expect_bytes": 5}, objects.ContentMismatch),
        ({"expect_sha256": "0" * 64}, objects.ContentMismatch),
        ({"tags": {"": "x"}}, objects.BadTags),
        ({"content_type": "x"}, objects.BadContentType),
        ({"if_match": "a b"}, objects.BadCondition),
    ],
)
def test_what_is_refused_leaves_nothing_behind(rt: Runtime, options: objects.UploadOptions, error: type) -> None:
    with pytest.raises(error):
        put(rt, "open/a", b"four", **options)
    assert (files(rt), feed(rt), keys(rt, READER)) == ([], [], [])


def test_a_sender_that_breaks_off_leaves_nothing_behind(rt: Runtime) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        rt.put_object(WRITER, BUCKET, "open/a", chunks())
    assert (files(rt), feed(rt)) == ([], [])


def test_tags_change_without_a_new_version(rt: Runtime) -> None:
    version = put(rt, "open/a", tags={"a": "1"})
    with rt.begin(WRITER) as uow:
        assert dict(objects.put_tags(uow, BUCKET, "open/a", {"b": "2"}).tags) == {"b": "2"}
    with rt.begin(READER) as uow:
        found = objects.describe_object(uow, BUCKET, "open/a")
    assert (dict(found.tags), found.id) == ({"b": "2"}, version.id)
    assert feed(rt) == [("created", "open/a"), ("tagged", "open/a")]
    for missing in ("open/none", "nowhere/x"):
        with pytest.raises(objects.UnknownObject), rt.begin(WRITER) as uow:
            objects.put_tags(uow, BUCKET, missing, {})


def test_a_new_version_keeps_the_tags_unless_the_put_names_others(rt: Runtime) -> None:
    """What an access rule asks for never vanishes because somebody did not repeat it."""
    put(rt, "own/a", tags={"public": "yes"})
    put(rt, "own/a", b"two")
    assert get(rt, "own/a", by=VISITOR) == b"two"
    upload = _uploaded(rt, "own/a")
    assert dict(upload.tags) == {"public": "yes"}
    assert dict(put(rt, "own/a", tags={"b": "2"}).tags) == {"b": "2"}
    assert dict(put(rt, "own/a").tags) == {"b": "2"}
    assert dict(_uploaded(rt, "own/a", tags={}).tags) == {}
    put(rt, "own/a", tags={"public": "yes"})
    with rt.begin(WRITER) as uow:
        objects.remove_object(uow, BUCKET, "own/a")
    assert dict(put(rt, "own/a").tags) == {}, "a removed object leaves its tags to nobody"


def _uploaded(rt: Runtime, key: str, **options: Unpack[objects.PutOptions]) -> objects.ObjectVersion:
    """The object, put in pieces."""
    root = rt.settings.lake
    with rt.begin(WRITER) as uow:
        upload = objects.begin_upload(uow, root, BUCKET, key, 3, **options)
    objects.append_to_upload(lambda: rt.begin(WRITER), root, upload.id, 0, [b"two"])
    with rt.begin(WRITER) as uow:
        return objects.describe_object(uow, BUCKET, key)


MAY = {
    # role: what it may do to open/a, own/a, mixed/a (tagged consent=yes), mixed/b (untagged)
    "keeper": ("rwd", "rwd", "rwd", "rwd"),
    "writer": ("rw-", "rw-", "rw-", "rw-"),
    "reader": ("r--", "---", "r--", "---"),
    "visitor": ("---", "---", "---", "---"),
    "stranger": ("---", "---", "---", "---"),
    "operator": ("---", "---", "---", "---"),
}


@pytest.mark.parametrize("role", MAY)
def test_who_may_do_what(rt: Runtime, role: str) -> None:
    """Reading, writing, destroying: what may not be read is not found, what may be read but not changed is denied."""
    people = {"keeper": KEEPER, "writer": WRITER, "reader": READER, "visitor": VISITOR, "stranger": STRANGER}
    who = people.get(role, OPERATOR)
    places = {"open/a": {}, "own/a": {}, "mixed/a": {"consent": "yes"}, "mixed/b": {}}
    for key, tags in places.items():
        put(rt, key, tags=tags)
    for (key, tags), allowed in zip(places.items(), MAY[role], strict=True):
        assert outcome(rt, who, "read", key) == ("done" if "r" in allowed else "not_found"), key
        refused = "denied" if "r" in allowed else "not_found"
        assert outcome(rt, who, "put", key, tags) == ("done" if "w" in allowed else refused), key
        assert outcome(rt, who, "tag", key, tags) == ("done" if "w" in allowed else refused), key
        assert outcome(rt, who, "destroy", key) == ("done" if "d" in allowed else refused), key
    readable = {key for key, allowed in zip(places, MAY[role], strict=True) if "r" in allowed and "d" not in allowed}
    if readable:
        assert set(keys(rt, who)) == readable


def outcome(rt: Runtime, who: Actor, act: str, key: str, tags: dict[str, str] | None = None) -> str:
    """`done`, or the kind of the refusal; each refusal stands in the trail."""
    before = len(trail(rt, ["audit.act_denied"]))
    try:
        if act == "put":
            put(rt, key, b"y", by=who, tags=tags or {})
            return "done"
        with rt.begin(who) as uow:
            match act:
                case "read":
                    objects.read_object(uow, BUCKET, key)
                case "tag":
                    objects.put_tags(uow, BUCKET, key, tags or {})
                case "destroy":
                    objects.remove_object(uow, BUCKET, key, for_good=True)
    except PergamonError as refusal:
        assert len(trail(rt, ["audit.act_denied"])) == before + 1, f"{act} of {key} by {who}"
        return refusal.kind.value
    return "done"


def test_a_tag_opens_and_closes_an_object(rt: Runtime) -> None:
    put(rt, "own/a", tags={"public": "yes"})
    assert keys(rt, VISITOR) == ["own/a"]
    assert get(rt, "own/a", by=VISITOR) == b"x"
    with rt.begin(WRITER) as uow:
        objects.put_tags(uow, BUCKET, "own/a", {"public": "no"})
    assert keys(rt, VISITOR) == []
    with pytest.raises(objects.UnknownObject):
        get(rt, "own/a", by=VISITOR)


def test_a_tag_never_gives_the_right_to_write_what_stands_there(rt: Runtime) -> None:
    with rt.begin(OPERATOR) as uow:
        rules = [
            {"prefix": "", "tags": {"draft": "yes"}, "ReadWriteRoles": ["visitor"]},
            {"ReadWriteRoles": ["writer"]},
        ]
        lake.put_bucket(uow, BUCKET, lake.BucketSpec.model_validate({"access_rules": rules}))
    put(rt, "a", b"final")
    with pytest.raises(objects.UnknownObject):
        put(rt, "a", b"overwritten", by=VISITOR, tags={"draft": "yes"})
    put(rt, "b", by=VISITOR, tags={"draft": "yes"})
    with pytest.raises(PergamonError), rt.begin(VISITOR) as uow:
        objects.put_tags(uow, BUCKET, "b", {})
    with rt.begin(VISITOR) as uow:
        objects.remove_object(uow, BUCKET, "b")


def test_a_bucket_that_is_not_there_is_answered_like_one_that_may_not_be_reached(rt: Runtime) -> None:
    put(rt, "own/a")
    told = set()
    for bucket in (BUCKET, "nothing-here"):
        for key in ("own/a", "own/b"):
            with pytest.raises(objects.UnknownObject) as caught, rt.begin(STRANGER) as uow:
                objects.read_object(uow, bucket, key)
            told.add(caught.value.message.replace(f"{bucket}/{key}", "…"))
        with pytest.raises(objects.UnknownObject) as caught, rt.begin(STRANGER) as uow:
            objects.list_objects(uow, bucket)
        with pytest.raises(objects.UnknownObject):
            rt.put_object(STRANGER, bucket, "x", [b""])
    assert len(told) == 1
    assert files(rt) == [f"{objects_of(rt)[0].id}"]


def objects_of(rt: Runtime) -> list[objects.ObjectVersion]:
    with rt.begin(OPERATOR) as uow:
        return objects.current_objects(uow, BUCKET)


def test_reads_of_an_audited_bucket_stand_in_the_trail_and_writes_always(rt: Runtime) -> None:
    put(rt, "open/a")
    get(rt, "open/a")
    keys(rt, READER)
    codes = ["objects.put", "objects.read", "objects.listed"]
    assert [code for code, _, _ in trail(rt, codes)] == codes
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, BUCKET, RULES_UNAUDITED)
    put(rt, "open/a")
    get(rt, "open/a")
    keys(rt, READER)
    assert [code for code, _, _ in trail(rt, codes)] == [*codes, "objects.put"]


RULES_UNAUDITED = lake.BucketSpec.model_validate(
    {"access_rules": [{"prefix": "open", "ReadRoles": ["reader"], "ReadWriteRoles": ["writer"]}], "audited": False}
)


def test_what_a_table_refers_to_is_served_raw_only_to_whom_the_table_is_open(rt: Runtime) -> None:
    version = put(rt, "open/t/a.parquet", by=KEEPER)
    table = lake.TableId("db", "t")
    with rt.begin(OPERATOR) as uow:
        rules = [{"prefix": "db/t", "ReadRoles": ["keeper", "writer"]}, {"prefix": "db/u", "ReadRoles": ["keeper"]}]
        lake.put_bucket(uow, "curated", lake.BucketSpec.model_validate({"access_rules": rules}))
        lake.put_bucket(uow, BUCKET, RULES.model_copy(update={"audited": False}))
        lake.put_database(uow, "db", lake.DatabaseSpec(bucket="curated"))
        lake.create_table(uow, rt.settings.lake, table, pa.schema([("id", pa.int64())]))
        objects.refer(uow, table, [version.id])
        objects.refer(uow, table, [version.id])
        assert objects.referring_tables(uow, version.id) == [table]
    assert get(rt, "open/t/a.parquet", by=KEEPER) == get(rt, "open/t/a.parquet", by=WRITER) == b"x"
    with rt.begin(OPERATOR) as uow:
        read = [entry for entry in audit.read_trail(uow, subject="table:db.t") if entry.code == "objects.read"]
    assert [entry.actor for entry in read] == ["person:writer", "person:keeper"]
    with pytest.raises(objects.RawClosed) as caught:
        get(rt, "open/t/a.parquet", by=READER)
    assert caught.value.kind is Kind.DENIED
    assert "db" not in str(caught.value)
    assert ("audit.act_denied", "object:assets/open/t/a.parquet", "person:reader") in trail(rt, ["audit.act_denied"])
    second = lake.TableId("db", "u")
    with rt.begin(OPERATOR) as uow:
        lake.create_table(uow, rt.settings.lake, second, pa.schema([("id", pa.int64())]))
        objects.refer(uow, second, [version.id])
    with pytest.raises(objects.RawClosed):
        get(rt, "open/t/a.parquet", by=WRITER)
    with pytest.raises(objects.StillReferred), rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/t/a.parquet", for_good=True)
    with pytest.raises(objects.StillReferred), rt.begin(OPERATOR) as uow:
        objects.forget_bucket(uow, BUCKET)
    with rt.begin(WRITER) as uow:
        objects.remove_object(uow, BUCKET, "open/t/a.parquet")
    with rt.begin(OPERATOR) as uow:
        objects.unrefer(uow, table, [version.id])
        lake.drop_table(uow, second)
        assert objects.referring_tables(uow, version.id) == []
    with pytest.raises(objects.RawClosed):
        get(rt, "open/t/a.parquet", version=version.id)
    assert get(rt, "open/t/a.parquet", version=version.id, by=WRITER) == b"x"
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/t/a.parquet", for_good=True)
    assert rt.free_contents() == 1


def test_a_table_cannot_refer_to_what_is_not_there(rt: Runtime) -> None:
    with pytest.raises(Exception, match="foreign key"), rt.begin(OPERATOR) as uow:
        objects.refer(uow, lake.TableId("db", "t"), ["ver_none"])


def test_a_forgotten_bucket_tells_its_followers(rt: Runtime) -> None:
    put(rt, "open/a")
    put(rt, "open/a")
    with rt.begin(OPERATOR) as uow:
        assert objects.forget_bucket(uow, BUCKET) == 2
        assert objects.forget_bucket(uow, BUCKET) == 0
    assert feed(rt)[-1] == ("removed", "open/a")
    assert keys(rt, READER) == []


def test_an_uploaded_piece_is_adopted_without_a_copy(rt: Runtime, tmp_path: Path) -> None:
    piece = tmp_path / "piece"
    piece.write_bytes(b"whole")
    inode = piece.stat().st_ino
    with pytest.raises(objects.ContentMismatch):
        objects.adopt_content(rt.settings.lake, BUCKET, "open/a", piece, expect_bytes=4)
    content = objects.adopt_content(rt.settings.lake, BUCKET, "open/a", piece)
    with rt.begin(WRITER) as uow:
        version = objects.put_object(uow, content, BUCKET, "open/a")
    assert version.path is not None
    assert (version.path.stat().st_ino, get(rt, "open/a"), piece.exists()) == (inode, b"whole", False)


def test_a_content_that_is_gone_or_changed_becomes_no_object(rt: Runtime) -> None:
    content = objects.receive_content(rt.settings.lake, BUCKET, "open/a", [b"x"])
    objects.discard_content(content)
    with pytest.raises(objects.ContentGone), rt.begin(WRITER) as uow:
        objects.put_object(uow, content, BUCKET, "open/a")


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_its_bounds(rt: Runtime, limit: int) -> None:
    with pytest.raises(objects.BadPage), rt.begin(READER) as uow:
        objects.list_objects(uow, BUCKET, limit=limit)


def test_denied_is_for_those_who_may_read(rt: Runtime) -> None:
    put(rt, "open/a")
    with pytest.raises(AccessDenied), rt.begin(READER) as uow:
        objects.may_put(uow, BUCKET, "open/a")
    with pytest.raises(objects.UnknownObject), rt.begin(READER) as uow:
        objects.may_put(uow, BUCKET, "own/a")
