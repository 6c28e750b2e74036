"""A small lake with rules, people and a workgroup, for governed queries: real tables, written through the endpoint."""

from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog

from pergamon import identity, lake, query
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import Actor, ActorKind, new_secret
from pergamon.runtime import Runtime

OPERATOR = Actor("operator:test", ActorKind.OPERATOR)
PATIENTS = pa.table({"id": [1, 2, 3], "name": ["Änne", "Bo", None], "born": ["1950-01-31", "2000-02-29", "x"]})
VITALS = pa.table({"patient": pa.array(range(2500), pa.int64()), "pulse": pa.array([60 + n % 40 for n in range(2500)])})
SECRET = pa.table({"id": [1], "diagnosis": ["only for admins"]})


@dataclass(frozen=True)
class Person:
    """Somebody with a token."""

    actor: Actor
    token: str


@dataclass(frozen=True)
class GovernedLake:
    """raw_db: patients, empty; curated_db: vitals; closed_db: secret, which only `data-admin` may read."""

    rt: Runtime
    user: Person
    """`data-user`: may query, sees curated_db alone."""
    admin: Person
    """`data-admin`: sees everything, is admin of the workgroup."""
    stranger: Person
    """`visitor`: has a token and may not run queries."""


def make_governed_lake(rt: Runtime) -> GovernedLake:
    """Fill an empty installation."""
    _configure(rt)
    tables = {"raw_db.patients": PATIENTS, "curated_db.vitals": VITALS, "closed_db.secret": SECRET}
    with rt.begin(OPERATOR) as uow:
        for name, rows in (tables | {"raw_db.empty": PATIENTS}).items():
            lake.create_table(uow, rt.settings.lake, lake.TableId.parse(name), rows.schema)
    for name, rows in tables.items():
        append(rt, name, rows)
    return GovernedLake(
        rt, _person(rt, "ada", "data-user"), _person(rt, "bea", "data-admin"), _person(rt, "cyd", "visitor")
    )


def append(rt: Runtime, table: str, rows: pa.Table) -> None:
    """One commit to a table under a lease, as the worker makes it, by PyIceberg."""
    token = new_secret()
    with rt.begin(OPERATOR) as uow:
        lease = lake.open_lease(uow, lake.TableId.parse(table), "load", {})
    with serve(create_app(rt, token=token, on_commit=lake.no_hook)) as endpoint:
        RestCatalog("lake", uri=endpoint.uri, token=token).load_table(lease.alias).append(rows)
    with rt.begin(OPERATOR) as uow:
        assert lake.close_lease(uow, lease.id).committed


def _configure(rt: Runtime) -> None:
    rules = {
        "raw": (lake.AccessRuleSpec(ReadRoles=("data-admin",)),),
        "curated": (
            lake.AccessRuleSpec(ReadWriteSuperRoles=("data-admin",)),
            lake.AccessRuleSpec(prefix="data", ReadRoles=("data-user",)),
        ),
        "closed": (lake.AccessRuleSpec(prefix="data", ReadWriteRoles=("data-admin",)),),
    }
    with rt.begin(OPERATOR) as uow:
        for bucket, access_rules in rules.items():
            lake.put_bucket(uow, bucket, lake.BucketSpec(access_rules=access_rules))
            lake.put_database(uow, f"{bucket}_db", lake.DatabaseSpec(bucket=bucket, prefix="data"))
        identity.put_policy(uow, "run-queries", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        history = identity.PolicySpec(actions=frozenset({"query.run", "query.history"}))
        identity.put_policy(uow, "see-history", history, {})
        identity.put_role(uow, "data-user", identity.RoleSpec(policies=frozenset({"run-queries"})), {})
        admin = identity.RoleSpec(policies=frozenset({"see-history"}), impersonable=True)
        identity.put_role(uow, "data-admin", admin, {})
        identity.put_role(uow, "visitor", identity.RoleSpec(policies=frozenset({"run-queries"})), {})
        limits = query.QueryLimits(timeout_s=3, memory_mb=256, max_rows=2000, max_result_mb=4)
        spec = query.WorkgroupSpec(users=frozenset({"data-user"}), admins=frozenset({"data-admin"}), limits=limits)
        query.put_workgroup(uow, "default", spec, {"project": "test"})


def _person(rt: Runtime, name: str, role: str) -> Person:
    principal = f"person:{name}"
    with rt.begin(OPERATOR) as uow:
        spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({role}))
        identity.put_principal(uow, principal, spec, {})
        token = identity.issue_token(uow, principal, label="test", lifetime=timedelta(hours=1))
        return Person(identity.principal_actor(uow, principal), token)
