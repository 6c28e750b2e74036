"""Rows of a statement rest on the grants they were read under: when one ends or gives less, they are given no more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pytest
from psycopg.types.json import Jsonb

from pergamon import access, identity, query
from pergamon.query import results
from tests.reference.governed_lake import append

from .conftest import COLUMNS, World
from .test_what_is_granted_is_queried import ROWS


@pytest.fixture
def kept(world: World) -> Iterator[World]:
    append(world.rt, "heart_db.patients", pa.Table.from_pylist(ROWS, schema=COLUMNS))
    with world.by() as uow:
        identity.put_policy(uow, "queries", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        identity.put_role(uow, "everyone", identity.RoleSpec(policies=frozenset({"queries"})), {})
    for_whom(world, "everyone")
    with world.rt.statement_runner().running():
        yield world
    world.rt.close_query_engine()


@contextmanager
def narrowed(world: World) -> Iterator[None]:
    with world.by() as uow:
        (before,) = uow.rows("SELECT id, rights FROM access_grant")
        uow.execute("UPDATE access_grant SET rights = jsonb_set(rights, '{columns}', '{\"1\": null}')")
    yield
    with world.by() as uow:
        uow.execute("UPDATE access_grant SET rights = %s WHERE id = %s", (Jsonb(before["rights"]), before["id"]))


@contextmanager
def left(world: World) -> Iterator[None]:
    with world.by() as uow:
        assert uow.execute("UPDATE team_member SET principal_id = 'person:eve' WHERE principal_id = 'person:cyd'")
    yield
    with world.by() as uow:
        uow.execute("UPDATE team_member SET principal_id = 'person:cyd' WHERE principal_id = 'person:eve'")


@contextmanager
def not_in_the_workgroup(world: World) -> Iterator[None]:
    for_whom(world, "others")
    yield
    for_whom(world, "everyone")


@contextmanager
def expired(world: World) -> Iterator[None]:
    world.later(days=1)
    yield
    world.later(days=-1)


@contextmanager
def revoked(world: World) -> Iterator[None]:
    with world.by() as uow:
        (grant,) = uow.rows("SELECT id FROM access_grant")
    with world.by("olga") as uow:
        access.revoke_grant(uow, grant["id"], "the study is over")
    yield


WAYS = (narrowed, left, not_in_the_workgroup, expired, revoked)
"""Each is undone before the next, but the last."""


def test_rows_are_given_until_a_right_ends(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "CHECK_EVERY_S", 0.0)
    kept.granted(days=1)
    query_id = _done(kept)

    def page() -> int:
        begin = partial(kept.rt.begin, kept.person("cyd"))
        area = kept.rt.result_area
        found = query.read_page(begin, kept.rt.query_catalog, area, query_id, first_row=0, limit=9)
        return int(found.rows.table.num_rows)

    for way in WAYS:
        assert page() == len(ROWS), way
        on_its_way = kept.rt.result_file(kept.person("cyd"), query_id, "csv")
        assert next(on_its_way)
        with way(kept):
            wanted = query.UnknownWorkgroup if way is not_in_the_workgroup else query.ResultWithdrawn
            with pytest.raises(wanted):
                page()
            with pytest.raises(wanted):
                list(on_its_way)
        if way is not revoked:
            assert "Änne".encode() in b"".join(kept.rt.result_file(kept.person("cyd"), query_id, "csv"))
    assert len(kept.events("audit.act_denied")) == 2 * len(WAYS)


def for_whom(world: World, role: str) -> None:
    with world.by() as uow:
        query.put_workgroup(uow, "default", query.WorkgroupSpec(users=frozenset({role})), {})


def _done(world: World) -> str:
    with world.by("cyd") as uow:
        query_id = world.rt.submit_statement(uow, "SELECT * FROM study_sub.patients").id
    world.rt.statement_bell.ring_here()
    for _ in range(600):
        with world.by("cyd") as uow:
            told = query.own_statement(uow, query_id)
        if told.finished_at is not None:
            assert told.status == "done", told.error_message
            return query_id
        time.sleep(0.05)
    raise AssertionError(told)
