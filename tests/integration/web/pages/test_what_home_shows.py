"""What lies on somebody's desk: the newest of what is undecided, the first of what ends, of their own projects."""

from datetime import timedelta

from pergamon import access
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
