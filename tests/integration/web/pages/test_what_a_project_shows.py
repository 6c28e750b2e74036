"""A project's page: what it was given and until when, where its data comes from and to look at it now, what it offers,
how much it keeps; each for whom the policy says so."""

import re

from pergamon import access, catalog, query
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

CLINIC, STUDY = "/projects/clinic-data", "/projects/heart-study"
RUN = f"{CLINIC}/data-sources/clinic-tables/run"


def test_what_it_was_given_is_shown_with_its_end_its_asset_and_its_request(portal: Portal, visit: Visit) -> None:
    request = portal.approve(portal.ask(days=30).id)
    page = visit("remy").get(STUDY).text
    given = page[page.index('id="given"') :].split("</section>")[0]
    for address in (
        f"/assets/{portal.assets['encounters']}",
        f"/requests/{request.id}",
        "/query?table=heart_study_sub.encounters",
    ):
        assert f'href="{address}"' in given
    assert "Hospital stays" in given
    assert "<code>heart_study_sub</code>" in page
    assert "in 1 month" in given or "in 29 days" in given
    with portal.by("hana") as uow:
        catalog.unpublish_asset(uow, portal.assets["encounters"])
    page = visit("remy").get(STUDY).text
    assert "heart_study_sub.encounters" in page
    assert "Hospital stays" not in page, "what may not be found any more has no title here"
    assert portal.assets["encounters"] not in page
    with portal.by("hana") as uow:
        access.revoke_grant(uow, str(request.grant_id), "It is over.")
    assert "heart_study_sub.encounters" not in visit("remy").get(STUDY).text
    assert "heart_study_sub.encounters" in visit("remy").get("/grants?project=heart-study&state=revoked").text


def test_a_data_source_is_run_now_by_who_describes_its_data(portal: Portal, visit: Visit) -> None:
    hana = visit("hana")
    assert "It has not run yet." in hana.get(CLINIC).text
    page = hana.follow(hana.send(CLINIC, RUN)).text
    assert "has been looked at" in page
    with portal.by("hana") as uow:
        (run,) = catalog.list_runs(uow, "clinic-tables")
    assert (run.state, run.started_by, sum(run.counts.values())) == ("succeeded", "person:hana", 3)
    assert f"{run.counts['unchanged']} as before" in page or f"{run.counts['updated']} changed" in page
    with portal.rt.begin(OPERATOR) as uow:
        catalog.add_member(uow, "clinic-data", "person:eve", "consumer")
    eve = visit("eve")
    page = eve.get(CLINIC).text
    assert "clinic-tables" in page
    assert "Run now" not in page
    token = str(eve.form("/", "/sign-out")["form_token"])
    assert eve.post(RUN, {"form_token": token}).status_code == 403
    rena = visit("rena")
    token = str(rena.form("/", "/sign-out")["form_token"])
    for path in (RUN, RUN.replace("clinic-data", "heart-study"), RUN.replace("clinic-tables", "no-such")):
        assert rena.post(path, {"form_token": token}).status_code == 404
    assert len(re.findall("succeeded", hana.get(CLINIC).text)) == 2, "the badge and the one run"


def test_from_a_table_that_was_granted_there_is_a_way_to_its_asset(portal: Portal, visit: Visit) -> None:
    portal.approve(portal.ask().id)
    asset, remy = portal.assets["encounters"], visit("remy")
    for path in ("/query", "/query/tables/heart_study_sub/encounters"):
        assert f'href="/assets/{asset}"' in remy.get(path).text, path
    with portal.by("remy") as uow:
        tables = portal.rt.query_catalog
        name = query.TableName("heart_study_sub", "encounters")
        told = query.table_as_told(uow, tables, name)
    assert told["asset"] == {"id": asset, "title": "Hospital stays"}
    with portal.by("hana") as uow:
        catalog.unpublish_asset(uow, asset)
    for path in ("/query", "/query/tables/heart_study_sub/encounters"):
        page = remy.get(path)
        assert page.status_code == 200
        assert asset not in page.text, "what may not be found is named nowhere"
    with portal.by("remy") as uow:
        assert query.table_as_told(uow, tables, name)["asset"] is None
