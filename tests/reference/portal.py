"""A small hospital and a study that wants its data: what the portal's tests, journeys and pictures look at.

Real tables, measured and with lineage; people with passwords in every role. Nothing is asked for yet.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa

from pergamon import access, catalog, identity, lake, lineage, quality, query
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from tests.reference.governed_lake import append

OPERATOR = Actor("operator:test", ActorKind.OPERATOR)
CRAWLER = Actor("service:crawler", ActorKind.SERVICE)
PASSWORD = "correct horse battery"
ROLES = {
    "rena": ("researcher",),
    "remy": ("researcher",),
    "hana": ("data-holder",),
    "stella": (),
    "olga": ("auditor",),
    "eve": (),
}
"""A researcher and her colleague; the owner and the steward of the hospital's data; an auditor; nobody's member."""


@dataclass
class Portal:
    """The installation. assets: ids by the table's own name."""

    rt: Runtime
    assets: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def by(self, name: str = "") -> Iterator[UnitOfWork]:
        """A unit of work of a person; of the operator without a name."""
        with self.rt.begin(self.person(name) if name else OPERATOR) as uow:
            yield uow

    def person(self, name: str) -> Actor:
        with self.rt.begin(OPERATOR) as uow:
            return identity.principal_actor(uow, f"person:{name}")

    def follow(self) -> None:
        """Search knows what has just happened in the catalog."""
        self.rt.searching.catch_up()

    def ask(self, name: str = "rena", table: str = "encounters", **wish: object) -> access.AccessRequest:
        given: dict[str, object] = {
            "project": "heart-study",
            "reason": "How long do people stay, and where?",
            "accept": True,
        }
        given |= {"purpose": "research"} | wish
        with self.by(name) as uow:
            return access.request_access(uow, self.assets[table], **given)  # type: ignore[arg-type]

    def approve(self, request_id: str, name: str = "hana") -> access.AccessRequest:
        with self.by(name) as uow:
            return access.approve_request(uow, request_id, note="The ethics board has agreed.")


def make_portal(rt: Runtime) -> Portal:
    """Fill an empty installation."""
    portal = Portal(rt)
    with portal.by() as uow:
        _make_people(uow)
        _make_places(uow)
    for name, rows in _tables().items():
        portal.assets[name] = _table(rt, f"clinic_db.{name}", rows)
    with portal.by("hana") as uow:
        _describe(uow, portal.assets)
    with rt.begin(CRAWLER) as uow:
        _tell_lineage(uow)
    place = rt.profile_place("worker")
    while quality.profile_step(place):
        pass
    portal.follow()
    return portal


def _make_people(uow: UnitOfWork) -> None:
    policies = {"run-queries": {"query.run"}, "read-the-trail": {"audit.read", "audit.verify"}}
    for name, actions in policies.items():
        identity.put_policy(uow, name, identity.PolicySpec(actions=frozenset(actions)), {})
    queries = identity.RoleSpec(policies=frozenset({"run-queries"}))
    for role in ("researcher", "data-holder"):
        identity.put_role(uow, role, queries, {})
    identity.put_role(uow, "auditor", identity.RoleSpec(policies=frozenset({"read-the-trail"})), {})
    for name, roles in ROLES.items():
        spec = identity.PrincipalSpec(kind="person", display_name=name.title(), roles=frozenset(roles))
        identity.put_principal(uow, f"person:{name}", spec, {})
        identity.set_password(uow, f"person:{name}", PASSWORD)


def _make_places(uow: UnitOfWork) -> None:
    reads = lake.AccessRuleSpec(prefix="clinic", ReadRoles=("project:clinic-data/owner",))
    lake.put_bucket(uow, "clinic", lake.BucketSpec(access_rules=(reads,)))
    lake.put_database(uow, "clinic_db", lake.DatabaseSpec(bucket="clinic", prefix="clinic"))
    units = {
        "university-hospital": {"owners": ["person:hana"], "units": {"cardiology": {}}},
        "research": {"description": "Studies of the region."},
    }
    catalog.put_domain(uow, "health", catalog.DomainSpec.model_validate({"units": units}), {})
    clinic = {
        "unit": "cardiology",
        "description": "What the wards and the laboratory of the university hospital record.",
        "members": {"owner": ["person:hana"], "steward": ["person:stella"]},
    }
    study = {
        "unit": "research",
        "description": "How long people with heart disease stay in hospital, and where.",
        "members": {"owner": ["person:rena"], "contributor": ["person:remy"]},
    }
    for name, spec in (("clinic-data", clinic), ("heart-study", study)):
        catalog.put_project(uow, name, catalog.ProjectSpec.model_validate(spec), {})
    source = catalog.DataSourceSpec(project="clinic-data", databases=("clinic_db",), publish_automatically=True)
    catalog.put_data_source(uow, "clinic-tables", source, {})
    terms = {
        "encounter": {"title": "Encounter", "definition": "A contact between a patient and a provider of care."},
        "ward": {"title": "Ward", "definition": "A unit of a hospital in which patients stay."},
        "laboratory": {"title": "Laboratory", "definition": "Where samples are examined."},
    }
    catalog.put_glossary(uow, "words", catalog.GlossarySpec.model_validate({"terms": terms}), {})
    users = frozenset({"researcher", "data-holder"})
    query.put_workgroup(uow, "default", query.WorkgroupSpec(users=users), {})
    rules = {
        "tables": ["clinic_db.*"],
        "rules": [
            {"name": "patient-known", "check": "not-null", "columns": ["patient"]},
        ],
    }
    quality.put_quality_rules(uow, "house", quality.QualityRulesSpec.model_validate(rules), {})


def _tables() -> dict[str, pa.Table]:
    draw = random.Random(20261122)  # noqa: S311 - to be drawn again
    wards = ("cardiology", "intensive care", "emergency", "surgery", "neurology")
    patients = [f"P{n:05}" for n in range(1, 301)]
    day = date(2025, 1, 1)
    stays = [
        (draw.choice(patients), day + timedelta(days=draw.randrange(500)), draw.randrange(1, 25)) for _ in range(900)
    ]
    encounters = {
        "encounter": [f"E{n:06}" for n in range(1, 901)],
        "patient": [patient if draw.random() > 0.02 else None for patient, _, _ in stays],
        "admitted": [admitted for _, admitted, _ in stays],
        "discharged": [admitted + timedelta(days=days) for _, admitted, days in stays],
        "days": [days for *_, days in stays],
        "ward": [draw.choice(wards) for _ in stays],
        "cost": [round(draw.uniform(400, 21_000), 2) for _ in stays],
    }
    results = {
        "patient": [draw.choice(patients) for _ in range(1500)],
        "taken": [day + timedelta(days=draw.randrange(500)) for _ in range(1500)],
        "test": [draw.choice(("sodium", "potassium", "creatinine", "troponin")) for _ in range(1500)],
        "value": [round(draw.uniform(0.1, 160), 1) for _ in range(1500)],
        "unit": ["mmol/l"] * 1500,
    }
    registered = {
        "patient": patients,
        "born": [date(1930, 1, 1) + timedelta(days=draw.randrange(28_000)) for _ in patients],
        "sex": [draw.choice(("f", "m", "x")) for _ in patients],
        "postcode": [f"{draw.randrange(10_000, 99_999)}" for _ in patients],
    }
    return {"encounters": pa.table(encounters), "lab_results": pa.table(results), "patients": pa.table(registered)}


def _table(rt: Runtime, name: str, rows: pa.Table) -> str:
    """A crawled table. Returns: its asset's id."""
    table = lake.TableId.parse(name)
    with rt.begin(OPERATOR) as uow:
        lake.create_table(uow, rt.settings.lake, table, rows.schema)
    append(rt, name, rows)
    with rt.begin(CRAWLER) as uow:
        (asset,) = catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="crawl"))
        quality.request_profile(uow, table)
    return asset


def _describe(uow: UnitOfWork, assets: dict[str, str]) -> None:
    """What the owner says of two of the three, published."""
    edits = {
        "encounters": {
            "title": "Hospital stays",
            "description": "Every stay on the wards of the university hospital since January 2025, one row a stay, "
            "from admission to discharge.",
            "readme": "Stays that are not over have no discharge yet, and are not here.\n\nA patient who moves to "
            "another ward in the same stay is counted with the ward of the admission.",
            "column_descriptions": {
                "patient": "The hospital's number of the patient.",
                "admitted": "The day of admission.",
                "discharged": "The day of discharge.",
                "days": "Nights in hospital.",
                "ward": "The ward of the admission.",
                "cost": "What the stay was billed at, in euro.",
            },
            "terms": ["encounter"],
            "column_terms": {"ward": ["ward"]},
            "tags": {"specialty": "cardiology"},
            "contacts": [{"name": "Hana Holder", "email": "hana@example.org", "role": "Data holder"}],
            "conditions": {
                "text": "Nobody tries to find out who somebody is. Results are published for groups of ten or more.",
                "purposes": ["research", "public-health"],
                "longest_days": 365,
                "masks": {"patient": "hmac-sha-256", "admitted": "truncate-to-month"},
                "identifiers": ["patient"],
            },
        },
        "lab_results": {
            "title": "Laboratory results",
            "description": "Sodium, potassium, creatinine and troponin, as the central laboratory reports them.",
            "terms": ["laboratory"],
            "tags": {"specialty": "laboratory"},
        },
    }
    for name, edit in edits.items():
        version = catalog.read_asset(uow, assets[name]).asset.working_version
        catalog.edit_asset(uow, assets[name], catalog.AssetEdit.model_validate(edit), expected_version=version)
        catalog.publish_asset(uow, assets[name])


def _tell_lineage(uow: UnitOfWork) -> None:
    """From the hospital's database over its files to the tables, and on to one more."""
    source = lineage.Dataset("postgres://his.example:5432", "his.public.encounters")
    files = lineage.Dataset.of_objects("clinic", "uploads/encounters/")
    stays = lineage.Dataset("pergamon", "clinic_db.encounters")
    labs = lineage.Dataset("pergamon", "clinic_db.lab_results")
    patients = lineage.Dataset("pergamon", "clinic_db.patients")
    lineage.record_edges(uow, lineage.LineageRun("replication hospital", "replication", "run_1"), [source], [files])
    lineage.record_edges(uow, lineage.LineageRun("crawl clinic", "crawl", "run_2"), [files], [stays])
    columns = [
        lineage.ColumnEdge(stays, "patient", labs, "patient"),
        lineage.ColumnEdge(patients, "patient", labs, "patient"),
    ]
    lineage.record_edges(uow, lineage.LineageRun("job results", "job", "run_3"), [stays, patients], [labs], columns)
