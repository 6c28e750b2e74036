"""From asking to having: who may, what is given, until when; each verb on the real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest

from pergamon import access, catalog, lake
from pergamon.kernel import AccessDenied, Invalid, NotFound, PergamonError
from pergamon.policy import Mask, MaskAction, UnfitMask
from pergamon.worker.access_loop import tell_of_ends
from tests.integration.access.conftest import COLUMNS, World


def refused(world: World, name: str, verb: Any, *args: Any, **kwargs: Any) -> str:  # Any: a verb and what it takes
    """The code of the error that a person gets."""
    with pytest.raises(PergamonError) as error, world.by(name) as uow:
        verb(uow, *args, **kwargs)
    return error.value.code


def test_asked_approved_given_taken_back(world: World) -> None:
    request = world.ask(columns=["id", "age"], rows="site = 'north'", days=30, purpose="cancer-research")
    assert (request.state, request.grant_id) == (access.RequestState.OPEN, None)
    assert world.gives() is None
    with world.by("steff") as uow:
        request = access.approve_request(uow, request.id, note="fine")
    assert request.state is access.RequestState.APPROVED
    with world.by("ada") as uow:
        (grant,) = access.list_grants(uow)
        told = access.grant_as_told(grant, uow)
    assert (told["table"], told["rows"], told["state"]) == ("study_sub.patients", "site = 'north'", "active")
    assert [column["name"] for column in told["columns"]] == ["id", "age"]
    table = world.gives()
    assert table is not None
    assert table.readers == {"project:study/owner", "project:study/contributor", "project:study/consumer"}
    assert (table.lake_table, len(table.rights.columns)) == ("heart_db.patients", 2)
    with world.by("olga") as uow:
        assert access.is_live(uow, [grant.id])
        access.revoke_grant(uow, grant.id, "the study has ended")
        assert not access.is_live(uow, [grant.id])
    assert world.gives() is None
    with world.by("cyd") as uow:
        assert access.list_subscriptions(uow) == []
    assert refused(world, "olga", access.revoke_grant, grant.id, "again") == "access.grant_not_active"


def test_the_trail_has_every_act_and_nothing_that_people_wrote(world: World) -> None:
    secret = "Mrs Smith of ward 7"
    request = world.ask(reason=secret, rows="name = 'Mrs Smith'")
    with world.by("olga") as uow:
        access.ask_for_changes(uow, request.id, note=secret)
    with world.by("bob") as uow:
        access.comment_on(uow, request.id, secret)
        access.amend_request(uow, request.id, columns=["id"], note=secret)
    with world.by("olga") as uow:
        grant = access.approve_request(uow, request.id, note=secret, masks={"id": "mask-to-fixed-value"}).grant_id
        assert grant is not None
        access.revoke_grant(uow, grant, secret)
    with world.by() as uow:
        rows = uow.rows("SELECT code, facts FROM audit_event WHERE starts_with(code, 'access.')")
    assert sorted(row["code"] for row in rows) == [
        "access.comment_made",
        "access.grant_issued",
        "access.grant_revoked",
        "access.request_amended",
        "access.request_decided",
        "access.request_decided",
        "access.request_made",
    ]
    assert not [row for row in rows if "Smith" in row["facts"]]


def test_nobody_decides_on_what_they_wrote_or_amended(world: World) -> None:
    request = world.ask("olga", project="heart")
    assert refused(world, "olga", access.approve_request, request.id, note="yes") == "access.own_request"
    with world.by("carl") as uow:
        access.amend_request(uow, request.id, days=3)
    with world.by("otto") as uow:
        access.amend_request(uow, request.id, days=4)
    assert refused(world, "otto", access.approve_request, request.id, note="yes") == "access.own_request"
    with world.by("steff") as uow:
        assert access.approve_request(uow, request.id, note="yes").grant_id is not None


def test_the_operator_gives_nothing_and_asks_for_nothing(world: World) -> None:
    request = world.ask()
    with pytest.raises(AccessDenied), world.by() as uow:
        access.approve_request(uow, request.id, note="as operator")
    with pytest.raises(AccessDenied), world.by() as uow:
        access.request_access(uow, world.asset, project="study", reason="as operator")


def test_several_must_approve_and_an_amendment_begins_anew(world: World) -> None:
    world.list_with(approvals=2)
    request = world.ask(days=100)
    with world.by("olga") as uow:
        request = access.approve_request(uow, request.id, note="yes", columns=["id", "age", "site"], days=50)
    assert (request.state, len(request.approvals)) == (access.RequestState.OPEN, 1)
    assert refused(world, "olga", access.approve_request, request.id, note="yes") == "access.already_approved"
    with world.by("bob") as uow:
        request = access.amend_request(uow, request.id, days=80)
    assert request.approvals == ()
    for name, columns, rows in (("olga", ["id", "age", "site"], "age > 17"), ("uma", ["id", "age"], "site = 'north'")):
        with world.by(name) as uow:
            request = access.approve_request(uow, request.id, note="yes", columns=columns, rows=rows, days=50)
    with world.by("ada") as uow:
        (grant,) = access.list_grants(uow)
        told = access.grant_as_told(grant, uow)
    assert [column["name"] for column in told["columns"]] == ["id", "age"]
    assert told["rows"] == "age > 17 and site = 'north'"
    assert told["granted_by"] == ["person:olga", "person:uma"]
    assert told["valid_until"] == "2026-04-20T12:00:00+00:00"


def test_an_amendment_that_changes_nothing_keeps_the_approvals(world: World) -> None:
    """They were given to this very thing; who says it again has not written it, and may decide on it."""
    world.list_with(approvals=2)
    request = world.ask(days=100, columns=["id"])
    with world.by("olga") as uow:
        approved = access.approve_request(uow, request.id, note="yes")
    with world.by("bob") as uow:
        same = access.amend_request(uow, request.id, days=100, columns=["id"], note="I mean it")
    assert (same.approvals, same.round, same.shaped_by) == (approved.approvals, 1, {"person:ada"})
    assert same.comments[-1].text == "I mean it"
    with world.by("uma") as uow:
        access.ask_for_changes(uow, request.id, note="less")
    with world.by("ada") as uow:
        back = access.amend_request(uow, request.id)
    assert (back.state, back.approvals) == (access.RequestState.OPEN, approved.approvals)
    world.list_with(approvals=2, masks={"id": "mask-to-fixed-value"})
    with world.by("ada") as uow:
        assert access.amend_request(uow, request.id).approvals == (), "the conditions are others now"
    lost = [event["approvals_lost"] for event in world.events("access.request_amended")]
    assert lost == [0, 0, 1]


def test_who_approves_may_narrow_and_never_widen(world: World) -> None:
    request = world.ask(columns=["id", "name"], days=30)
    for wider in ({"columns": ["id", "age"]}, {"days": 31}):
        assert refused(world, "olga", access.approve_request, request.id, note="yes", **wider) == "access.would_widen"
    with world.by("olga") as uow:
        request = access.approve_request(uow, request.id, note="yes", masks={"name": "mask-alphanum"})
        shown = access.read_grant(uow, str(request.grant_id))
    assert Mask(MaskAction.MASK_ALPHANUM) in shown.rights.columns.values()


def test_the_conditions_are_on_every_grant_whatever_is_asked(world: World) -> None:
    world.list_with(
        text="Never re-identify anybody.",
        purposes=("research",),
        longest_days=10,
        masks={"name": "hmac-sha-256", "born": "age-band(5)"},
        rows="age >= 18",
        identifiers=("name",),
        isolated=True,
    )
    assert (
        refused(world, "ada", access.request_access, world.asset, project="study", reason="r") == "access.bad_request"
    )
    for wrong in (
        {"purpose": "marketing"},
        {"purpose": "research", "days": 11},
        {"purpose": "research", "accept": False},
    ):
        with pytest.raises(access.BadRequest):
            world.ask(**({"accept": True} | wrong))
    grant = world.granted(accept=True, purpose="research", rows="site = 'north'")
    with world.by("ada") as uow:
        told = access.grant_as_told(grant, uow)
    assert told["rows"] == "age >= 18 and site = 'north'"
    assert {c["name"]: c["mask"] for c in told["columns"]} == {
        "id": None,
        "name": "hmac-sha-256",
        "born": "age-band(5)",
        "site": None,
        "age": None,
    }
    assert (told["isolated"], told["valid_until"]) == (True, "2026-03-11T12:00:00+00:00")
    with pytest.raises(UnfitMask):
        world.list_with(masks={"name": "sha-256-global"}, identifiers=("name",))
    with pytest.raises(UnfitMask):
        world.list_with(masks={"age": "show-last-4"})
    with pytest.raises(Invalid):
        world.list_with(rows="nothing_like_that = 1")


def test_what_is_granted_automatically_is_granted_at_once(world: World) -> None:
    world.list_with(approval="automatic", longest_days=7)
    grant = world.granted()
    assert grant.granted_by == ("automatic",)
    assert world.gives() is not None
    assert [event["granted_by"] for event in world.events("access.grant_issued")] == [["automatic"]]
    with pytest.raises(access.BadRequest, match="nobody decides"):
        world.ask(columns=["id"], rows="name = 'Mrs Smith'")


def test_two_who_approve_at_the_same_moment_issue_one_grant(world: World) -> None:
    world.list_with(approvals=2)
    request = world.ask()
    together = Barrier(3)

    def approve(name: str) -> str:
        actor = world.person(name)
        together.wait(timeout=30)
        try:
            with world.rt.begin(actor) as uow:
                return access.approve_request(uow, request.id, note="yes").state.value
        except PergamonError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        told = sorted(pool.map(approve, ("olga", "steff", "uma")))
    assert told == ["access.request_not_open", "approved", "open"]
    with world.by("ada") as uow:
        (grant,) = access.list_grants(uow)
    assert len(grant.granted_by) == 2


def test_conditions_that_changed_meanwhile_are_accepted_again(world: World) -> None:
    request = world.ask()
    world.list_with(text="Only for good.")
    assert refused(world, "olga", access.approve_request, request.id, note="y") == "access.conditions_changed"
    assert refused(world, "ada", access.amend_request, request.id, days=5) == "access.bad_request"
    with world.by("ada") as uow:
        request = access.amend_request(uow, request.id, days=5, accept=True)
    with world.by("olga") as uow:
        catalog.edit_asset(uow, world.asset, catalog.AssetEdit(title="Patients"), expected_version=2)
        catalog.publish_asset(uow, world.asset)
        assert access.approve_request(uow, request.id, note="y").grant_id is not None


def test_one_undecided_request_of_a_project_for_an_asset(world: World) -> None:
    request = world.ask()
    assert (
        refused(world, "bob", access.request_access, world.asset, project="study", reason="r") == "access.already_asked"
    )
    with world.by("bob") as uow:
        assert access.withdraw_request(uow, request.id).state is access.RequestState.WITHDRAWN
    assert world.ask("bob").state is access.RequestState.OPEN


def test_a_form_that_is_demanded_when_asked_is_filled_in(world: World) -> None:
    form = catalog.FormSpec.model_validate({"fields": {"ethics": {"type": "text", "required": True}}})
    with world.by() as uow:
        catalog.put_form(uow, "ethics-approval", form, {})
        catalog.put_rule(uow, "ethics", catalog.RuleSpec(when="request", forms=("ethics-approval",)), {})
    with pytest.raises(access.BadRequest, match=r"ethics-approval\.ethics"):
        world.ask()
    with pytest.raises(access.BadRequest, match="no such field"):
        world.ask(forms={"ethics-approval": {"ethics": "2026-17", "other": "x"}})
    assert world.ask(forms={"ethics-approval": {"ethics": "2026-17"}}).state is access.RequestState.OPEN


def test_a_grant_is_over_from_its_very_second_and_the_trail_is_told_once(world: World) -> None:
    grant = world.granted(days=1)
    world.later(hours=23, minutes=59, seconds=59)
    table = world.gives()
    assert table is not None
    with world.by("cyd") as uow:
        assert access.is_live(uow, table.grants)
        assert access.warn_of_ends(uow) == 1
        assert access.warn_of_ends(uow) == 0
        assert access.expire_grants(uow) == 0
    world.later(microseconds=750_000)  # 12:00:00 sharp
    assert world.gives() is None
    with world.by("cyd") as uow:
        assert not access.is_live(uow, table.grants)
        assert access.read_grant(uow, grant.id).state(uow.now) is access.GrantState.EXPIRED
        assert [one.id for one in access.list_grants(uow, state=access.GrantState.EXPIRED)] == [grant.id]
        assert access.list_grants(uow, state=access.GrantState.ACTIVE) == []
        assert (access.expire_grants(uow), access.expire_grants(uow)) == (1, 0)
    assert len(world.events("access.grant_expired")) == len(world.events("access.grant_ending")) == 1


def test_the_worker_tells_of_ends(world: World) -> None:
    world.granted(days=20)
    assert (tell_of_ends(world.rt), tell_of_ends(world.rt)) == (1, 0)
    world.later(days=20)
    assert (tell_of_ends(world.rt), tell_of_ends(world.rt)) == (1, 0)
    (ended,) = world.events("access.grant_expired")
    assert ended["valid_until"] == "2026-03-21T12:00:00+00:00"


def test_renewals_do_not_pile_up_to_more_days_than_the_conditions_allow(world: World) -> None:
    """Where nobody decides, a chain of them would outlive the listing by years."""
    world.list_with(approval="automatic", longest_days=30)
    first = world.granted()
    second = world.granted(renews=first.id)
    with pytest.raises(access.BadRequest, match="its own time has not begun"):
        world.ask(renews=second.id)
    again = world.granted(renews=first.id)
    assert again.valid_until == second.valid_until
    world.later(days=31)
    third = world.granted(renews=second.id)
    assert third.valid_until is not None
    assert second.valid_until is not None
    assert third.valid_until - second.valid_until == timedelta(days=30)


def test_a_renewal_is_asked_before_the_end_and_goes_on_from_it(world: World) -> None:
    grant = world.granted(days=10)
    world.later(days=9)
    renewed = world.granted(days=10, renews=grant.id)
    assert renewed.valid_until is not None
    assert renewed.valid_until.isoformat() == "2026-03-21T12:00:00+00:00"
    world.later(days=13)
    assert refused(
        world, "ada", access.request_access, world.asset, project="study", reason="r", renews=grant.id
    ) == "access.grant_not_active"  # fmt: skip
    world.list_with(renewable=False)
    with pytest.raises(access.BadRequest, match="not renewed"):
        world.ask(renews=renewed.id)


def test_a_table_that_is_gone_ends_its_grants_and_another_of_its_name_is_not_it(world: World) -> None:
    grant = world.granted()
    patients = lake.TableId.parse("heart_db.patients")
    with world.by() as uow:
        lake.drop_table(uow, patients)
        lake.create_table(uow, world.rt.settings.lake, patients, COLUMNS)
    assert world.gives() is None  # the asset still stands: nobody has told the catalog
    with world.by() as uow:
        catalog.table_dropped(uow, patients)
        catalog.table_changed(uow, patients, catalog.read_facts(uow, patients, cause="crawl"))
        assert not access.is_live(uow, [grant.id])
    assert world.gives() is None
    with world.by() as uow:
        assert access.expire_grants(uow) == 1
        assert access.read_grant(uow, grant.id).revoked_why == "the asset's table is gone"
    assert [event["cause"] for event in world.events("access.grant_revoked")] == ["table-gone"]


def test_a_column_that_is_listed_after_a_request_is_not_given_by_it(world: World) -> None:
    """Who asks for all columns asks for those that there are; a crawl may list another one before somebody approves."""
    request = world.ask()
    patients = lake.TableId.parse("heart_db.patients")
    with world.by() as uow:
        lake.evolve_table(uow, patients, add=[pa.field("hiv", pa.bool_())])
        catalog.table_changed(uow, patients, catalog.read_facts(uow, patients, cause="crawl"))
    with world.by("olga") as uow:
        assert "hiv" in {
            column.name for column in catalog.read_asset(uow, world.asset, listing=True).version.content.columns
        }
        seen = access.outlook_of(uow, request.id)
        grant_id = access.approve_request(uow, request.id, note="as it was").grant_id
        given = {seen.column_names[number] for number in access.read_grant(uow, grant_id or "").rights.columns}
    assert given == set(COLUMNS.names) == {seen.column_names[number] for number in seen.rights.columns}
    assert len(world.granted().rights.columns) == len(COLUMNS) + 1


def test_unpublishing_refuses_new_requests_and_lets_grants_live(world: World) -> None:
    world.granted()
    open_one = world.ask()
    with world.by("olga") as uow:
        catalog.unpublish_asset(uow, world.asset)
    assert world.gives() is not None
    assert refused(world, "olga", access.approve_request, open_one.id, note="y") == "access.not_for_asking"
    with pytest.raises(NotFound):
        world.ask()
    assert refused(
        world, "carl", access.request_access, world.asset, project="heart", reason="r"
    ) == "access.not_for_asking"  # fmt: skip


def test_a_project_that_is_removed_has_nothing_and_its_namesake_neither(world: World) -> None:
    world.granted()
    waiting = world.ask(days=1)
    with world.by() as uow:
        spec = catalog.read_projects(uow)["study"]
        assert access.end_grants_of_project(uow, "study") == 1
        catalog.drop_project(uow, "study")
        catalog.put_project(uow, "study", spec, {})
    assert world.gives() is None
    with world.by("ada") as uow:
        assert access.read_request(uow, waiting.id).state is access.RequestState.WITHDRAWN


def test_what_is_approved_while_the_project_is_removed_is_over_too(world: World) -> None:
    request = world.ask()

    def remove() -> int:
        with world.by() as uow:
            return access.end_grants_of_project(uow, "study")

    with ThreadPoolExecutor(1) as aside:
        with world.by("olga") as uow:
            access.approve_request(uow, request.id, note="as agreed")
            removing = aside.submit(remove)
            with pytest.raises(TimeoutError):
                removing.result(timeout=0.5)
        assert removing.result(timeout=30) == 1
    assert world.gives() is None


def test_what_a_project_gave_is_over_when_it_is_removed_although_its_namesake_has_the_very_asset(world: World) -> None:
    grant = world.granted()
    table = lake.TableId("heart_db", "patients")
    with world.by() as uow:
        spec = catalog.read_projects(uow)["heart"]
        access.end_grants_of_project(uow, "heart")
        catalog.drop_project(uow, "heart")
        catalog.put_project(uow, "heart", spec, {})
        assert catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="crawl")) == [world.asset]
    assert world.gives() is None
    with world.by("ada") as uow:
        assert access.read_grant(uow, grant.id).state(uow.now) is access.GrantState.REVOKED


def test_two_assets_of_one_name_are_two_tables_that_keep_their_names(world: World) -> None:
    with world.by() as uow:
        lake.put_database(uow, "lab_db", lake.DatabaseSpec(bucket="raw", prefix="lab"))
        source = catalog.DataSourceSpec(project="heart", databases=("lab_db",), publish_automatically=True)
        catalog.put_data_source(uow, "lab-tables", source, {})
    first = world.asset
    second = world.asset = world.table("lab_db.patients")
    grant = world.granted()
    assert (grant.database, grant.table) == ("study_sub", "patients")
    world.asset = first
    assert world.granted().table == "patients_2"
    with world.by("olga") as uow:
        access.revoke_grant(uow, grant.id, "done")
    world.asset = second
    assert world.granted().table == "patients"
    with world.by("cyd") as uow:
        assert [table.table for table in access.list_subscriptions(uow)] == ["patients", "patients_2"]


def test_a_filter_asks_for_the_attribute_of_whoever_queries(world: World) -> None:
    world.granted(rows="site = attribute('site')")
    given = {name: world.gives(name) for name in ("cyd", "ada")}
    assert given["cyd"] is not None
    assert given["ada"] is not None
    assert given["cyd"].rights.rows != given["ada"].rights.rows


def test_the_approver_sees_what_would_be_given_before_deciding(world: World) -> None:
    world.list_with(masks={"name": "mask-alphanum"}, rows="age >= 18")
    request = world.ask(columns=["id", "name", "site"], rows="site = 'north'")
    with world.by("olga") as uow:
        seen = access.outlook_of(uow, request.id, columns=["id", "name"]).read_as.rights
        access.approve_request(uow, request.id, note="yes", columns=["id", "name"])
    table = world.gives("ada")
    assert table is not None
    assert table.rights == seen


def test_what_waits_for_whom(world: World) -> None:
    def waiting(name: str) -> list[str]:
        with world.by(name) as uow:
            return [request.id for request in access.list_requests(uow, waiting_for_me=True)]

    world.list_with(approvals=2)
    request = world.ask()
    everybody = ("olga", "steff", "uma", "carl", "ada", "bob", "cyd", "eve")
    assert [name for name in everybody if waiting(name) == [request.id]] == ["olga", "steff", "uma"]
    with world.by("olga") as uow:
        access.approve_request(uow, request.id, note="yes")
    assert [name for name in everybody if waiting(name)] == ["steff", "uma"]
    with world.by("uma") as uow:
        access.ask_for_changes(uow, request.id, note="fewer columns")
    assert [name for name in everybody if waiting(name)] == ["ada", "bob"]


def test_both_sides_see_requests_and_grants_and_nobody_else_learns_of_them(world: World) -> None:
    grant = world.granted()
    for name in ("olga", "steff", "uma", "ada", "bob", "dan", "cyd"):
        with world.by(name) as uow:
            assert [one.id for one in access.list_grants(uow)] == [grant.id], name
            assert [one.id for one in access.list_requests(uow)] == [grant.request_id], name
    for name in ("carl", "connie", "eve"):
        with world.by(name) as uow:
            assert [*access.list_grants(uow), *access.list_requests(uow), *access.list_subscriptions(uow)] == []
        told = set()
        for request_id in (grant.request_id, "request_" + "0" * 32, "no name"):
            with pytest.raises(access.UnknownRequest) as error, world.by(name) as uow:
                access.read_request(uow, request_id)
            told.add((error.value.code, str(error.value), error.value.decision is not None))
        assert len(told) == 1
        assert refused(world, name, access.read_grant, grant.id) == "access.unknown_grant"
        assert refused(world, name, access.revoke_grant, grant.id, "mine") == "access.unknown_grant"


def test_pages_follow_each_other_without_a_gap(world: World) -> None:
    for _ in range(5):
        with world.by("ada") as uow:
            access.withdraw_request(uow, world.ask().id)
    seen: list[str] = []
    with world.by("olga") as uow:
        while page := access.list_requests(
            uow, asset=world.asset, project="study", after=max(seen, default=""), limit=2
        ):
            seen += [one.id for one in page]
        everything = access.list_requests(uow, state=access.RequestState.WITHDRAWN)
        assert access.list_requests(uow, state=access.RequestState.OPEN) == []
    assert seen == sorted(seen) == [one.id for one in everything]
    assert len(seen) == 5


def test_no_database_of_the_lake_is_called_as_what_a_project_was_granted(world: World) -> None:
    with pytest.raises(lake.BadName, match="ends in _sub"), world.by() as uow:
        lake.put_database(uow, "study_sub", lake.DatabaseSpec(bucket="raw", prefix="mine"))
