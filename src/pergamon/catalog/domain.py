"""Domains and their units, metadata forms and rules, as deployed. A change of the tree tells every asset it touches."""

from collections.abc import Mapping
from typing import Any

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.events import DomainChanged, FormChanged, RuleChanged
from pergamon.catalog.forms import FormSpec, RuleSpec
from pergamon.catalog.model import InUse, NameTaken, UnknownForm
from pergamon.catalog.rights import OWNER, unit_team
from pergamon.catalog.specs import DomainSpec, units_of
from pergamon.identity import EVERYONE, drop_team, put_team, team_role
from pergamon.store import UnitOfWork


def put_domain(uow: UnitOfWork, name: str, spec: DomainSpec, tags: Mapping[str, str]) -> None:
    """Make a domain's tree of units exactly this one. What stands in a unit that goes, its project's members find.

    Raises:
        NameTaken: another domain has a unit of this name.
        NotFound: an owner is no active principal.
    """
    before = {row["name"]: row for row in tables_of_places.units(uow, name)}
    wanted = {path.rpartition("/")[2]: (path, unit) for path, unit in units_of(spec)}
    tables_of_places.save_spec(uow, "catalog_domain", name, spec, tags)
    for unit in before:
        if unit not in wanted:
            drop_team(uow, unit_team(unit))
    tables_of_places.delete_units(uow, before)
    for unit, (path, unit_spec) in wanted.items():
        taken = tables_of_places.unit(uow, unit)
        if taken is not None:
            raise NameTaken(f"the unit {unit} is there in the domain {taken['domain']}", hint="give it another name")
        chain = [wanted[part][1] for part in path.split("/")]
        owners = [team_role(unit_team(part), OWNER) for part in path.split("/")]
        said = [above.found_by for above in chain if above.found_by is not None]
        put_team(uow, unit_team(unit), {OWNER: unit_spec.owners})
        found_by = said[-1] if said else (EVERYONE,)
        tables_of_places.save_unit(uow, unit, name, path, owner_roles=owners, found_by=found_by)
    _tell_changed(uow, name, before)
    uow.record(DomainChanged(subject=f"catalog-domain:{name}", units=sorted(wanted), removed=False))


def read_domains(uow: UnitOfWork) -> dict[str, DomainSpec]:
    """Every domain as deployed."""
    return tables_of_places.domains(uow)


def list_units(uow: UnitOfWork) -> list[dict[str, Any]]:
    """The tree of units by path, as JSON: what everyone may know of the organization."""
    found = tables_of_places.units(uow)
    said = {path: unit for domain in tables_of_places.domains(uow).values() for path, unit in units_of(domain)}
    return [
        {
            "name": row["name"],
            "path": row["path"],
            "domain": row["domain"],
            "description": said[row["path"]].description if row["path"] in said else "",
        }
        for row in found
    ]


def drop_domain(uow: UnitOfWork, name: str) -> None:
    """Remove a domain with its units. What stood in them, only its project's members find from now on."""
    before = {row["name"]: row for row in tables_of_places.units(uow, name)}
    for unit in before:
        drop_team(uow, unit_team(unit))
    tables_of_places.delete_units(uow, before)
    tables_of_places.delete_spec(uow, "catalog_domain", name)
    _tell_changed(uow, name, before)
    uow.record(DomainChanged(subject=f"catalog-domain:{name}", units=sorted(before), removed=True))


def _tell_changed(uow: UnitOfWork, name: str, before: Mapping[str, object]) -> None:
    """Only assets whose path, or whose finders, are others than before."""
    after = {row["name"]: row for row in tables_of_places.units(uow, name)}
    changed = {unit for unit in {*before, *after} if before.get(unit) != after.get(unit)}
    tables.tell_of_projects(uow, tables_of_places.projects_in(uow, changed))


def put_form(uow: UnitOfWork, name: str, spec: FormSpec, tags: Mapping[str, str]) -> None:
    """Make or change a metadata form. What was filled in stays; it is looked at again when an asset is published."""
    tables_of_places.save_spec(uow, "catalog_form", name, spec, tags)
    uow.record(FormChanged(subject=f"metadata-form:{name}", fields=sorted(spec.fields), removed=False))


def read_forms(uow: UnitOfWork) -> dict[str, FormSpec]:
    """Every metadata form, by name."""
    return tables_of_places.forms(uow)


def drop_form(uow: UnitOfWork, name: str) -> None:
    """Remove a form. What was filled in stays in the versions that have it.

    Raises:
        InUse: a rule demands it.
    """
    users = sorted(rule for rule, spec in tables_of_places.rules(uow).items() if name in spec.forms)
    if users:
        raise InUse(f"the form {name} is demanded by {', '.join(users)}", hint="change the rules first")
    tables_of_places.delete_spec(uow, "catalog_form", name)
    uow.record(FormChanged(subject=f"metadata-form:{name}", fields=[], removed=True))


def put_rule(uow: UnitOfWork, name: str, spec: RuleSpec, tags: Mapping[str, str]) -> None:
    """Make or change a rule. It holds from the next publication on; what is listed stays listed.

    Raises:
        UnknownForm: it demands a form that there is not.
    """
    unknown = sorted(set(spec.forms) - set(tables_of_places.forms(uow)))
    if unknown:
        raise UnknownForm(f"the rule {name} demands forms that there are not: {', '.join(unknown)}")
    tables_of_places.save_spec(uow, "catalog_rule", name, spec, tags)
    told = RuleChanged(subject=f"metadata-rule:{name}", forms=sorted(spec.forms), when=spec.when, removed=False)
    uow.record(told)


def read_rules(uow: UnitOfWork) -> dict[str, RuleSpec]:
    """Every rule, by name."""
    return tables_of_places.rules(uow)


def drop_rule(uow: UnitOfWork, name: str) -> None:
    """Remove a rule."""
    tables_of_places.delete_spec(uow, "catalog_rule", name)
    uow.record(RuleChanged(subject=f"metadata-rule:{name}", forms=[], when="", removed=True))
