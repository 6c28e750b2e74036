"""What lies on somebody's desk: the newest of what is undecided, the first of what ends, of their own projects."""

from datetime import timedelta

from pergamon import access, catalog, identity, lake
from tests.reference.portal import Portal

from .conftest import Visit

MONTH = timedelta(days=30)


def test_what_ends_first_stands_first_and_what_is_undecided_newest_first(portal: Portal, visit: Visit) -> None:
    later, sooner = portal.ask(days=25), portal.ask(table="patients", purpose=None, days=5)
    for request in (later, sooner):
        portal.approve(request.id)
    waiting = portal.ask("remy", "lab_results", purpose=None, accept=False)
    with portal.by("rena") as uow:
        ending = access.ending_grants(uow, MONTH)
        assert [one.request_id for one in ending] == [sooner.id, later.id]
        assert [one.request_id for one in access.ending_grants(uow, timedelta(days=10))] == [sooner.id]
        assert [one.request_id for one in access.ending_grants(uow, MONTH, limit=1)] == [sooner.id]
        assert [one.id for one in access.undecided_requests(uow)] == [waiting.id]
    for other in ("hana", "eve", "olga"):
        with portal.by(other) as uow:
            assert access.ending_grants(uow, MONTH) == [], "it is of no project of theirs"
            assert access.undecided_requests(uow) == []
    home = visit("rena").get("/").text
    assert home.index("heart_study_sub.patients") < home.index("heart_study_sub.encounters")
    with portal.by("remy") as uow:
        access.withdraw_request(uow, waiting.id)
        assert access.undecided_requests(uow) == []


def test_what_was_given_lately_is_one_step_from_its_rows(portal: Portal, visit: Visit) -> None:
    assert "Given to your projects lately" not in visit("rena").get("/").text
    request = portal.approve(portal.ask().id)
    home = visit("remy").get("/").text
    given = home[home.index("Given to your projects lately") :].split("</section>")[0]
    assert 'href="/query?table=heart_study_sub.encounters"' in given
    for other in ("hana", "eve"):
        assert "heart_study_sub" not in visit(other).get("/").text
    with portal.by("hana") as uow:
        access.revoke_grant(uow, str(request.grant_id), "It is over.")
    assert "Given to your projects lately" not in visit("rena").get("/").text


def test_requests_and_grants_have_the_title_of_their_asset_as_long_as_one_may_find_it(
    portal: Portal, visit: Visit
) -> None:
    pages = {"hana": ("/", "/requests?tab=waiting"), "rena": ("/", "/requests")}
    asked = portal.ask()

    def shown(name: str, path: str) -> str:
        return visit(name).get(path).text.split('<main class="main"')[1]

    for name, paths in pages.items():
        for path in paths:
            assert "Hospital stays" in shown(name, path).split("New data")[0], (name, path)
            assert "clinic_db.encounters" not in shown(name, path), (name, path)
    portal.approve(asked.id)
    assert "Hospital stays" in shown("rena", "/grants")
    with portal.by("hana") as uow:
        catalog.unpublish_asset(uow, portal.assets["encounters"])
    portal.follow()
    for path in ("/", "/requests?tab=approved", "/grants"):
        assert "encounters" in shown("rena", path)
        assert "Hospital stays" not in shown("rena", path), "it is listed no more"
    assert "Hospital stays" in shown("hana", "/requests?tab=approved")
    with portal.by("rena") as uow:
        (line,) = access.requests_as_lines(access.list_requests(uow), uow)
        assert (line["asset"], line["title"]) == ("clinic_db.encounters", None)


def test_a_person_is_greeted_by_name_and_offered_what_they_can_do(portal: Portal, visit: Visit) -> None:
    rules = (lake.AccessRuleSpec(prefix="incoming", ReadWriteRoles=("project:clinic-data/owner",)),)
    with portal.by() as uow:
        spec = identity.PrincipalSpec(kind="person", display_name="Hana <Holder>", roles=frozenset({"data-holder"}))
        identity.put_principal(uow, "person:hana", spec, {})
        lake.put_bucket(uow, "uploads", lake.BucketSpec(access_rules=rules))
    home = visit("hana").get("/").text
    assert "Welcome, Hana &lt;Holder&gt;" in home
    assert 'href="/publish"' in home
    for name in ("rena", "olga", "eve"):
        assert 'href="/publish"' not in visit(name).get("/").text, "there is no folder that they may write to"


def test_an_error_keeps_the_navigation_for_who_has_signed_in(portal: Portal, visit: Visit) -> None:
    for path in ("/assets/no-such", "/nowhere"):
        page = visit("olga").get(path)
        assert page.status_code == 404
        assert all(f'href="{to}"' in page.text for to in ("/catalog", "/audit")), path
        assert 'href="/administration"' not in page.text
        assert "/sign-out" in page.text
    too_large = visit("olga").post("/audit/verify", {"theme": "dark" * 100_000})
    assert (too_large.status_code, 'href="/audit"' in too_large.text) == (413, True)
    nobody = visit().get("/sign-in?next=%00")
    assert 'href="/audit"' not in nobody.text
