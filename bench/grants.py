"""What does one decision cost, and a list of what one may see, with many grants, people and assets?

Each is asked for people drawn at random, in a unit of work that is open already. Decisions: `query` (may they read this
table, and what of it: columns, masks, the filter with their attributes; half are subscriptions, half tables of the
lake, a quarter is not theirs) and `page` (may they see this asset). Lists: `grants` and `requests` (the first 100, with
who, why, until when), `subscriptions` (what their projects were granted), `assets` (a page of 100 to browse), `tables`
(all that they may query, about 5,450). A run's figure is the 95th percentile of its calls.
Baseline: `by hand`, one SELECT for a person's live grants on a table; nothing decided, resolved or proved to be there.

Data, seed 1 for who asks: 1,000 people in five projects each; 100 projects in 10 units and 10 buckets; 100,000 assets
of 20 columns, each a table of the lake; 10,000 live grants of 8 columns, 2 masks and a filter with an attribute, and as
many that have ended; 1,000 open requests. Then each of the three at a tenth and at a third, the others whole.
Checked: every decision is what was filled in; nobody is listed what is not theirs. Command: `python -m bench grants`.
"""

import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import Measured, Steps, measure_warm, report
from pergamon import access, catalog, identity, lake, query
from pergamon.kernel import Actor, NotFound
from pergamon.policy import GrantRights, PolicyColumn, bind, bind_mask, grant_as_json, parse_filter, parse_mask
from pergamon.query.visible_tables import readable_table
from pergamon.runtime import Runtime
from pergamon.settings import Settings
from pergamon.store import UnitOfWork

PROJECTS, UNITS, MEMBERSHIPS, COLUMNS, GIVEN, OPEN = 100, 10, 5, 20, 8, 1_000
DECISIONS, LISTS = 400, 40
"""Calls in one run."""
PAGE = 100
TYPES = ("long", "string", "int", "date", "double")


@dataclass(frozen=True)
class Size:
    """How much there is of what grows."""

    grants: int = 10_000
    people: int = 1_000
    assets: int = 100_000

    def __str__(self) -> str:
        return f"{self.grants:,} grants, {self.people:,} people, {self.assets:,} assets"


FULL = Size()
CURVE = (
    FULL,
    *(
        replace(FULL, **{axis: getattr(FULL, axis) // part})
        for part in (10, 3)
        for axis in ("grants", "assets", "people")
    ),
)


def main() -> None:
    for size in CURVE:
        contenders = measured(size)
        print(f" {size}")
        facts = {"grants": size.grants, "people": size.people, "assets": size.assets, "calls": [DECISIONS, LISTS]}
        report("grants", contenders, contenders[0].name, facts)


def measured(size: Size) -> list[Measured]:
    with scratch() as directory, platform_database(directory) as settings:
        with opened(settings) as runtime:
            fill(runtime, size)
        return [_p95(name, settings, size, work, calls) for name, (work, calls) in WORKS.items()]


def _p95(name: str, settings: Settings, size: Size, work: "Work", calls: int) -> Measured:
    whole, p95, *_ = measure_warm(name, lambda: _asking(settings, size, work, calls))
    return replace(p95, name=name, result=whole.result)


# --- what is asked ---


@dataclass(frozen=True)
class Ask:
    """One person and one asset. is_theirs: their project has it, or was granted it."""

    actor: Actor
    asset: int
    table: query.TableName
    is_theirs: bool


Work = Callable[[UnitOfWork, Ask], int]


@contextmanager
def _asking(settings: Settings, size: Size, work: Work, calls: int) -> Iterator[Steps]:
    parts: dict[str, list[float]] = {"p95": [], "median": [], "slowest": []}
    gc.freeze()  # as the process that serves does
    with opened(settings) as runtime:
        asked = _asks(runtime, size, calls)

        def timed() -> int:
            seconds, found = [], 0
            for ask in asked:
                with runtime.begin(ask.actor) as uow:
                    started = time.perf_counter()
                    found += work(uow, ask)
                    seconds.append(time.perf_counter() - started)
            seconds.sort()
            parts["p95"].append(seconds[int(len(seconds) * 0.95)])
            parts["median"].append(statistics.median(seconds))
            parts["slowest"].append(seconds[-1])
            return found

        yield Steps(timed, parts=parts)


def _asks(runtime: Runtime, size: Size, calls: int) -> list[Ask]:
    dice = random.Random(1)
    with runtime.begin(OPERATOR) as uow:
        return [_ask(uow, dice, size, number) for number in range(calls)]


def _ask(uow: UnitOfWork, dice: random.Random, size: Size, number: int) -> Ask:
    person = dice.randrange(size.people)
    mine = projects_of(person)
    is_theirs = number % 4 != 0
    project = dice.choice([p for p in range(PROJECTS) if (p in mine) is is_theirs])
    if number % 2:
        asset = granted_asset(size, project, dice.randrange(size.grants // PROJECTS))
        table = query.TableName(f"p{project}_sub", f"t{asset}")
    else:
        asset = project + PROJECTS * dice.randrange(size.assets // PROJECTS)
        table = query.TableName(f"db{project}", f"t{asset}")
    actor = identity.principal_actor(uow, f"person:n{person}")
    return Ask(actor, asset, table, is_theirs)


def _by_hand(uow: UnitOfWork, ask: Ask) -> int:
    return len(
        uow.rows(
            "SELECT g.rights FROM access_subscription s JOIN access_grant g USING (project, asset_id) "
            "WHERE s.database = %s AND s.table_name = %s AND g.revoked_at IS NULL AND g.end_told_at IS NULL "
            "AND (g.valid_until IS NULL OR g.valid_until > %s) AND EXISTS (SELECT FROM team_member m "
            "WHERE m.principal_id = %s AND m.team = 'project:' || s.project)",
            (ask.table.database, ask.table.table, uow.now, ask.actor.id),
        )
    )


def _may_query(uow: UnitOfWork, ask: Ask) -> int:
    try:
        found = readable_table(uow, _catalog(), ask.table)
    except NotFound:
        assert not ask.is_theirs, ask
        return 0
    assert ask.is_theirs, ask
    assert (found.rights is not None) == ask.table.database.endswith("_sub")
    return 1


def _may_see(uow: UnitOfWork, ask: Ask) -> int:
    found = catalog.find_asset(uow, _asset_id(ask.asset))
    return int(found.is_published)


def _grants(uow: UnitOfWork, ask: Ask) -> int:
    told = access.grants_as_told(access.list_grants(uow, limit=PAGE), uow)
    mine = {f"p{project}" for project in projects_of(_number(ask.actor))}
    assert all(mine & {one["project"], one["asset_project"]} for one in told)
    return len(json.dumps(told)) > 0 and len(told)


def _requests(uow: UnitOfWork, ask: Ask) -> int:
    told = [one.summary() for one in access.list_requests(uow, limit=PAGE)]
    waiting = [one.summary() for one in access.list_requests(uow, waiting_for_me=True, limit=PAGE)]
    mine = {f"p{project}" for project in projects_of(_number(ask.actor))}
    assert all(mine & {one["project"], one["asset_project"]} for one in told + waiting)
    return len(told) + len(waiting)


def _subscriptions(uow: UnitOfWork, ask: Ask) -> int:
    found = access.list_subscriptions(uow)
    assert {one.project for one in found} == {f"p{project}" for project in projects_of(_number(ask.actor))}
    return len(found)


def _assets(uow: UnitOfWork, _: Ask) -> int:
    told = [view.summary() for view in catalog.list_assets(uow, limit=PAGE)]
    assert len(told) == PAGE
    return len(told)


def _tables(uow: UnitOfWork, ask: Ask) -> int:
    found = query.visible_tables(uow, _catalog())
    mine = projects_of(_number(ask.actor))
    assert {name.database for name in found} == {
        f"{db}{n}{sub}" for n in mine for db, sub in (("db", ""), ("p", "_sub"))
    }
    return len(found)


def _catalog() -> query.LakeCatalog:
    """No mask is computed here."""
    return query.LakeCatalog(lambda _uow, _project, _owner: bytes(32))


def _number(actor: Actor) -> int:
    return int(actor.id.removeprefix("person:n"))


WORKS: dict[str, tuple[Work, int]] = {
    "by hand": (_by_hand, DECISIONS),
    "decision: query": (_may_query, DECISIONS),
    "decision: page": (_may_see, DECISIONS),
    "list: grants": (_grants, LISTS),
    "list: requests": (_requests, LISTS),
    "list: subscriptions": (_subscriptions, LISTS),
    "list: assets": (_assets, LISTS),
    "list: tables": (_tables, LISTS),
}


# --- data ---


def projects_of(person: int) -> frozenset[int]:
    return frozenset((person + 17 * place) % PROJECTS for place in range(MEMBERSHIPS))


def granted_asset(size: Size, project: int, place: int) -> int:
    """The asset of a project's grant; every tenth grant is on the same asset as the one before it."""
    first = place - (place % 10 == 9)
    owner = (project + 1 + first % (PROJECTS - 1)) % PROJECTS
    return owner + PROJECTS * ((first * 7919 + project) % (size.assets // PROJECTS))


def rights() -> dict[str, Any]:
    columns = [PolicyColumn(n, f"c{n}", TYPES[n % len(TYPES)]) for n in range(1, COLUMNS + 1)]
    masks = {
        6: bind_mask(parse_mask("hmac-sha-256"), columns[5], columns),
        3: bind_mask(parse_mask("truncate-to-year"), columns[2], columns),
    }
    rows = bind(parse_filter("c1 = attribute('site') and (c2 >= 18 or c2 is null)"), columns)
    return grant_as_json(GrantRights({n: masks.get(n) for n in range(1, GIVEN + 1)}, rows))


def fill(runtime: Runtime, size: Size) -> None:
    """Places by their rooms' verbs; what there is much of straight into the tables, as the verbs leave it."""
    with runtime.begin(OPERATOR) as uow:
        _fill_places(uow)
    with runtime.begin(OPERATOR) as uow:
        _fill_people(uow, size)
        _fill_assets(uow, size)
        _fill_grants(uow, size)
        uow.execute(
            "ANALYZE principal, team_member, catalog_asset, catalog_asset_version, lake_table, access_request, "
            "access_subscription, access_grant"
        )


def _fill_places(uow: UnitOfWork) -> None:
    units = {f"unit-{n}": catalog.UnitSpec() for n in range(UNITS)}
    catalog.put_domain(uow, "d", catalog.DomainSpec(units=units), {})
    for bucket in range(UNITS):
        rules = [
            {"prefix": f"/p{n}/", "read_roles": [f"project:p{n}/{role}" for role in ("owner", "consumer")]}
            for n in range(bucket, PROJECTS, UNITS)
        ]
        lake.put_bucket(uow, f"bucket{bucket}", lake.BucketSpec.model_validate({"access_rules": rules}))
    for n in range(PROJECTS):
        catalog.put_project(uow, f"p{n}", catalog.ProjectSpec(unit=f"unit-{n % UNITS}"), {})
        lake.put_database(uow, f"db{n}", lake.DatabaseSpec(bucket=f"bucket{n % UNITS}", prefix=f"p{n}"))


def _fill_people(uow: UnitOfWork, size: Size) -> None:
    people = {"people": size.people}
    uow.execute(
        "INSERT INTO principal (id, kind, display_name, active, attributes, created_at) "
        "SELECT 'person:n' || n, 'person', 'N', true, jsonb_build_object('site', 'north'), now() "
        "FROM generate_series(0, %(people)s - 1) n",
        people,
    )
    members = [
        (f"project:p{project}", "owner" if project == person % PROJECTS else "consumer", f"person:n{person}")
        for person in range(size.people)
        for project in projects_of(person)
    ]
    with uow.connection.cursor().copy("COPY team_member (team, role, principal_id) FROM STDIN") as copy:
        for member in members:
            copy.write_row(member)


def _fill_assets(uow: UnitOfWork, size: Size) -> None:
    values = {"assets": size.assets, "projects": PROJECTS, "columns": COLUMNS, "units": UNITS}
    uow.execute(
        "INSERT INTO lake_table (key, database, name, location, metadata_location, created_at, changed_at) "
        "SELECT 'key' || n, 'db' || n %% %(projects)s, 't' || n, 'file:///' || n, 'file:///m' || n, now(), now() "
        "FROM generate_series(0, %(assets)s - 1) n",
        values,
    )
    uow.execute(
        "INSERT INTO catalog_asset (id, kind, project, name, table_database, table_name, working_version, "
        "published_version, published_at, created_at, created_by, data_changed_at, changed_at) "
        "SELECT 'asset_' || lpad(to_hex(n), 32, '0'), 'table', 'p' || n %% %(projects)s, "
        "'db' || n %% %(projects)s || '.t' || n, 'db' || n %% %(projects)s, 't' || n, 1, 1, "
        "now(), now(), 'x', now(), now() FROM generate_series(0, %(assets)s - 1) n",
        values,
    )
    uow.execute(
        "INSERT INTO catalog_asset_version SELECT id, 1, jsonb_build_object("
        "'columns', (SELECT jsonb_agg(jsonb_build_object('name', 'c' || c, 'type', 'long')) "
        "FROM generate_series(1, %(columns)s) c)), 'found', now(), 'x' FROM catalog_asset",
        values,
    )


def _fill_grants(uow: UnitOfWork, size: Size) -> None:
    """For each live grant one that has ended, before it."""
    given, names = json.dumps(rights()), json.dumps({str(n): f"c{n}" for n in range(1, COLUMNS + 1)})
    wish = json.dumps(access.Wish(reason="To learn how long people stay.", purpose="research").model_dump(mode="json"))
    now = uow.now
    pairs = [
        (project, granted_asset(size, project, place))
        for place in range(size.grants // PROJECTS)
        for project in range(PROJECTS)
    ]
    subscriptions = [(f"p{p}", _asset_id(a), f"p{p}_sub", f"t{a}") for p, a in dict.fromkeys(pairs)]
    _copy(uow, "access_subscription (project, asset_id, database, table_name)", subscriptions)
    both = [(p, a, ended) for ended in (True, False) for p, a in pairs]
    _copy(
        uow,
        "access_request (id, asset_id, asset_name, asset_project, listing_version, project, requested_by, "
        "requested_at, changed_at, state, shaped_by, wish)",
        [
            (f"request_{n:032x}", _asset_id(a), f"db{a % PROJECTS}.t{a}", f"p{a % PROJECTS}", 1, f"p{p}",
             "person:n0", now, now, "approved", ["person:n0"], wish)
            for n, (p, a, _) in enumerate(both)
        ]
        + [
            (f"request_{n + 2**40:032x}", _asset_id(n), f"db{n % PROJECTS}.t{n}", f"p{n % PROJECTS}", 1,
             f"p{(n + 5) % PROJECTS}", "person:n0", now, now, "open", ["person:n0"], wish)
            for n in range(OPEN)
        ],
    )  # fmt: skip
    _copy(
        uow,
        "access_grant (id, request_id, project, asset_id, asset_project, lake_table, table_key, rights, column_names, "
        "isolated, granted_at, granted_by, valid_until, end_told_at)",
        [
            (f"grant_{n:032x}", f"request_{n:032x}", f"p{p}", _asset_id(a), f"p{a % PROJECTS}",
             f"db{a % PROJECTS}.t{a}", f"key{a}", given, names, False, now, ["person:n1"],
             now if ended else None, now if ended else None)
            for n, (p, a, ended) in enumerate(both)
        ],
    )  # fmt: skip


def _copy(uow: UnitOfWork, into: str, rows: list[tuple[Any, ...]]) -> None:
    with uow.connection.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _asset_id(number: int) -> str:
    return f"asset_{number:032x}"


if __name__ == "__main__":
    main()
