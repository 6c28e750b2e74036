"""Terms of the glossary on columns, with what they mean, put on and taken off; data products: made, filled, found."""

from pergamon import catalog
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit


def test_terms_of_columns_are_shown_with_what_they_mean_put_on_and_taken_off(portal: Portal, visit: Visit) -> None:
    asset = portal.assets["encounters"]
    page, hana = f"/assets/{asset}/edit", visit("hana")
    shown = visit("rena").get(f"/assets/{asset}").text
    assert 'href="#term-ward"' in shown
    assert "A unit of a hospital in which patients stay." in shown[shown.index('id="term-ward"') :]
    assert "Where samples are examined." not in shown, "what it does not carry is not explained"
    fields = hana.form(page, page)
    ward = next(name for name, value in fields.items() if name.endswith(".terms") and value == "ward")
    other = "column.0.terms"
    hana.follow(hana.send(page, page, **{ward: "", other: "Encounter, ward", "publish": "true"}))
    with portal.by("hana") as uow:
        content = catalog.read_asset(uow, asset).version.content
    assert content.column_terms == {"encounter": ("encounter", "ward")}
    wrong = hana.send(page, page, **{other: "encounter, no such"})
    assert (wrong.status_code, 'id="e-column.0.terms"' in wrong.text) == (422, True)
    assert "encounter, no such" in wrong.text


def test_a_term_that_is_a_draft_again_is_nobodys_to_find_and_stays_where_it_was(portal: Portal, visit: Visit) -> None:
    asset = portal.assets["encounters"]
    with portal.rt.begin(OPERATOR) as uow:
        terms = dict(catalog.read_glossaries(uow)["words"].terms)
        terms["ward"] = terms["ward"].model_copy(update={"state": "draft"})
        catalog.put_glossary(uow, "words", catalog.GlossarySpec(terms=terms, unit="research"), {})
    portal.follow()
    rena = visit("remy")
    for path in (f"/assets/{asset}", "/catalog?text=stays"):
        assert "Encounter" in rena.get(path).text
        assert ">Ward<" not in rena.get(path).text, path
    with portal.by("remy") as uow:
        told = catalog.read_asset(uow, asset).as_json()
    assert (told["terms"], [column["terms"] for column in told["columns"] if column["terms"]]) == (["encounter"], [])
    page, hana = f"/assets/{asset}/edit", visit("hana")
    hana.follow(hana.send(page, page, title="Stays"))
    with portal.by("hana") as uow:
        content = catalog.read_asset(uow, asset).version.content
    assert (content.title, content.column_terms) == ("Stays", {"ward": ("ward",)})


def test_a_product_is_made_filled_published_and_found(portal: Portal, visit: Visit) -> None:
    hana, project = visit("hana"), "/projects/clinic-data"
    action = f"{project}/products"
    bad = hana.send(project, action, name="Not A Name")
    assert (bad.status_code, 'value="Not A Name"' in bad.text) == (422, True)
    made = hana.send(project, action, name="stays", title="Stays and their results")
    edit = made.headers["location"]
    asset = edit.removesuffix("/edit")
    bundled = [portal.assets["encounters"], portal.assets["lab_results"]]
    hana.follow(made)
    hana.follow(hana.send(edit, edit, description="What belongs together.", assets=bundled, publish="true"))
    portal.follow()
    rena = visit("rena")
    page = rena.get(asset).text
    assert all(f'href="/assets/{one}"' in page for one in bundled)
    assert "asked for table by table" in page
    card = rena.get("/catalog?text=belongs+together").text
    assert f'href="{asset}"' in card
    assert "data product" in card
    assert f'href="{asset}"' in hana.get(project).text
    with portal.by("hana") as uow:
        before = catalog.read_asset(uow, asset.removeprefix("/assets/")).version
    hana.follow(hana.send(edit, edit))
    with portal.by("hana") as uow:
        assert catalog.read_asset(uow, asset.removeprefix("/assets/")).version == before, "as it stands: no version"
    token = str(rena.form("/", "/sign-out")["form_token"])
    assert rena.post(action, {"form_token": token, "name": "mine"}).status_code == 404
    assert "Make a data product" not in visit("olga").get("/projects").text
