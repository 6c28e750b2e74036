"""`/administration`: people and their roles, how each part of the installation is, what is stored, what is in force."""

import json
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from pergamon import catalog, deploy, identity
from pergamon.web.pages.charts import MOST_BARS, bars
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.navigation import CONFIGURATION, HEALTH, PEOPLE
from pergamon.web.pages.page import Page, PageDep

router = page_router()

PEOPLE_SHOWN = 100
PARTS_SHOWN = 100
TABS = {
    "/administration": (marked("People"), PEOPLE),
    "/administration/roles": (marked("Roles"), PEOPLE),
    "/administration/health": (marked("Health"), HEALTH),
    "/administration/storage": (marked("Storage"), HEALTH),
    "/administration/configuration": (marked("Configuration"), CONFIGURATION),
    "/administration/drift": (marked("Drift"), CONFIGURATION),
}
COMPONENTS = {
    "database": marked("Database"),
    "worker": marked("Worker"),
    "trail": marked("Trail"),
    "disk": marked("Disk of the lake"),
    "drop-directory": marked("Drop directory"),
    "replication": marked("Replication"),
}
DRIFTS = {
    deploy.DriftState.CHANGED: marked("changed since it was deployed"),
    deploy.DriftState.GONE: marked("gone, though it was deployed"),
    deploy.DriftState.UNDEPLOYED: marked("here without a deployment"),
}
Word = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


@router.get("/administration")
def people(page: PageDep, text: Word = "", after: Word = "") -> Response:
    """The people by name; for who may see only a neighbour of this page, that one."""
    elsewhere = [path for path, (_, asked) in TABS.items() if page.may(*asked)]
    if elsewhere and elsewhere[0] != "/administration":
        return page.go(elsewhere[0])
    page.require(*PEOPLE)
    with page.begin() as uow:
        every = identity.list_people(uow)
    wanted = text.strip().casefold()
    fitting = [one for one in every if wanted in one.id.casefold() or wanted in one.display_name.casefold()]
    found = [one for one in fitting if one.id > after]
    return _shown(
        page,
        "administration/people.html",
        fragment="administration/_people.html",
        people=found[:PEOPLE_SHOWN],
        total=len(fitting),
        text=text,
        after=after,
        more=found[PEOPLE_SHOWN - 1].id if len(found) > PEOPLE_SHOWN else None,
    )


@router.get("/administration/roles")
def roles(page: PageDep) -> Response:
    """The roles: what each lets do, and who holds it."""
    page.require(*PEOPLE)
    with page.begin() as uow:
        specs, policies = identity.read_roles(uow), identity.read_policies(uow)
        every = identity.list_people(uow)
    told = [
        {
            "name": name,
            "description": spec.description,
            "impersonable": spec.impersonable,
            "actions": sorted(
                {one for policy in spec.policies if policy in policies for one in policies[policy].actions}
            ),
            "holders": [person.id for person in every if name in person.roles],
        }
        for name, spec in sorted(specs.items())
    ]
    return _shown(page, "administration/roles.html", roles=told, holders_shown=PEOPLE_SHOWN)


@router.get("/administration/health")
def health(page: PageDep) -> Response:
    """How each part of the installation is, what is worst first."""
    found = page.rt.health(page.actor)
    worst_first = sorted(found, key=lambda one: ("bad", "warn", "good").index(one.state))
    return _shown(page, "administration/health.html", components=worst_first, kinds=COMPONENTS)


@router.get("/administration/storage")
def storage(page: PageDep) -> Response:
    """What each project keeps, what is largest first: as a table with a bar in each line."""
    page.require(*HEALTH)
    with page.begin() as uow:
        found = catalog.list_storage(uow)
    largest_first = sorted(found, key=lambda one: (-one.table_bytes, -one.object_bytes, one.project))
    shown = largest_first[:MOST_BARS]
    names = [one.project for one in shown]
    return _shown(
        page,
        "administration/storage.html",
        storage=shown,
        total=len(found),
        tables=bars(names, [float(one.table_bytes) for one in shown]),
        files=bars(names, [float(one.object_bytes) for one in shown]),
    )


@router.get("/administration/configuration")
def configuration(page: PageDep, kind: Word = "", after: Word = "") -> Response:
    """What is in force, by kind; of one kind, each part as it is, by name."""
    with page.begin() as uow:
        counts = deploy.count_in_force(uow)
        parts = deploy.read_in_force(uow, kind, after=after, limit=PARTS_SHOWN + 1) if kind else []
    told = [(part, json.dumps(part.spec, ensure_ascii=False, indent=2)) for part in parts[:PARTS_SHOWN]]
    return _shown(
        page,
        "administration/configuration.html",
        counts={name: count for name, count in counts.items() if count},
        kind=kind,
        parts=told,
        after=after,
        more=parts[PARTS_SHOWN - 1].name if len(parts) > PARTS_SHOWN else None,
    )


@router.get("/administration/drift")
def drift(page: PageDep) -> Response:
    """Where what is in force is not what was deployed: what changed, then what is gone, then what nobody brought."""
    with page.begin() as uow:
        found = deploy.find_drift(uow)
    in_order = sorted(found, key=lambda one: list(DRIFTS).index(one.state))
    told = [
        (one, [(each.key, _as_text(each.deployed), _as_text(each.in_force)) for each in one.differences])
        for one in in_order[:PARTS_SHOWN]
    ]
    return _shown(page, "administration/drift.html", drifts=told, total=len(found), states=DRIFTS)


def _as_text(value: Any) -> str:  # Any: JSON
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(page: Page, template: str, *, fragment: str | None = None, **values: Any) -> Response:
    """A page under the tabs that open for whoever looks."""
    tabs = {path: title for path, (title, asked) in TABS.items() if page.may(*asked)}
    return page.show(template, fragment=fragment, tabs=tabs, **values)
