"""Members of a project, as its owners add, change and remove them in a browser; and nobody else."""

from pergamon import catalog, identity
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

PAGE = "/projects/heart-study"
MEMBERS = f"{PAGE}/members"


def roles_of(portal: Portal, name: str) -> set[str]:
    with portal.rt.begin(OPERATOR) as uow:
        held = identity.principal_actor(uow, f"person:{name}").roles
    return {role.removeprefix("project:heart-study/") for role in held if role.startswith("project:heart-study/")}


def test_an_owner_adds_changes_and_removes(portal: Portal, visit: Visit) -> None:
    rena = visit("rena")
    added = rena.follow(rena.send(PAGE, MEMBERS, principal="eve", role="consumer"))
    assert "They are a member now." in added.text
    assert roles_of(portal, "eve") == {"consumer"}
    assert visit("eve").get(PAGE).status_code == 200, "from now on"
    changed = rena.send(PAGE, f"{MEMBERS}/change", principal="person:eve", role="consumer", to="contributor")
    assert "Their role is changed" in rena.follow(changed).text
    assert roles_of(portal, "eve") == {"contributor"}
    removed = rena.send(PAGE, f"{MEMBERS}/remove", principal="person:eve", role="contributor")
    assert "no member in this role" in rena.follow(removed).text
    assert roles_of(portal, "eve") == set()
    assert visit("eve").get(PAGE).status_code == 404
    with portal.rt.begin(OPERATOR) as uow:
        codes = [row["code"] for row in uow.rows("SELECT code FROM audit_event WHERE subject = 'project:heart-study'")]
    assert codes.count("catalog.member_added") == 2
    assert codes.count("catalog.member_removed") == 2


def test_who_is_no_owner_is_offered_nothing_and_refused(portal: Portal, visit: Visit) -> None:
    for name, refused in (("remy", 403), ("hana", 404), ("eve", 404)):
        browser = visit(name)
        assert "/members" not in browser.get(PAGE).text
        token = str(browser.form("/", "/sign-out")["form_token"])
        for path, fields in (
            (MEMBERS, {}),
            (f"{MEMBERS}/remove", {}),
            (f"{MEMBERS}/change", {"to": "owner"}),
        ):
            sent = {"form_token": token, "principal": f"person:{name}", "role": "owner"} | fields
            assert browser.post(path, sent).status_code == refused, (name, path)  # type: ignore[arg-type]
    assert roles_of(portal, "remy") == {"contributor"}
    assert roles_of(portal, "eve") == set()


def test_what_does_not_go_says_why_beside_the_form(portal: Portal, visit: Visit) -> None:
    rena = visit("rena")
    unknown = rena.send(PAGE, MEMBERS, principal="nobody<b>", role="consumer")
    assert unknown.status_code == 422
    assert "nobody&lt;b&gt;" in unknown.text, "what was typed stays, as text"
    assert "nobody<b>" not in unknown.text
    token = str(rena.form(PAGE, MEMBERS)["form_token"])
    fields = {"form_token": token, "principal": "person:remy", "role": "contributor"}
    for path, more in ((f"{MEMBERS}/remove", {}), (f"{MEMBERS}/change", {"to": "owner"})):
        answer = rena.post(path, fields | more)  # type: ignore[arg-type]
        assert answer.status_code == 422, "only a deployment takes away whom the configuration names"
        assert "catalog.member_of_configuration" in answer.text
    assert roles_of(portal, "remy") == {"contributor"}, "a change is made whole, or not at all"


def test_the_page_shows_what_each_role_gives_as_the_policy_answers(portal: Portal, visit: Visit) -> None:
    text = visit("remy").get(PAGE).text
    asks = text[text.index("asks for data in its name") :].split("</tr>")[0]
    assert [cell.count("yes") for cell in asks.split("</td>")[:4]] == [1, 1, 0, 0], "owners and contributors"
    with portal.by("rena") as uow:
        catalog.add_member(uow, "heart-study", "person:eve", "steward")
    assert "Steward" in visit("eve").get(PAGE).text
