"""Listing is `decide` over every object, slowly: over generated keys, tags, rules, folders and pages."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from pergamon import lake, objects
from pergamon.kernel import Actor, ActorKind, NotFound
from pergamon.policy import Action, decide, resource_for_path
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

ROLES = ["a", "b", "c"]
SEGMENTS = st.sampled_from(["x", "xy", "x-", "x.csv", "X", "é", "😀", "z z", "%", "_"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
TAGS = st.dictionaries(st.sampled_from(["t", "u"]), st.sampled_from(["1", "2"]), max_size=2)
SOME_ROLES = st.lists(st.sampled_from(ROLES), max_size=2).map(tuple)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "prefix": st.sampled_from(["", "x", "xy", "x/x", "x/xy", "X", "x-"]),
            "tags": TAGS,
            "ReadRoles": SOME_ROLES,
            "ReadWriteRoles": SOME_ROLES,
            "ReadWriteSuperRoles": SOME_ROLES,
        }
    ),
    max_size=4,
    unique_by=lambda rule: (str(rule["prefix"]), json.dumps(rule["tags"], sort_keys=True)),
)
ACTORS = st.builds(
    Actor,
    st.just("person:x"),
    st.sampled_from([ActorKind.PERSON, ActorKind.SERVICE, ActorKind.OPERATOR]),
    st.frozensets(st.sampled_from(ROLES), max_size=2),
)
PREFIXES = st.one_of(st.just(""), KEYS, KEYS.map(lambda key: f"{key}/"), st.sampled_from(["x", "x/", "x/x"]))


@pytest.fixture
def uow(rt: Runtime) -> Iterator[UnitOfWork]:
    """One transaction for all examples; it is never committed."""
    with psycopg.connect(str(rt.settings.database_url), row_factory=dict_row) as connection:
        yield UnitOfWork(connection, Actor("person:x", ActorKind.PERSON), rt.clock.now())
        connection.rollback()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    actor=ACTORS,
    rules=RULES,
    kept=st.dictionaries(KEYS, TAGS, max_size=12),
    prefix=PREFIXES,
    delimiter=st.sampled_from(["/", "", "-", "xy"]),
    limit=st.integers(1, 5),
)
def test_what_is_listed_is_what_can_be_read(  # noqa: PLR0917 - one for each thing that is generated
    uow: UnitOfWork,
    actor: Actor,
    rules: list[dict[str, object]],
    kept: dict[str, dict[str, str]],
    prefix: str,
    delimiter: str,
    limit: int,
) -> None:
    """Page by page, with folders, nothing more and nothing less than `decide` allows, in order, each once."""
    fill(uow, rules, kept)
    spec = lake.access_rules(lake.read_buckets(uow)["assets"])
    readable = sorted(
        key
        for key, tags in kept.items()
        if decide(actor, Action.OBJECT_READ, resource_for_path("object", key, key, spec, tags=tags)).allowed
    )
    asking = UnitOfWork(uow.connection, actor, uow.now)
    try:
        found = list(pages(asking, prefix, delimiter, limit))
    except NotFound:
        assert readable == []
        return
    assert found == folded([key for key in readable if key.startswith(prefix)], prefix, delimiter)


def fill(uow: UnitOfWork, rules: list[dict[str, object]], kept: dict[str, dict[str, str]]) -> None:
    uow.execute("DELETE FROM object_version")
    lake.put_bucket(uow, "assets", lake.BucketSpec.model_validate({"access_rules": rules, "audited": False}))
    for number, (key, tags) in enumerate(kept.items()):
        for state in ("removed", "old", "current") if number % 3 == 0 else ("current",):
            uow.execute(
                "INSERT INTO object_version (id, bucket, key, size_bytes, sha256, content_type, owner, created_at, "
                "tags, is_current, is_deletion, path) VALUES (%s, 'assets', %s, 0, '', '', '', %s, %s, %s, %s, %s)",
                (
                    f"ver_{number}_{state}",
                    key,
                    uow.now,
                    Jsonb(tags),
                    state == "current",
                    state == "removed",
                    None if state == "removed" else f"/{number}{state}",
                ),
            )
    uow.execute(
        "INSERT INTO object_version (id, bucket, key, size_bytes, sha256, content_type, owner, created_at, tags, "
        "is_current, is_deletion, path) VALUES ('ver_d', 'assets', 'x/deleted', 0, '', '', '', %s, '{}', true, true, "
        "NULL), ('ver_o', 'other', 'x/elsewhere', 0, '', '', '', %s, '{}', true, false, '/o')",
        (uow.now, uow.now),
    )


def pages(uow: UnitOfWork, prefix: str, delimiter: str, limit: int) -> Iterator[str]:
    """Keys and folders, in the order of the pages; no page holds more than was asked for."""
    after = ""
    while True:
        page = objects.list_objects(uow, "assets", prefix=prefix, delimiter=delimiter, after=after, limit=limit)
        names = sorted([version.key for version in page.objects] + list(page.prefixes))
        assert len(names) <= limit
        yield from names
        if page.next_after is None:
            return
        assert len(names) == limit, "only the last page is not full"
        after = page.next_after


def folded(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """What a listing shows of sorted keys: each folder once."""
    shown = []
    for key in keys:
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        shown.append(f"{prefix}{head}{found}" if found else key)
    return sorted(set(shown))


def test_every_stretch_is_read_by_the_index(rt: Runtime) -> None:
    """A person who may read one folder of a large bucket does not wait for the others to be read."""
    with psycopg.connect(str(rt.settings.database_url), row_factory=dict_row) as connection:
        uow = UnitOfWork(connection, Actor("person:x", ActorKind.PERSON, frozenset({"a"})), rt.clock.now())
        rule = {"prefix": "zz", "ReadRoles": ["a"]}
        lake.put_bucket(uow, "assets", lake.BucketSpec.model_validate({"access_rules": [rule], "audited": False}))
        uow.execute(
            "INSERT INTO object_version (id, bucket, key, size_bytes, sha256, content_type, owner, created_at, tags, "
            "is_current, is_deletion, path) SELECT 'ver_' || n, 'assets', CASE WHEN n %% 5000 = 0 THEN 'zz/' ELSE 'a/' "
            "END || n, 0, '', '', '', now(), '{}', true, false, '/' || n FROM generate_series(1, 20000) AS n"
        )
        uow.execute("ANALYZE object_version")
        before = blocks_read(uow)
        assert len(objects.list_objects(uow, "assets").objects) == 4
        assert blocks_read(uow) - before < 60
        connection.rollback()


def blocks_read(uow: UnitOfWork) -> int:
    uow.execute("SELECT pg_stat_force_next_flush()")
    uow.execute("SET LOCAL stats_fetch_consistency = 'none'")
    row = uow.row(
        "SELECT pg_stat_get_xact_blocks_fetched('object_version'::regclass) "
        "+ sum(pg_stat_get_xact_blocks_fetched(indexrelid))::bigint AS n FROM pg_index "
        "WHERE indrelid = 'object_version'::regclass"
    )
    return int(row["n"]) if row else 0
