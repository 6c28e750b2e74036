"""Every text that a person, a file or a query can bring is shown as text, wherever it is shown."""

import re

from pergamon import catalog
from tests.reference.portal import Portal

from .conftest import Visit
from .test_the_way_to_rows import asked, run

EVIL = "<script>alert(1)</script>"
MARKUP = "\"'><img src=x onerror=alert(1)>{{7*7}}{% raw %}</textarea></title></svg>"
TRACE = re.compile(r"<script>alert|<img src=x|</textarea></title>|\b49\b(?=\{)")


def harmless(text: str) -> bool:
    """Is what was brought nowhere but in escaped form?"""
    return TRACE.search(text) is None and "alert(1)" in text


def test_texts_of_assets_and_their_search(portal: Portal, visit: Visit) -> None:
    asset = portal.assets["patients"]
    edit = {
        "title": f"stays {EVIL}", "description": f"stays {MARKUP}", "readme": EVIL + MARKUP,
        "column_descriptions": {"born": MARKUP}, "tags": {EVIL: EVIL},
        "contacts": [{"name": EVIL, "email": "a@b.example", "role": EVIL}],
        "conditions": {"text": MARKUP, "purposes": ["research"]},
    }  # fmt: skip
    with portal.by("hana") as uow:
        version = catalog.read_asset(uow, asset).asset.working_version
        catalog.edit_asset(uow, asset, catalog.AssetEdit.model_validate(edit), expected_version=version)
        catalog.publish_asset(uow, asset)
    portal.follow()
    rena = visit("rena")
    for path in (
        f"/assets/{asset}",
        "/catalog?text=stays",
        "/",
        f"/assets/{asset}/request",
        f"/assets/{asset}/versions?of=2",
    ):
        assert harmless(rena.get(path).text), path
    request = asked(rena, asset, reason=EVIL + MARKUP, accept="true")
    assert harmless(visit("hana").get(request).text)
    visit("hana").send(request, f"{request}/comment", note=EVIL + MARKUP)
    assert harmless(rena.get(request).text)


def test_texts_in_addresses(visit: Visit) -> None:
    rena = visit("rena")
    for path in (
        "/catalog?text=",
        "/catalog?project=",
        "/query?saved=",
        "/query?table=",
        "/assets/",
        "/sign-in?next=",
        "/x/",
    ):
        answer = rena.get(path + "%3Cscript%3Ealert(1)%3C/script%3E%22%27%3E%3Cimg%20src=x%20onerror=alert(1)%3E")
        assert TRACE.search(answer.text) is None, path


def test_sql_and_names_of_columns_and_values(visit: Visit) -> None:
    rena = visit("rena")
    sql = f"SELECT '{EVIL}' AS \"{EVIL}\", '</textarea>{EVIL}' AS b, ['{EVIL}'] AS c, '=1+1' AS d"
    assert harmless(run(rena, sql).text)
    assert harmless(rena.get("/queries").text)
    assert harmless(rena.get("/").text)
    assert harmless(run(rena, f'SELECT nothing FROM "{EVIL}"."{EVIL}" -- </textarea>{EVIL}').text)


def test_files_and_jobs_of_the_lineage(portal: Portal, visit: Visit) -> None:
    from pergamon import lineage
    from tests.reference.portal import CRAWLER

    stays = lineage.Dataset("pergamon", "clinic_db.encounters")
    strange = [
        lineage.Dataset("postgres://<script>alert(1)", EVIL),
        lineage.Dataset.of_objects("clinic", f"{EVIL}.csv"),
    ]
    with portal.rt.begin(CRAWLER) as uow:
        edges = [lineage.ColumnEdge(one, EVIL, stays, "ward") for one in strange]
        lineage.record_edges(uow, lineage.LineageRun(EVIL, "job", "run_9"), strange, [stays], edges)
    assert harmless(visit("rena").get("/assets/clinic_db.encounters/lineage").text)
