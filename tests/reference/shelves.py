"""A small store of objects behind the real server: one bucket, people with different rights, and their clients."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
from fastapi import FastAPI

from pergamon import identity, lake
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.served import bearer, served

OPERATOR = Actor("operator:test", ActorKind.OPERATOR)
OBJECTS = "/api/v1/buckets/shelf/objects"
ROLES = {"wes": "writer", "rea": "reader", "sue": "super", "out": "visitor"}


@dataclass(frozen=True)
class Shelves:
    """Bucket `shelf`: `open/` is read by reader, written by writer, and super may destroy; `own/` is writer's alone."""

    rt: Runtime
    app: FastAPI
    address: str
    tokens: dict[str, str]
    wes: httpx.Client
    """writer"""
    rea: httpx.Client
    """reader"""
    sue: httpx.Client
    """super"""
    out: httpx.Client
    """visitor: reaches nothing"""

    def files(self) -> list[str]:
        """Every file in the lake."""
        return sorted(
            str(path.relative_to(self.rt.settings.lake)) for path in self.rt.settings.lake.rglob("*") if path.is_file()
        )


@contextmanager
def shelves_in(rt: Runtime) -> Iterator[Shelves]:
    """Fill an empty installation and serve it."""
    tokens = configure(rt)
    app = create_app(rt)
    with ExitStack() as stack:
        address = stack.enter_context(served(app))
        clients = {
            name: stack.enter_context(httpx.Client(base_url=address, headers=bearer(token), timeout=60))
            for name, token in tokens.items()
        }
        yield Shelves(rt, app, address, tokens, **clients)


def configure(rt: Runtime) -> dict[str, str]:
    """The bucket, the roles, the people. Returns: their tokens."""
    rules = (
        lake.AccessRuleSpec(
            prefix="open", ReadRoles=("reader",), ReadWriteRoles=("writer",), ReadWriteSuperRoles=("super",)
        ),
        lake.AccessRuleSpec(prefix="own", ReadWriteRoles=("writer",)),
    )
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, "shelf", lake.BucketSpec(access_rules=rules))
        lake.put_bucket(uow, "cellar", lake.BucketSpec(access_rules=()))
        for role in ROLES.values():
            identity.put_role(uow, role, identity.RoleSpec(), {})
    return {name: _person(rt, name, role) for name, role in ROLES.items()}


def _person(rt: Runtime, name: str, role: str) -> str:
    with rt.begin(OPERATOR) as uow:
        spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({role}))
        identity.put_principal(uow, f"person:{name}", spec, {})
        return identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(hours=1))
