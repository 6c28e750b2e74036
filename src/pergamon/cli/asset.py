"""`pergamon asset` and `pergamon product`: find, read, describe, publish."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.asset_conditions import condition_options, conditions_of, echo_conditions
from pergamon.cli.asset_edit import Forms, edit_of, edit_options, edits_in
from pergamon.cli.catalog import (
    Door,
    Json,
    answering,
    asking,
    echo_table,
    in_path,
    limit_option,
    listing,
    note_if_more,
    plain,
    plain_lines,
)
from pergamon.cli.context import counted, echo_json, json_option, tell
from pergamon.kernel import Invalid, LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import catalog, query
    from pergamon.catalog import AssetEdit
    from pergamon.store import UnitOfWork
else:
    catalog = LoadedWhenUsed("pergamon.catalog")
    query = LoadedWhenUsed("pergamon.query")


WIDEST = 200
"""Characters of a value in a difference; `--json` tells all of it."""


@click.group("asset")
def asset_group() -> None:
    """Assets: tables and data products, with what is said of them."""


def _echo_assets(found: list[Json]) -> None:
    echo_table(
        ("name", "title", "project", "state", "version", "rows"),
        ((a["name"], _other(a["title"], a["name"]), a["project"], _state(a), a["version"], a["rows"]) for a in found),
    )


@asset_group.command("ls")
@click.option("--project", help="Only of this project.")
@click.option("--state", type=click.Choice(["published", "unpublished", "retired"]), help="Only these.")
@click.option("--kind", type=click.Choice(["table", "product"]), help="Only these.")
@click.option("--data-source", help="Only what this data source found.")
@listing(_echo_assets)
def list_command(
    door: Door, *, project: str | None, state: Any, kind: str | None, data_source: str | None, limit: int
) -> list[Json]:
    """List the assets that you may find, by name; those that are retired only with `--state retired`."""
    return _listed(door, limit, {"project": project, "state": state, "kind": kind, "data_source": data_source})


def _echo_asset(asset: Json) -> None:
    click.echo(f"{plain(asset['title'])}  [{asset['kind']}, {_state(asset)}, version {asset['version']}]")
    for name, value in _facts(asset).items():
        if value not in (None, ""):
            click.echo(f"  {name:<14}  {plain(value)}")
    for text in (asset["description"], asset["readme"]):
        if text:
            click.echo("")
            click.echo("\n".join(plain_lines(text)))
    for form, values in asset["forms"].items():
        click.echo(f"\n{form}")
        for field, value in values.items():
            click.echo(f"  {field}: {plain(value)}")
    if asset["columns"]:
        click.echo("")
        echo_table(
            ("column", "type", "meaning"),
            ((c["name"], c["type"], _meaning(c, asset["term_titles"])) for c in asset["columns"]),
        )
    for bundled in asset.get("assets", ()):
        click.echo(f"  bundles {plain(bundled['name'])}  {bundled['id']}")


@asset_group.command("show")
@click.argument("asset")
@click.option("--version", type=click.IntRange(1, 2**31 - 1), help="An earlier version; for members of its project.")
@click.option("--listing", "as_listing", is_flag=True, help="As others see it.")
@answering(_echo_asset)
def show_command(door: Door, *, asset: str, version: int | None, as_listing: bool) -> Json:
    """Show all that is said of an ASSET, by its id or its name."""
    return _read(door, asset, version=version, as_listing=as_listing)


def _echo_edited(told: Json | list[Json]) -> None:
    if isinstance(told, list):
        click.echo(f"{counted(len(told), 'asset')} edited")
        return
    click.echo(f"{plain(told['name'])} is at version {told['version']}")
    if told.get("has_draft"):
        click.echo("others see the change once it is published: `pergamon asset publish`", err=True)


@asset_group.command("edit")
@click.argument("asset", required=False)
@edit_options
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="A YAML file with edits of many assets.")
@click.option("--expected-version", type=click.IntRange(1, 2**31 - 1), help="Refuse when it is another one by now.")
@answering(_echo_edited)
def edit_command(
    door: Door, /, *, asset: str | None, file: Path | None, expected_version: int | None, **given: Any
) -> Json | list[Json]:
    """Change what is said of an ASSET, or of many with `--file`. Others see it once it is published."""
    if file is not None:
        if asset is not None or any(given.values()):
            raise click.UsageError("--file stands alone: it names the assets and the changes itself")
        return _edit_many(door, file)
    if asset is None:
        raise click.UsageError("name an asset, or give --file")
    current = _read(door, asset)
    edit = edit_of(_with_ids(door, given), lambda: current, lambda: forms_at(door))
    if not edit:
        raise click.UsageError("nothing to change: see --help for what can be said")
    expected = expected_version or current.get("working_version") or current["version"]
    return _edit(door, current["id"], edit, expected)


def _echo_conditions(told: Json) -> None:
    click.echo(f"{plain(told['name'])}, version {told['version']}: what whoever asks for it meets")
    echo_conditions(told["conditions"])
    if told.get("has_draft"):
        click.echo("this holds once it is published: `pergamon asset publish`", err=True)


@asset_group.command("conditions")
@click.argument("asset")
@condition_options
@answering(_echo_conditions)
def conditions_command(door: Door, /, *, asset: str, **given: Any) -> Json:
    """Show what is demanded of whoever asks for an ASSET; or change it. Others see it once it is published."""
    current = _read(door, asset)
    conditions = conditions_of(given, current["conditions"])
    if conditions == {}:
        return current
    expected = current.get("working_version") or current["version"]
    return _edit(door, current["id"], {"conditions": conditions}, expected)


def _echo_published(told: list[Json]) -> None:
    for one in told:
        click.echo(f"{plain(one['name'])}: version {one['version']} is published")


@asset_group.command("publish")
@click.argument("assets", nargs=-1, required=True)
@answering(_echo_published)
def publish_command(door: Door, *, assets: tuple[str, ...]) -> list[Json]:
    """Make the working version of each of ASSETS what others see."""
    return [door.post(f"/api/v1/assets/{in_path(name)}/publish", {}, partial(_publish, name)) for name in assets]


@asset_group.command("unpublish")
@click.argument("asset")
@asking
@json_option
def unpublish_command(door: Door, *, asset: str, as_json: bool) -> None:
    """Take the listing of an ASSET back. No data source publishes it again; you may."""
    path = f"/api/v1/assets/{in_path(asset)}/unpublish"
    told = door.post(path, {}, lambda uow: {"id": catalog.unpublish_asset(uow, asset).id})
    tell(told, f"{plain(asset)} is not published any more; only its project finds it", as_json=as_json)


def _echo_versions(found: list[Json]) -> None:
    echo_table(
        ("version", "made", "by", "because of"), ((v["version"], v["made_at"], v["made_by"], v["cause"]) for v in found)
    )


@asset_group.command("versions")
@click.argument("asset")
@click.option("--diff", nargs=2, type=click.IntRange(1, 2**31 - 1), metavar="OLD NEW", help="What NEW says otherwise.")
@limit_option
@asking
@json_option
def versions_command(door: Door, *, asset: str, diff: tuple[int, int] | None, limit: int, as_json: bool) -> None:
    """List the versions of an ASSET, newest first; or what differs between two of them."""
    told = _differences(door, asset, diff) if diff else _versions(door, asset, limit)
    if as_json:
        echo_json(told)
    elif diff:
        _echo_differences(told)
    else:
        _echo_versions(told)
        note_if_more(told, limit)


def _versions(door: Door, asset: str, limit: int) -> list[Json]:
    def here(uow: UnitOfWork) -> list[Json]:
        return [version.as_json() for version in catalog.list_versions(uow, asset, limit=limit)]

    return door.pages(f"/api/v1/assets/{in_path(asset)}/versions", "versions", limit, here)


@asset_group.command("uses")
@click.argument("asset")
@click.option("--weeks", type=click.IntRange(1, 520), default=26, show_default=True, help="So many, this one too.")
@answering(lambda found: echo_table(("week", "queries", "people"), (one.values() for one in found)))
def uses_command(door: Door, *, asset: str, weeks: int) -> list[Json]:
    """How much an ASSET is queried by week, under whatever name; for those who give it to others."""

    def here(uow: UnitOfWork) -> Json:
        return {"weeks": [one.as_json() for one in query.uses_of(uow, asset, weeks=weeks)]}

    told: list[Json] = door.get(f"/api/v1/assets/{in_path(asset)}/uses?weeks={weeks}", here)["weeks"]
    return told


@click.group("product")
def product_group() -> None:
    """Data products: assets bundled under a text of their own."""


def _echo_products(found: list[Json]) -> None:
    echo_table(("name", "title", "project", "state"), ((p["name"], p["title"], p["project"], _state(p)) for p in found))


@product_group.command("ls")
@click.option("--project", help="Only of this project.")
@listing(_echo_products)
def list_products_command(door: Door, *, project: str | None, limit: int) -> list[Json]:
    """List the data products that you may find."""
    return _listed(door, limit, {"project": project, "kind": "product"})


def _echo_made(told: Json) -> None:
    click.echo(f"{plain(told['name'])} ({told['id']}) is there, and not published yet")


@product_group.command("create")
@click.argument("project")
@click.argument("name")
@edit_options
@answering(_echo_made)
def create_product_command(door: Door, /, *, project: str, name: str, **given: Any) -> Any:
    """Make a data product NAME of PROJECT. Describe and publish it as an asset, by this name."""
    edit = edit_of(_with_ids(door, given), lambda: {"terms": []}, lambda: forms_at(door))
    return door.post(
        f"/api/v1/projects/{in_path(project)}/products",
        {"name": name, "edit": edit},
        lambda uow: catalog.make_product(uow, project, name, _checked(edit)).as_json(),
    )


def _with_ids(door: Door, given: Json) -> Json:
    """The options with each bundled asset by its id."""
    ids = [name if name.startswith("asset_") else _read(door, name)["id"] for name in given["assets"]]
    return given | {"assets": ids}


def _publish(asset: str, uow: UnitOfWork) -> Json:
    return catalog.publish_asset(uow, asset).as_json()


def _listed(door: Door, limit: int, selected: Json) -> list[Json]:
    def here(uow: UnitOfWork) -> list[Json]:
        kind = catalog.AssetKind(selected["kind"]) if selected.get("kind") else None
        views = catalog.list_assets(
            uow,
            project=selected.get("project"),
            state=selected.get("state"),
            kind=kind,
            data_source=selected.get("data_source"),
            limit=limit,
        )
        return [view.summary() for view in views]

    return door.pages("/api/v1/assets", "assets", limit, here, **selected)


def _read(door: Door, asset: str, *, version: int | None = None, as_listing: bool = False) -> Json:
    asked = "&".join(([f"version={version}"] if version else []) + (["listing=true"] if as_listing else []))
    told: Json = door.get(
        f"/api/v1/assets/{in_path(asset)}" + (f"?{asked}" if asked else ""),
        lambda uow: catalog.read_asset(uow, asset, version=version, listing=as_listing).as_json(),
    )
    return told


def forms_at(door: Door) -> Forms:
    """What metadata forms there are."""

    def here(uow: UnitOfWork) -> Json:
        forms = catalog.read_forms(uow).items()
        return {"forms": [{"name": name, **spec.model_dump(mode="json")} for name, spec in forms]}

    return {form["name"]: form["fields"] for form in door.get("/api/v1/metadata-forms", here)["forms"]}


def _edit(door: Door, asset: str, edit: Json, expected: int) -> Json:
    told: Json = door.post(
        f"/api/v1/assets/{in_path(asset)}/edit",
        {"expected_version": expected, "edit": edit},
        lambda uow: catalog.edit_asset(uow, asset, _checked(edit), expected_version=expected).as_json(),
    )
    return told


def _edit_many(door: Door, file: Path) -> list[Json]:
    def version_of(asset: str) -> int:
        current = _read(door, asset)
        return int(current.get("working_version") or current["version"])

    edits = edits_in(file, version_of)

    def here(uow: UnitOfWork) -> Json:
        named = [_named(one, number) for number, one in enumerate(edits, start=1)]
        return {"assets": [view.summary() for view in catalog.edit_assets(uow, named)]}

    told: list[Json] = door.post("/api/v1/assets/edits", {"edits": edits}, here)["assets"]
    return told


def _named(one: Json, number: int) -> Any:
    from pydantic import ValidationError

    try:
        return catalog.NamedEdit.model_validate(one)
    except ValidationError as error:
        raise Invalid(
            f"edit {number} of the file: {_faults(error)}",
            hint="docs/how-to/describe-and-publish.md shows what may be said",
        ) from None


def _checked(edit: Json) -> AssetEdit:
    """An edit of the options, as the room takes it; what a server would answer as 422 is said here."""
    from pydantic import ValidationError

    try:
        return catalog.AssetEdit.model_validate(edit)
    except ValidationError as error:
        raise Invalid(_faults(error), hint="docs/how-to/describe-and-publish.md shows what may be said") from None


def _faults(error: Any) -> str:
    """Where and what kind of fault, never what was given."""
    told = [
        f"{'.'.join(plain(part) for part in fault['loc'])[:100]}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_url=False)
    ]
    return "; ".join(told[:10])


def _differences(door: Door, asset: str, diff: tuple[int, int]) -> list[Json]:
    older, newer = diff

    def here(uow: UnitOfWork) -> Json:
        found = catalog.version_differences(uow, asset, older, newer)
        return {"differences": [difference.as_json() for difference in found]}

    path = f"/api/v1/assets/{in_path(asset)}/differences?older={older}&newer={newer}"
    told: list[Json] = door.get(path, here)["differences"]
    return told


def _echo_differences(told: list[Json]) -> None:
    for one in told:
        if one["before"] is not None:
            click.echo(f"- {plain(one['field'])}: {_short(one['before'])}")
        if one["after"] is not None:
            click.echo(f"+ {plain(one['field'])}: {_short(one['after'])}")
    if not told:
        click.echo("no difference", err=True)


def _short(value: Any) -> str:
    """A value in one line: text as it is, anything else as JSON; its beginning, when it is long."""
    text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}…"


def _state(asset: Json) -> str:
    draft = asset.get("has_draft") and asset["state"] == "published"
    return f"{asset['state']}, draft" if draft else str(asset["state"])


def _other(title: str, name: str) -> str:
    return "" if title == name else title


def _facts(asset: Json) -> Json:
    return {
        "name": asset["name"],
        "id": asset["id"],
        "project": asset["project"],
        "unit": asset["unit"],
        "classification": asset["classification"],
        "terms": ", ".join(asset["term_titles"].get(term, term) for term in asset["terms"]),
        "tags": ", ".join(f"{name}={value}" for name, value in asset["tags"].items()),
        "contacts": ", ".join(f"{c['name']} <{c['email']}>" if c["email"] else c["name"] for c in asset["contacts"]),
        "rows": asset["rows"],
        "format": asset["format"],
        "quality": asset["quality_score"],
        "data changed": asset["data_changed_at"],
    }


def _meaning(column: Json, titles: Json) -> str:
    terms = ", ".join(titles.get(term, term) for term in column["terms"])
    said = column["description"].replace("\n", " ")
    return f"{said} [{terms}]".strip() if terms else str(said)
