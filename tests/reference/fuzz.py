"""Requests made up from the API's own description: every route, well-formed and not, with all rights."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pyarrow as pa
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pergamon import access, catalog, identity, lake, objects, replicate
from pergamon.kernel import Actor
from pergamon.policy import Action
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from tests.reference.governed_lake import OPERATOR, make_governed_lake
from tests.reference.served import bearer

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


KNOWN = {
    "bucket": "shelf",
    "key": "folder/a.csv",
    "database": "curated_db",
    "namespace": "curated_db",
    "table": "vitals",
    "workgroup": "default",
    "upload_id": "upl_" + "1" * 32,
    "asset": "curated_db.vitals",
    "project": "heart",
    "data_source": "heart-tables",
    "term": "beat",
    "role": "consumer",
    "principal": "person:fuzz",
    "request_id": "request_" + "1" * 32,
    "grant_id": "grant_" + "1" * 32,
    "query_id": "query_" + "1" * 32,
    "kind": "project",
    "task": "hospital",
}
"""What there is in the fuzzed world, by the name of a path's parameter: else few requests would get past 404."""
RULE = {
    "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}  # fmt: skip
LOGIN, LOGOUT = "POST /api/v1/login", "POST /api/v1/logout"


@dataclass(frozen=True)
class Fuzz:
    """A document, and where what it describes is served to whom."""

    document: dict[str, Any]
    address: str
    token: str
    tokens_to_lose: Iterator[str]
    """For the route that revokes the token that it is asked with."""

    def run(self, *, examples: int, seeded: int) -> tuple[dict[str, int], list[str]]:
        """Ask every route so many times. Returns: how often, by route; and what was found, one text for a route."""
        schema = schemathesis.openapi.from_dict(self.document)
        asked: dict[str, int] = {}
        faults: list[str] = []
        operations = [found.ok() for found in schema.get_all_operations()]
        for operation in sorted(operations, key=lambda one: one.method == "delete"):  # what there is goes last
            asked[operation.label] = 0
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    self._ask(operation, mode, examples=examples, seeded=seeded, asked=asked)
                except Unsatisfiable:
                    continue  # nothing about this request can be wrong: it has no parameters
                except (AssertionError, FailureGroup, Failure) as fault:
                    faults.append(f"{operation.label}: {fault}")
        return asked, faults

    def _ask(self, operation: Any, mode: GenerationMode, *, examples: int, seeded: int, asked: dict[str, int]) -> None:
        @seed(seeded)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), of_what_there_is=st.booleans())
        def ask(case: schemathesis.Case, of_what_there_is: bool) -> None:
            asked[operation.label] += 1
            if of_what_there_is and mode is GenerationMode.POSITIVE:
                case.path_parameters |= {name: KNOWN[name] for name in KNOWN.keys() & case.path_parameters.keys()}
            token = next(self.tokens_to_lose) if operation.label == LOGOUT else self.token
            answer = case.call_and_validate(base_url=self.address, headers=bearer(token), checks=CHECKS, timeout=60)
            assert answer.status_code != 401 or operation.label == LOGIN, "the fuzz itself has no valid token"

        ask()


def _make_catalog(uow: UnitOfWork) -> None:
    """A project with an asset, and words to describe it with."""
    catalog.put_domain(uow, "d", catalog.DomainSpec(units={"clinic": catalog.UnitSpec()}), {})
    members = {"owner": ["person:fuzz"]}
    catalog.put_project(uow, "heart", catalog.ProjectSpec.model_validate({"unit": "clinic", "members": members}), {})
    source = catalog.DataSourceSpec(project="heart", databases=("curated_db",), publish_automatically=True)
    catalog.put_data_source(uow, "heart-tables", source, {})
    catalog.put_form(uow, "ehds", catalog.FormSpec.model_validate({"fields": {"a": {"type": "integer"}}}), {})
    catalog.suggest_term(uow, "beat", catalog.TermSpec(title="Beat"), unit="clinic")
    catalog.table_changed(
        uow,
        lake.TableId("curated_db", "vitals"),
        catalog.read_facts(uow, lake.TableId("curated_db", "vitals"), cause="run"),
    )


def _make_requests(rt: Runtime, decides: Actor) -> None:
    """What another project was granted, and what it asks for."""
    with rt.begin(OPERATOR) as uow:
        identity.put_principal(uow, "person:asker", identity.PrincipalSpec(kind="person", display_name="asker"), {})
        members = {"owner": ["person:asker"], "contributor": ["person:fuzz"]}
        catalog.put_project(
            uow, "lungs", catalog.ProjectSpec.model_validate({"unit": "clinic", "members": members}), {}
        )
        asker = identity.principal_actor(uow, "person:asker")
    with rt.begin(asker) as uow:
        first = access.request_access(uow, KNOWN["asset"], project="lungs", reason="to learn")
    with rt.begin(decides) as uow:
        access.approve_request(uow, first.id, note="fine")
    with rt.begin(asker) as uow:
        second = access.request_access(uow, KNOWN["asset"], project="lungs", reason="to learn more")
    with rt.begin(OPERATOR) as uow:
        uow.execute("UPDATE access_grant SET id = %s WHERE request_id = %s", (KNOWN["grant_id"], first.id))
        uow.execute("UPDATE access_request SET id = %s WHERE id = %s", (KNOWN["request_id"], second.id))


def make_fuzzed_world(rt: Runtime) -> Actor:
    """A lake with tables, a bucket with an object and an upload, somebody with every right that a role can give."""
    make_governed_lake(rt)
    with rt.begin(OPERATOR) as uow:
        every = identity.PolicySpec(actions=frozenset(action.value for action in Action))
        identity.put_policy(uow, "everything", every, {})
        identity.put_role(uow, "all", identity.RoleSpec(policies=frozenset({"everything"})), {})
        rule = lake.AccessRuleSpec(ReadWriteSuperRoles=("all",))
        lake.put_bucket(uow, "shelf", lake.BucketSpec(access_rules=(rule,)))
        roles = frozenset({"all", "data-user", "data-admin"})
        spec = identity.PrincipalSpec(kind="person", display_name="fuzz", roles=roles)
        identity.put_principal(uow, "person:fuzz", spec, {})
        _make_catalog(uow)
        task = replicate.ReplicationTaskSpec.model_validate({"source": {"conninfo": "{{secret:his}}"}, "rules": [RULE]})
        replicate.put_replication_task(uow, KNOWN["task"], task, {})
    with rt.begin(OPERATOR) as uow:
        actor = identity.principal_actor(uow, "person:fuzz")
    _make_requests(rt, actor)
    root = rt.settings.lake
    objects.upload(lambda: rt.begin(actor), root, "shelf", KNOWN["key"], [b"a,b\n1,2\n"], tags={"a": "b"})
    with rt.begin(actor) as uow:
        begun = objects.begin_upload(uow, root, "shelf", "folder/b.csv", 1000)
        uow.execute("UPDATE object_upload SET id = %s WHERE id = %s", (KNOWN["upload_id"], begun.id))
        _make_statement(uow, rt)
    return actor


def _make_statement(uow: UnitOfWork, rt: Runtime) -> None:
    """One that is done, with rows to fetch."""
    done = rt.submit_statement(uow, "SELECT 1 AS a")
    kept = rt.result_area.keep(done.workgroup, KNOWN["query_id"], pa.table({"a": [1, 2], "b": ["x", None]}))
    uow.execute(
        "UPDATE query_history SET id = %s, status = 'done', finished_at = %s, rows = 2, truncated = false, "
        "result_bytes = %s, result_until = %s WHERE id = %s",
        (KNOWN["query_id"], uow.now, kept.size_bytes, uow.now + timedelta(days=1), done.id),
    )


def tokens_of(rt: Runtime, actor: Actor) -> Iterator[str]:
    """As many tokens as are asked for."""
    while True:
        with rt.begin(OPERATOR) as uow:
            token = identity.issue_token(uow, actor.id, label="test", lifetime=timedelta(hours=2))
        yield token


def document_at(address: str, token: str) -> dict[str, Any]:
    """The description, fetched as any client would; without its security, so that every request has our token."""
    document: dict[str, Any] = httpx.get(f"{address}/api/v1/openapi.json", headers=bearer(token), timeout=30).json()
    del document["security"], document["components"]["securitySchemes"]
    return document


def fuzzed(rt: Runtime, address: str, actor: Actor) -> Fuzz:
    """The fuzz of what is served there."""
    tokens = tokens_of(rt, actor)
    token = next(tokens)
    return Fuzz(document_at(address, token), address, token, tokens)
