"""The pages of who sends files and of who looks after the platform, in a real browser: axe finds nothing, all fits."""

import pytest

from pergamon import identity, objects, pipeline
from tests.integration.web.pages.conftest import address, made_portal, portal, visit
from tests.integration.web.pages.test_describing_and_publishing import demand_ethics
from tests.integration.web.pages.test_files_that_are_sent import crawled, open_files
from tests.integration.web.pages.test_what_operators_see import make_busy
from tests.journeys.test_the_portal import DESK, PHONE, Open, browser, faults_of, open_as, pytestmark
from tests.reference.portal import OPERATOR, PASSWORD, Portal

__all__ = ["address", "browser", "made_portal", "open_as", "portal", "pytestmark", "visit"]

ALL = frozenset({
    "workflow.read", "workflow.run", "replication.control", "tracker.read", "tracker.control", "crawler.run",
    "identity.manage", "platform.operate", "deploy.read",
})  # fmt: skip


def make_ingrid(portal: Portal) -> None:
    """An engineer who may look after everything."""
    with portal.rt.begin(OPERATOR) as uow:
        identity.put_policy(uow, "all", identity.PolicySpec(actions=ALL), {})
        identity.put_role(uow, "all", identity.RoleSpec(policies=frozenset({"all"})), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Ingrid", roles=frozenset({"all"}))
        identity.put_principal(uow, "person:ingrid", spec, {})
        identity.set_password(uow, "person:ingrid", PASSWORD)


def bring(portal: Portal, key: str, content: bytes) -> None:
    """Hana's file, as it comes."""
    hana = portal.person("hana")
    objects.upload(lambda: portal.rt.begin(hana), portal.rt.settings.lake, "clinic", key, iter([content]))


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_each_page_fits_and_axe_finds_nothing(open_as: Open, portal: Portal, size: tuple[int, int], theme: str) -> None:
    make_ingrid(portal)
    make_busy(portal)
    open_files(portal)
    demand_ethics(portal)
    bring(portal, "incoming/wards/beds.csv", b"ward,beds\ncardiology,12\n")
    bring(portal, "incoming/wards/torn.parquet", b"PAR1 torn PAR1")
    crawled(portal)
    bring(portal, "incoming/later.csv", b"a,b\n1,2\n")
    with portal.by() as uow:
        run = pipeline.list_runs(uow, 1)[0]["id"]
    of_ingrid = {
        "pipelines": "/pipelines", "run": f"/pipelines/runs/{run}", "replication": "/pipelines/replication",
        "landed": "/pipelines/landed", "crawlers": "/pipelines/crawlers", "crawler": "/pipelines/crawlers/uploads",
        "people": "/administration", "roles": "/administration/roles", "health": "/administration/health",
        "configuration": "/administration/configuration?kind=role",
    }  # fmt: skip
    of_hana = {
        "lake": "/lake", "folder": "/lake/clinic", "file": "/lake/clinic/file/incoming/wards/beds.csv",
        "publish": "/publish", "understood": "/publish/clinic/file/incoming/wards/beds.csv",
        "set-aside": "/publish/clinic/file/incoming/wards/torn.parquet",
        "not-looked-into": "/publish/clinic/file/incoming/later.csv", "describe": "/assets/clinic_db.wards/edit",
    }  # fmt: skip
    faults: list[str] = []
    for name, pages in (("ingrid", of_ingrid), ("hana", of_hana)):
        page = open_as(name, size=size, theme=theme)
        for called, path in pages.items():
            page.goto(path)
            faults += faults_of(page, called, size)
    assert not faults, "\n".join(faults)
