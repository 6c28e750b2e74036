"""The glossary: what words mean here, and how they stand to each other. From the configuration, and from people.

People write drafts; the owners of the unit approve them. Terms of the configuration only the configuration changes.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from psycopg.rows import DictRow

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on, is_slug, require_or_hide
from pergamon.catalog.content import listed
from pergamon.catalog.events import GlossaryChanged, TermChanged
from pergamon.catalog.model import BadDomain, InUse, NameTaken, UnknownTerm, UnknownUnit, VersionMovedOn
from pergamon.catalog.rights import NOT_A_NAME, OWNER, STEWARD, asset_resource, project_roles
from pergamon.catalog.specs import GlossarySpec, TermSpec
from pergamon.identity import EVERYONE, actions_of_roles
from pergamon.kernel import AccessDenied, Conflict
from pergamon.policy import Action, Resource, visible
from pergamon.store import UnitOfWork

APPROVED, DRAFT = "approved", "draft"
A_HIDDEN_DRAFT = "a draft that you may not see"
MOST_ASSETS_TOLD = 100
_Writers = Mapping[str, tuple[frozenset[str], frozenset[str]]]
INVERSE = {"is-a": "broader-of", "has-a": "part-of", "synonym": "synonym", "related": "related"}
"""How a relation reads from its other end."""


class TermOfConfiguration(Conflict):
    """Only the configuration changes this term."""

    code = "catalog.term_of_configuration"


@dataclass(frozen=True)
class Term:
    """A term as it is kept. glossary: of the configuration; None: people wrote it."""

    name: str
    spec: TermSpec
    glossary: str | None
    unit: str | None
    version: int

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.spec.title,
            "definition": self.spec.definition,
            "description": self.spec.description,
            "state": self.spec.state,
            "relations": {kind: list(names) for kind, names in self.spec.relations.items()},
            "glossary": self.glossary,
            "unit": self.unit,
            "version": self.version,
        }


@dataclass(frozen=True)
class TermView:
    """A term, which terms speak of it, and assets that carry it."""

    term: Term
    incoming: Mapping[str, tuple[str, ...]]
    assets: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return self.term.as_json() | {
            "incoming": {kind: list(names) for kind, names in self.incoming.items()},
            "assets": [{"id": asset_id, "name": name} for asset_id, name in self.assets],
        }


def circle(is_a: Mapping[str, Iterable[str]]) -> list[str]:
    """A way from a term back to itself by `is-a`, or nothing. Pure; linear in terms and relations."""
    done: set[str] = set()
    for start in is_a:
        way: list[str] = []
        on_way: set[str] = set()
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                way.pop()
                on_way.discard(name)
                done.add(name)
            elif name in on_way:
                return [*way[way.index(name) :], name]
            elif name not in done:
                way.append(name)
                on_way.add(name)
                waiting.append((name, True))
                waiting += [(above, False) for above in is_a.get(name, ())]
    return []


def faults_of(terms: Mapping[str, TermSpec], called: Callable[[str], str] = str) -> list[str]:
    """What is wrong with how terms stand to each other: unknown names, titles twice, a circle of `is-a`. Pure.

    called: what a term is called to whoever reads the faults.
    """
    faults = [
        f"{called(name)} is {kind} {target}, which is not there"
        for name, spec in terms.items()
        for kind, targets in spec.relations.items()
        for target in targets
        if target not in terms
    ]
    faults += [f"{called(name)} stands to itself" for name, spec in terms.items() if name in _targets(spec)]
    first: dict[str, str] = {}
    for name, spec in terms.items():
        other = first.setdefault(spec.title.casefold(), name)
        if other != name:
            faults.append(f"{called(name)} has the title of {called(other)}")
    round_trip = circle({name: spec.relations.get("is-a", ()) for name, spec in terms.items()})
    return faults + ([f"is-a goes in a circle: {' → '.join(map(called, round_trip))}"] if round_trip else [])


def _targets(spec: TermSpec) -> set[str]:
    return {target for targets in spec.relations.values() for target in targets}


def _told(term: Term, seen: Set[str]) -> Term:
    """A term as somebody sees it who sees these: a draft that is not theirs is not named as a relation either."""
    if term.spec.relations and not _targets(term.spec) <= seen:
        told = {kind: tuple(name for name in names if name in seen) for kind, names in term.spec.relations.items()}
        kept = {kind: names for kind, names in told.items() if names}
        return replace(term, spec=term.spec.model_copy(update={"relations": kept}))
    return term


def _with_hidden(spec: TermSpec, before: TermSpec, hidden: Set[str]) -> dict[str, tuple[str, ...]]:
    """The relations that were written, and those before whose writer could not see that they are there."""
    stay = {kind: [name for name in names if name in hidden] for kind, names in before.relations.items()}
    kinds = [*spec.relations, *(kind for kind in stay if kind not in spec.relations and stay[kind])]
    return {kind: tuple(dict.fromkeys([*spec.relations.get(kind, ()), *stay.get(kind, ())])) for kind in kinds}


def _leading_to(name: str, terms: Mapping[str, TermSpec]) -> set[str]:
    """The terms whose assets are also found by the words of this one: itself, and what is it, or a synonym of it."""
    above: dict[str, list[str]] = {}
    for other, spec in terms.items():
        for target in (*spec.relations.get("is-a", ()), *spec.relations.get("synonym", ())):
            above.setdefault(target, []).append(other)
    found, waiting = {name}, [name]
    while waiting:
        news = [other for other in above.get(waiting.pop(), ()) if other not in found]
        found.update(news)
        waiting += news
    return found


# as deployed


def put_glossary(uow: UnitOfWork, name: str, spec: GlossarySpec, tags: Mapping[str, str]) -> None:
    """Make a glossary's terms exactly these. Terms that people wrote, and other glossaries', stay.

    Raises:
        UnknownUnit: there is no such unit.
        NameTaken: a term is there already, in another glossary or by a person.
        InUse: a term goes that stands on assets.
        BadDomain: unknown relations, titles twice, a circle.
    """
    tables_of_places.lock_glossary(uow)
    if spec.unit is not None and tables_of_places.unit(uow, spec.unit) is None:
        raise UnknownUnit(f"the glossary {name} belongs to the unit {spec.unit}, which is not there")
    there = _all_terms(uow)
    taken = sorted(term for term in spec.terms if term in there and there[term].glossary != name)
    if taken:
        hint = "remove it there, or give it another name"
        raise NameTaken(f"the glossary {name} has terms that are there already: {listed(taken)}", hint=hint)
    before = {term: found for term, found in there.items() if found.glossary == name}
    gone = set(before) - set(spec.terms)
    _require_unused(uow, gone)
    others = {term: found.spec for term, found in there.items() if found.glossary != name}
    _require_sound(others | spec.terms)
    tables_of_places.delete_terms(uow, gone)
    changed = {
        term for term, told in spec.terms.items() if term not in before or _differs(before[term], told, spec.unit)
    }
    _make_room_for_titles(uow, changed & set(before))
    for term in sorted(changed):
        version = before[term].version + 1 if term in before else 1
        tables_of_places.save_term(uow, term, spec.terms[term], glossary=name, unit=spec.unit, version=version)
    tables_of_places.save_spec(uow, "catalog_glossary", name, spec, tags)
    tables.tell_of_terms(uow, changed)
    uow.record(GlossaryChanged(subject=f"glossary:{name}", terms=len(spec.terms), removed=False))


def read_glossaries(uow: UnitOfWork) -> dict[str, GlossarySpec]:
    """Every glossary of the configuration."""
    return tables_of_places.specs(uow, "catalog_glossary", GlossarySpec)


def drop_glossary(uow: UnitOfWork, name: str) -> None:
    """Remove a glossary with its terms.

    Raises:
        InUse: a term stands on assets, or others speak of it.
    """
    tables_of_places.lock_glossary(uow)
    there = _all_terms(uow)
    mine = {term for term, found in there.items() if found.glossary == name}
    _require_unused(uow, mine)
    _require_sound({term: found.spec for term, found in there.items() if term not in mine})
    tables_of_places.delete_terms(uow, mine)
    tables_of_places.delete_spec(uow, "catalog_glossary", name)
    uow.record(GlossaryChanged(subject=f"glossary:{name}", terms=0, removed=True))


# by people


def list_terms(uow: UnitOfWork, *, after: str = "", limit: int = 100) -> list[Term]:
    """The terms that the actor may see, by name: what is approved, and drafts of units that the actor writes for."""
    terms = _all_terms(uow)
    seen = _seen(uow, terms)
    known = set(seen)
    return [_told(terms[name], known) for name in [name for name in seen if name > after][:limit]]


def read_term(uow: UnitOfWork, name: str) -> TermView:
    """One term, with the terms that speak of it and up to 100 assets that carry it and the actor may find.

    Raises:
        UnknownTerm: there is none, or it is a draft that is not the actor's to see.
    """
    terms = _all_terms(uow)
    term = _visible_term(uow, terms.get(name), name)
    seen = _seen(uow, terms)
    incoming: dict[str, list[str]] = {}
    for other in terms.values():
        for kind, targets in other.spec.relations.items():
            if name in targets and other.name in seen:
                incoming.setdefault(INVERSE[kind], []).append(other.name)
    told = {kind: tuple(names) for kind, names in sorted(incoming.items())}
    return TermView(_told(term, set(seen)), told, _assets_shown(uow, name))


def terms_seen(uow: UnitOfWork, names: Set[str]) -> dict[str, Term]:
    """Those of these terms that the actor may see, by name. Cost: one query, as long as all of them are approved."""
    terms = {row["name"]: _term(row) for row in (tables_of_places.terms(uow, names) if names else ())}
    has_drafts = any(term.spec.state == DRAFT for term in terms.values())
    seen = _seen(uow, terms, None if has_drafts else {})
    return {name: terms[name] for name in seen}


def suggest_term(uow: UnitOfWork, name: str, spec: TermSpec, *, unit: str) -> Term:
    """Write a new term as a draft; whoever may approve it may do so afterwards.

    Raises:
        UnknownUnit: there is no such unit.
        AccessDenied: the actor is no owner or steward of a project in it, and does not own it.
        NameTaken: there is a term of this name or title. BadDomain: see `faults_of`.
    """
    if not is_slug(unit) or tables_of_places.unit(uow, unit) is None:
        raise UnknownUnit("there is no such unit")
    if not is_slug(name):
        raise BadDomain("a term's name is up to 63 lower-case letters, digits and -, a letter first")
    draft = Term(name, spec.model_copy(update={"state": DRAFT}), None, unit, 1)
    _require_writer(uow, draft)
    tables_of_places.lock_glossary(uow)
    terms = _all_terms(uow)
    if name in terms:
        raise NameTaken(f"there is a term {name}")
    _save(uow, draft, terms, "suggested")
    return draft


def edit_term(uow: UnitOfWork, name: str, spec: TermSpec, *, expected_version: int) -> Term:
    """Write a term anew. One that is approved is seen by everyone at once, so only who may approve it writes it.

    Raises:
        UnknownTerm, TermOfConfiguration: see `approve_term`.
        AccessDenied: the actor does not write terms of this unit, or the term is approved and not theirs to approve.
        VersionMovedOn: it is not at `expected_version` any more.
        BadDomain: see `faults_of`.
    """
    term = _term_to_change(uow, name)
    _require_writer(uow, term)
    _require_approver_of_approved(uow, term)
    if term.version != expected_version:
        raise VersionMovedOn(f"the term is at version {term.version}, not {expected_version} any more")
    terms = _all_terms(uow)
    relations = _with_hidden(spec, term.spec, set(terms).difference(_seen(uow, terms)))
    update = {"state": term.spec.state, "relations": relations}
    changed = Term(name, spec.model_copy(update=update), None, term.unit, term.version + 1)
    _save(uow, changed, terms, "written")
    return changed


def approve_term(uow: UnitOfWork, name: str, *, expected_version: int | None = None) -> Term:
    """Make a draft a term that everyone sees and assets may carry.

    Raises:
        UnknownTerm, TermOfConfiguration, VersionMovedOn: see `edit_term`.
        AccessDenied: the actor does not own the unit.
    """
    term = _term_to_change(uow, name)
    decision = decide_on(uow, Action.ASSET_PUBLISH, _resource(term, _writers_by_unit(uow)))
    if not decision.allowed:
        raise AccessDenied("approving a term is for the owners of its unit", decision=decision)
    if expected_version is not None and term.version != expected_version:
        raise VersionMovedOn(f"the term is at version {term.version}, not {expected_version} any more")
    if term.spec.state == APPROVED:
        return term
    approved = Term(name, term.spec.model_copy(update={"state": APPROVED}), None, term.unit, term.version + 1)
    _save(uow, approved, _all_terms(uow), "approved")
    return approved


def remove_term(uow: UnitOfWork, name: str) -> None:
    """Remove a term that people wrote: a draft by who may write it, an approved one by who may approve it.

    Raises:
        UnknownTerm, AccessDenied, TermOfConfiguration: see `edit_term`.
        InUse: it stands on assets, or other terms speak of it.
    """
    term = _term_to_change(uow, name)
    _require_writer(uow, term)
    _require_approver_of_approved(uow, term)
    if tables.terms_in_use(uow, {name}):
        found = listed([asset for _, asset in _assets_shown(uow, name)]) or "that you may not find"
        raise InUse(f"the term stands on assets: {found}", hint="take it off the assets first")
    terms = _all_terms(uow)
    speaking = {other.name for other in terms.values() if name in _targets(other.spec)}
    if speaking:
        seen = sorted(speaking.intersection(_seen(uow, terms)))
        told = [listed(seen)] * bool(seen) + [A_HIDDEN_DRAFT] * (speaking != set(seen))
        raise InUse(f"other terms speak of it: {', '.join(told)}", hint="change them first")
    tables_of_places.delete_terms(uow, {name})
    uow.record(TermChanged(subject=f"term:{name}", act="removed", version=term.version))


def _save(uow: UnitOfWork, term: Term, terms: Mapping[str, Term], act: str) -> None:
    seen = {term.name, *_seen(uow, terms)}
    before = _targets(terms[term.name].spec) if term.name in terms else set()
    there = seen | before  # what stands there already may stay, whoever may see it
    unknown = sorted(_targets(term.spec) & set(terms) - there)
    if unknown:  # as `faults_of` says it of a term that is not there
        kind = next(kind for kind, targets in term.spec.relations.items() if unknown[0] in targets)
        raise BadDomain(f"{term.name} is {kind} {unknown[0]}, which is not there")
    changed = {name: found.spec for name, found in terms.items()} | {term.name: term.spec}
    _require_sound(changed, lambda name: name if name in seen else A_HIDDEN_DRAFT)
    tables_of_places.save_term(uow, term.name, term.spec, glossary=None, unit=term.unit, version=term.version)
    tables.tell_of_terms(uow, _leading_to(term.name, changed))
    uow.record(TermChanged(subject=f"term:{term.name}", act=act, version=term.version))


def _term_to_change(uow: UnitOfWork, name: str) -> Term:
    tables_of_places.lock_glossary(uow)
    row = tables_of_places.term(uow, name) if is_slug(name) else None
    term = _visible_term(uow, _term(row) if row else None, name)
    if term.glossary is not None:
        hint = "change it there, then deploy"
        raise TermOfConfiguration(f"the term {name} stands in the glossary {term.glossary}", hint=hint)
    return term


def _visible_term(uow: UnitOfWork, term: Term | None, name: str) -> Term:
    told = name if is_slug(name) else NOT_A_NAME
    resource = _resource(term, _writers_by_unit(uow)) if term else Resource("term", told)
    hidden = UnknownTerm("there is no such term", hint="`pergamon glossary ls` lists the terms")
    require_or_hide(uow, Action.ASSET_FIND, resource, hidden, exists=term is not None)
    if term is None:
        raise hidden
    return term


def _require_writer(uow: UnitOfWork, term: Term) -> None:
    decision = decide_on(uow, Action.ASSET_CURATE, _resource(term, _writers_by_unit(uow)))
    if not decision.allowed:
        told = "terms are written by owners and stewards of the unit's projects, and by its owners"
        raise AccessDenied(told, decision=decision)


def _require_approver_of_approved(uow: UnitOfWork, term: Term) -> None:
    decision = decide_on(uow, Action.ASSET_PUBLISH, _resource(term, _writers_by_unit(uow)))
    if term.spec.state == APPROVED and not decision.allowed:
        raise AccessDenied("an approved term is for the owners of its unit to change", decision=decision)


def _writers_by_unit(uow: UnitOfWork) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each unit: who writes its terms (owners and stewards of projects in it or below), and who owns it."""
    units = {row["path"]: row for row in tables_of_places.units(uow)}
    writers: dict[str, set[str]] = {path: set() for path in units}
    for place in tables_of_places.places(uow):
        parts = place.unit.split("/") if place.unit else []
        for end in range(1, len(parts) + 1):
            writers["/".join(parts[:end])] |= project_roles(place.project, OWNER, STEWARD)
    return {
        row["name"]: (frozenset(writers[path]) | frozenset(row["owner_roles"]), frozenset(row["owner_roles"]))
        for path, row in units.items()
    }


def _resource(term: Term, writers: _Writers) -> Resource:
    """A term as the policy sees it; one without a unit is the catalog managers' alone."""
    writing, owning = writers.get(term.unit or "", (frozenset(), frozenset()))
    readers = writing | ({EVERYONE} if term.spec.state == APPROVED else frozenset())
    return Resource("term", term.name, readers=readers, writers=writing, supers=owning)


def _all_terms(uow: UnitOfWork) -> dict[str, Term]:
    return {row["name"]: _term(row) for row in tables_of_places.terms(uow)}


def _term(row: DictRow) -> Term:
    spec = TermSpec.model_validate(row["content"] | {"title": row["title"], "state": row["state"]})
    return Term(row["name"], spec, row["glossary"], row["unit"], row["version"])


def _differs(term: Term, spec: TermSpec, unit: str | None) -> bool:
    return term.spec != spec or term.unit != unit


def _seen(uow: UnitOfWork, terms: Mapping[str, Term], writers: _Writers | None = None) -> list[str]:
    """The names of those terms that the actor may see, in their order. writers: of drafts; else they are looked up."""
    held = actions_of_roles(uow, uow.actor.roles)
    writers = _writers_by_unit(uow) if writers is None else writers
    resources = [_resource(term, writers) for term in terms.values()]
    return [found.id for found in visible(uow.actor, Action.ASSET_FIND, resources, actions=held)]


def _require_sound(terms: Mapping[str, TermSpec], called: Callable[[str], str] = str) -> None:
    faults = faults_of(terms, called)
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise BadDomain("; ".join(faults[:10]) + more)


def _require_unused(uow: UnitOfWork, names: Iterable[str]) -> None:
    used = tables.terms_in_use(uow, set(names))
    if used:
        told = ", ".join(f"{name} on {count}" for name, count in list(used.items())[:10])
        raise InUse(f"terms stand on assets: {told}", hint="take them off the assets first")


def _make_room_for_titles(uow: UnitOfWork, names: Iterable[str]) -> None:
    """Terms may exchange their titles within one change."""
    tables_of_places.clear_titles(uow, set(names))


def _assets_shown(uow: UnitOfWork, term: str) -> tuple[tuple[str, str], ...]:
    """Assets whose shown version carries the term and which the actor may find."""
    from_index = tables.assets_with_term(uow, term, MOST_ASSETS_TOLD * 10)
    shown = {
        asset.id: asset for asset, version in tables.shown_assets(uow, from_index) if term in version.content.all_terms
    }
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [asset_resource(asset) for asset in shown.values()]
    found = visible(uow.actor, Action.ASSET_FIND, resources, actions=held)
    return tuple((resource.id, shown[resource.id].name) for resource in found[:MOST_ASSETS_TOLD])
