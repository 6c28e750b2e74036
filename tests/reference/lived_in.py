"""The hospital's installation after some weeks: people asked and were answered, files came, tasks ran, some failed.

What the portal's pages look like is looked at here: each of them has something to show.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pergamon import access, catalog, crawl, identity, lake, objects, pipeline, query, replicate
from pergamon.pipeline import tables as pipeline_tables
from pergamon.replicate import tables as replicate_tables
from pergamon.store import UnitOfWork
from tests.reference.portal import OPERATOR, PASSWORD, Portal

RIGHTS = frozenset({
    "workflow.read", "workflow.run", "replication.control", "tracker.read", "tracker.control", "crawler.run",
    "identity.manage", "platform.operate", "deploy.read",
})  # fmt: skip
ETHICS = {
    "title": "Ethics",
    "fields": {
        "board": {"type": "enum", "title": "Board", "choices": ["Bern", "Basel"], "required": True},
        "approved": {"type": "date", "title": "Approved on"},
        "people": {"type": "integer", "title": "People in it", "minimum": 1},
    },
}
SEPSIS = {"unit": "research", "description": "Who is treated how early.", "members": {"owner": ["person:rena"]}}
FILES = {
    "wards/beds.csv": b"ward,beds,opened\ncardiology,12,2019-03-01\nsurgery,30,2001-09-15\nneurology,18,2011-01-10\n",
    "wards/torn.parquet": b"PAR1 torn PAR1",
}
COUNT = "SELECT ward, count(*) AS stays, round(avg(days), 1) AS nights\nFROM heart_study_sub.encounters\n"
BY_WARD = f"{COUNT}GROUP BY ward\nORDER BY stays DESC"
BY_MONTH = f"{COUNT.replace('ward', 'admitted')}GROUP BY admitted\nORDER BY admitted"
MEGABYTE = 1_000_000


def live_in(portal: Portal) -> dict[str, str]:
    """Let people, files and tasks have been there. Returns: what addresses are made of, by name."""
    _let_ingrid_look_after_all(portal)
    with portal.by() as uow:
        catalog.put_project(uow, "sepsis-study", catalog.ProjectSpec.model_validate(SEPSIS), {})
    waiting = portal.ask(
        "remy", "lab_results", purpose=None, accept=False, reason="Is troponin measured on every ward?"
    )
    changed = portal.ask("remy", "patients", purpose=None, reason="How old are the people in our study?")
    with portal.by("hana") as uow:
        access.ask_for_changes(uow, changed.id, note="Please say which years of birth you need.")
    granted = portal.ask(columns=("patient", "admitted", "days", "ward"), days=20)
    portal.approve(granted.id)
    with portal.by("rena") as uow:
        (grant,) = access.list_grants(uow)
        query.save_query(uow, "stays-by-ward", BY_WARD, project="heart-study")
    _let_files_come(portal)
    _let_tasks_run(portal)
    portal.follow()
    return {
        **portal.assets,
        "waiting": waiting.id,
        "changed": changed.id,
        "granted": granted.id,
        "grant": grant.id,
        "by_ward": asked(portal, BY_WARD),
        "by_month": asked(portal, BY_MONTH),
        "mistaken": asked(portal, "SELECT wards, count(*) FROM heart_study_sub.encounters GROUP BY wards"),
        "run": _newest_failed(portal),
    }


def asked(portal: Portal, sql: str, name: str = "rena") -> str:
    """Run a statement to its end. Returns: its id."""
    with portal.by(name) as uow:
        entry = portal.rt.submit_statement(uow, sql)
    portal.rt.statement_bell.ring_here()

    def has_ended() -> bool:
        with portal.by(name) as uow:
            return query.own_statement(uow, entry.id).finished_at is not None

    until(has_ended)
    return entry.id


def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def crawled(portal: Portal, crawler: str = "uploads") -> None:
    """What a worker does, until nothing is left to do."""
    place = portal.rt.crawl_place("worker")

    def is_idle() -> bool:
        if crawl.follow(place) or crawl.crawl_step(place):
            return False
        with portal.by() as uow:
            status = crawl.crawler_status(uow, crawler)
        return bool(status.is_idle and status.files and not status.files.get("pending", 0))

    until(is_idle)


def _let_ingrid_look_after_all(portal: Portal) -> None:
    with portal.rt.begin(OPERATOR) as uow:
        identity.put_policy(uow, "platform", identity.PolicySpec(actions=RIGHTS), {})
        identity.put_role(uow, "platform-engineer", identity.RoleSpec(policies=frozenset({"platform"})), {})
        roles = frozenset({"platform-engineer"})
        identity.put_principal(uow, "person:ingrid", _person("Ingrid", roles), {})
        identity.set_password(uow, "person:ingrid", PASSWORD)


def _person(name: str, roles: frozenset[str]) -> identity.PrincipalSpec:
    return identity.PrincipalSpec(kind="person", display_name=name, roles=roles)


def _let_files_come(portal: Portal) -> None:
    """Hana sends files into a folder that a crawler looks after; the last has not been looked into yet."""
    own = "project:clinic-data/owner"
    with portal.by() as uow:
        rules = (
            lake.AccessRuleSpec(prefix="clinic", ReadRoles=(own,)),
            lake.AccessRuleSpec(prefix="incoming", ReadWriteRoles=(own,)),
        )
        lake.put_bucket(uow, "clinic", lake.BucketSpec(access_rules=rules))
        spec = crawl.CrawlerSpec(bucket="clinic", prefixes=("incoming",), database="clinic_db")
        crawl.put_crawler(uow, "uploads", spec, {})
        catalog.put_form(uow, "ethics", catalog.FormSpec.model_validate(ETHICS), {})
        catalog.put_rule(uow, "ethics-first", catalog.RuleSpec(forms=("ethics",), projects=("clinic-data",)), {})
    for name, content in FILES.items():
        _send(portal, name, content)
    crawled(portal)
    _send(portal, "later.csv", b"ward,day,visits\ncardiology,2026-03-01,14\n")


def _send(portal: Portal, name: str, content: bytes) -> None:
    hana = portal.person("hana")
    objects.upload(
        lambda: portal.rt.begin(hana), portal.rt.settings.lake, "clinic", f"incoming/{name}", iter([content])
    )


def _let_tasks_run(portal: Portal) -> None:
    """Three weeks of nights, of which one failed; a day of lag; a file that came cut off."""
    vitals = pipeline.StepSpec(job="vitals")
    both = pipeline.StepSpec(parallel=((vitals,), (pipeline.StepSpec(job="surveys"),)))
    flows = {
        "nightly": pipeline.WorkflowSpec(steps=(both, pipeline.StepSpec(job="summary")), schedule="0 3 * * *"),
        "report": pipeline.WorkflowSpec(steps=(pipeline.StepSpec(job="report"),), after=("nightly",)),
    }
    with portal.by() as uow:
        for name, spec in flows.items():
            pipeline.put_workflow(uow, name, spec, {})
        replicate.put_replication_task(uow, "hospital", replicate.ReplicationTaskSpec.model_validate(REPLICATED), {})
        for night in range(21, 0, -1):
            _night(uow, night, fails=night == 2)
        for minutes in range(24 * 60, 0, -4):
            behind = 90_000 + (7 * MEGABYTE if 300 < minutes < 360 else 0) + minutes * 1_900 % 350_000
            replicate_tables.set_progress(before(uow, minutes=minutes), "hospital", 10**9, 10**9 + behind, minutes % 37)
        replicate_tables.set_state(uow, "hospital", replicate.TaskState.RUNNING, None, ())
        pipeline.register_from_manifest(uow, LANDED, "staging/landing/public/stays/LOAD00000001.parquet")
        (file,) = pipeline.list_files(uow)
        why = "the file ends before its footer: it was cut off on its way"
        pipeline_tables.set_state(uow, [file["id"]], pipeline.FileState.QUARANTINED, reason=why)


def _night(uow: UnitOfWork, night: int, *, fails: bool) -> None:
    def at(minutes: int) -> UnitOfWork:
        return before(uow, minutes=night * 24 * 60 - minutes)

    run = pipeline.request_run(at(0), "nightly")
    vitals, surveys = 4 + night * 3 % 5, 2 + night % 3
    parts = [("vitals", 0, vitals), ("surveys", 0, surveys), ("summary", vitals, vitals + 2)]
    why = "the column wave is not in raw_db.surveys"
    for name, begin, end in parts[:2] if fails else parts:
        failed = fails and name == "surveys"
        told: dict[str, Any] = {"rows": {f"curated_db.{name}": 1_200 + 7 * night}, "attempts": 1}
        if failed:
            told = {"code": "pipeline.job_failed", "message": why, "attempts": 3}
        pipeline_tables.save_part(at(begin), run, f"job:{name}", "running", {})
        pipeline_tables.save_part(at(end), run, f"job:{name}", "failed" if failed else "succeeded", told)
    pipeline.finish_run(at(vitals + (0 if fails else 2)), run, [f"job:surveys: {why}"] if fails else [])


def before(uow: UnitOfWork, **ago: int) -> UnitOfWork:
    """The same unit of work, some time ago."""
    return UnitOfWork(uow.connection, uow.actor, uow.now - timedelta(**ago))


def _newest_failed(portal: Portal) -> str:
    with portal.by() as uow:
        return next(str(run["id"]) for run in pipeline.list_runs(uow) if run["state"] == "failed")


REPLICATED = {
    "source": {"conninfo": "{{secret:hospital-database}}"},
    "rules": [
        {
            "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
            "object-locator": {"schema-name": "public", "table-name": "%"},
        }
    ],
}  # fmt: skip
_FIRST = "00000000016B3748.0000000000"
LANDED = {
    "version": 1, "task": "hospital", "schema": "public", "table": "stays", "kind": "full_load", "load_id": "load_1",
    "file": "LOAD00000001.parquet", "sha256": "0" * 64, "size_bytes": 48_211, "rows": 900, "columns": [],
    "replica_identity_columns": [], "source_columns": [], "full_load_complete": True, "full_load_files": 1,
    "position": {"first": _FIRST, "last": _FIRST},
}  # fmt: skip
