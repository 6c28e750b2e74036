"""Module types of the catalog.

`catalog-domain`: the tree of domain units, the glossary, metadata forms, and the rules that demand them.
`projects`: projects with their members, environments and data sources.
"""

from typing import Literal

from pydantic import Field

from pergamon.catalog import PROJECT_ROLES
from pergamon.deploy.documents.base import (
    CamelDocument,
    Declared,
    Desired,
    Label,
    ModuleType,
    ProjectName,
    RoleReference,
    Scope,
    principal_names,
    role_names,
)
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class UnitEntry(CamelDocument):
    """A domain unit: a part of the organization that has projects, and looks after them."""

    description: str = Field(default="", description="For the reader.")
    owners: list[str] = Field(
        default=[], description="Who looks after its projects and those below: `person:NAME` or `service:NAME`."
    )
    found_by: list[RoleReference] | None = Field(
        default=None,
        description="Roles that find what its projects publish. Left out: as the unit above; at the top, everyone.",
    )
    units: dict[ProjectName, "UnitEntry"] = Field(default={}, description="Unit name -> unit below it.")


class TermEntry(CamelDocument):
    """A term of the glossary."""

    title: str = Field(min_length=1, description="The term as people write it; no two are alike.")
    definition: str = Field(default="", description="What it means, in a sentence.")
    description: str = Field(default="", description="More about it.")
    state: Literal["draft", "approved"] = Field(
        default="approved", description="Only what is approved is seen by everyone and stands on assets."
    )
    is_a: list[str] = Field(default=[], description="Broader terms, by name; never in a circle.")
    has_a: list[str] = Field(default=[], description="Terms that are parts of it.")
    synonyms: list[str] = Field(default=[], description="Terms that mean the same.")
    related: list[str] = Field(default=[], description="Other terms worth a look.")


class GlossaryEntry(CamelDocument):
    """The terms of this domain. People add others at run time."""

    description: str = Field(default="", description="For the reader.")
    unit: str | None = Field(default=None, description="`domain-unit:NAME`: who owns it looks after these terms.")
    terms: dict[ProjectName, TermEntry] = Field(default={}, description="Term name -> term.")


class FieldEntry(CamelDocument):
    """A field of a form."""

    type: Literal["text", "number", "integer", "boolean", "date", "enum", "term", "url", "email"] = Field(
        description="What it holds; `term` is the name of an approved term of the glossary."
    )
    title: str | None = Field(default=None, description="What people read beside it.")
    description: str = Field(default="", description="What belongs in it.")
    required: bool = Field(default=False, description="Where the form is demanded, this must be filled in.")
    choices: list[str] = Field(default=[], description="Of an `enum`: what may be chosen.")
    minimum: float | int | None = Field(default=None, description="Of a number: the smallest.")
    maximum: float | int | None = Field(default=None, description="Of a number: the largest.")
    max_length: int | None = Field(default=None, description="Of a text: characters.")


class FormEntry(CamelDocument):
    """A metadata form: what else is said of an asset, in typed fields."""

    title: str | None = Field(default=None, description="What people read above it.")
    description: str = Field(default="", description="What it is for.")
    fields: dict[str, FieldEntry] = Field(min_length=1, description="Field name -> field.")


class EnforcementEntry(CamelDocument):
    """A rule: where which forms must be filled in."""

    description: str = Field(default="", description="For the reader.")
    when: Literal["publish", "request"] = Field(
        default="publish", description="Before an asset is published, or when it is requested."
    )
    forms: list[str] = Field(min_length=1, description="`metadata-form:NAME`.")
    units: list[str] = Field(default=[], description="Only in these and below: `domain-unit:NAME`.")
    projects: list[str] = Field(default=[], description="Only in these: `project:NAME`.")
    asset_kinds: list[Literal["table", "product"]] = Field(default=[], description="Only for these kinds of asset.")


class CatalogDomainDocument(CamelDocument):
    """A domain of the catalog."""

    domain: Label = Field(description="Its name; search calls it the node.")
    description: str = Field(default="", description="For the reader.")
    units: dict[ProjectName, UnitEntry] = Field(description="Unit name -> unit. A name is there once in all domains.")
    glossary: GlossaryEntry | None = Field(default=None, description="What words mean here.")
    metadata_forms: dict[ProjectName, FormEntry] = Field(default={}, description="Form name -> form.")
    enforcement_rules: dict[ProjectName, EnforcementEntry] = Field(default={}, description="Rule name -> rule.")


def domain_declares(document: CatalogDomainDocument) -> list[Declared]:
    """The domain, its units, its glossary, forms and rules."""
    return [
        Declared("catalog-domain", document.domain, ("domain",)),
        *_units_declared(document.units, ("units",)),
        *([Declared("glossary", document.domain, ("glossary",))] if document.glossary else []),
        *(Declared("metadata-form", name, ("metadataForms", name)) for name in document.metadata_forms),
        *(Declared("metadata-rule", name, ("enforcementRules", name)) for name in document.enforcement_rules),
    ]


def _units_declared(units: dict[str, UnitEntry], path: KeyPath) -> list[Declared]:
    return [
        declared
        for name, unit in units.items()
        for declared in (
            Declared("domain-unit", name, (*path, name)),
            *_units_declared(unit.units, (*path, name, "units")),
        )
    ]


def translate_domain(document: CatalogDomainDocument, scope: Scope) -> list[Desired]:
    """One resource for the tree, one for the glossary, one for each form and rule."""
    units = {name: _unit(unit, scope, ("units", name)) for name, unit in document.units.items()}
    tree: dict[str, Json] = {"description": document.description, "units": units}
    return [
        Desired("catalog-domain", document.domain, tree, ("units",)),
        *([_glossary(document.domain, document.glossary, scope)] if document.glossary else []),
        *(_form(name, form, scope) for name, form in document.metadata_forms.items()),
        *(_rule(name, rule, scope) for name, rule in document.enforcement_rules.items()),
    ]


def _unit(unit: UnitEntry, scope: Scope, path: KeyPath) -> Json:
    found_by = None if unit.found_by is None else role_names(unit.found_by, scope, (*path, "foundBy"))
    below = {name: _unit(each, scope, (*path, "units", name)) for name, each in unit.units.items()}
    return {
        "description": unit.description,
        "owners": [*principal_names(unit.owners, scope, (*path, "owners"))],
        "found_by": None if found_by is None else [*found_by],
        "units": below,
    }


def _glossary(domain: str, glossary: GlossaryEntry, scope: Scope) -> Desired:
    path: KeyPath = ("glossary",)
    unit = scope.resolve(glossary.unit, "domain-unit", (*path, "unit")) if glossary.unit else None
    terms: dict[str, Json] = {name: _term(term) for name, term in glossary.terms.items()}
    spec: dict[str, Json] = {"description": glossary.description, "unit": unit, "terms": terms}
    return Desired("glossary", domain, spec, path)


def _term(term: TermEntry) -> Json:
    given = {"is-a": term.is_a, "has-a": term.has_a, "synonym": term.synonyms, "related": term.related}
    relations: dict[str, Json] = {kind: [*names] for kind, names in given.items() if names}
    return {
        "title": term.title,
        "definition": term.definition,
        "description": term.description,
        "state": term.state,
        "relations": relations,
    }


def _form(name: str, form: FormEntry, scope: Scope) -> Desired:
    path: KeyPath = ("metadataForms", name)
    fields: dict[str, Json] = {field: {**entry.model_dump(mode="json")} for field, entry in form.fields.items()}
    spec: dict[str, Json] = {"title": form.title, "description": form.description, "fields": fields}
    return Desired("metadata-form", name, spec, path)


def _rule(name: str, rule: EnforcementEntry, scope: Scope) -> Desired:
    path: KeyPath = ("enforcementRules", name)

    def names(references: list[str], kind: str, key: str, *, first: bool = True) -> list[Json]:
        items = enumerate(references)
        return [scope.resolve(item, kind, (*path, key, index), first=first) for index, item in items]

    spec: dict[str, Json] = {
        "description": rule.description,
        "when": rule.when,
        "forms": names(rule.forms, "metadata-form", "forms"),
        "units": names(rule.units, "domain-unit", "units"),
        "projects": names(rule.projects, "project", "projects", first=False),
        "asset_kinds": [*rule.asset_kinds],
    }
    return Desired("metadata-rule", name, spec, path)


class MembersEntry(CamelDocument):
    """Members that the configuration names. A project's owners add others at run time; those stay."""

    owner: list[str] = Field(default=[], description="Manage it and publish: `person:NAME` or `service:NAME`.")
    contributor: list[str] = Field(default=[], description="Describe its assets.")
    consumer: list[str] = Field(default=[], description="Find everything in it.")
    steward: list[str] = Field(default=[], description="Describe, publish, and write terms.")


class EnvironmentEntry(CamelDocument):
    """A named set of databases that a project works with."""

    description: str = Field(default="", description="For the reader.")
    databases: list[str] = Field(default=[], description="`database:NAME`, or `database:DOMAIN/NAME`.")


class ConditionsEntry(CamelDocument):
    """What is demanded of whoever asks for an asset, and what everybody who is granted it gets at most."""

    approval: Literal["manual", "automatic"] = Field(
        default="manual", description="`automatic`: what is asked is granted at once."
    )
    approvals: int = Field(default=1, ge=1, le=5, description="How many different people must approve.")
    text: str = Field(default="", description="What the asker accepts.")
    purposes: list[str] = Field(default=[], description="The asker names one of these. None: any purpose.")
    longest_days: int | None = Field(default=None, ge=1, description="How long a grant lasts at most. None: no end.")
    renewable: bool = Field(default=True, description="Whether more time may be asked for before a grant ends.")
    masks: dict[str, str] = Field(default={}, description="Column -> mask, on every grant: `age-band(10)`.")
    rows: str = Field(default="", description="A filter on every grant: `site = attribute('site')`.")
    isolated: bool = Field(default=False, description="Queries run in two processes, the reader apart from the SQL.")
    own_masks: bool = Field(
        default=False, description="A grant's masks hold in its own rows, whatever the project's other grants say."
    )
    identifiers: list[str] = Field(
        default=[], description="Columns that identify a person: masks that lead back to the value are refused."
    )


class DataSourceEntry(CamelDocument):
    """Which tables become assets of the project, and when."""

    description: str = Field(default="", description="For the reader.")
    databases: list[str] = Field(min_length=1, description="`database:NAME`, or `database:DOMAIN/NAME`.")
    include: list[str] = Field(default=["*"], description="Names of tables; `*` for any characters, `?` for one.")
    exclude: list[str] = Field(default=[], description="Names of tables that are left out whatever `include` says.")
    schedule: str | None = Field(default=None, description="Five cron fields in UTC: when all of its tables are seen.")
    on_event: bool = Field(default=True, description="Also at once, when a table changes.")
    publish_automatically: bool = Field(
        default=False, description="What it finds is published, as far as the rules about forms allow."
    )
    conditions: ConditionsEntry = Field(
        default=ConditionsEntry(), description="What a new asset demands of whoever asks for it."
    )


class ProjectEntry(CamelDocument):
    """A project: people who offer and use data together."""

    description: str = Field(default="", description="For the reader.")
    unit: str = Field(description="Where it stands: `domain-unit:NAME`, or `domain-unit:DOMAIN/NAME`.")
    members: MembersEntry = Field(default=MembersEntry(), description="Who belongs to it, by role.")
    environments: dict[ProjectName, EnvironmentEntry] = Field(default={}, description="Name -> environment.")
    data_sources: dict[ProjectName, DataSourceEntry] = Field(default={}, description="Name -> data source.")


class ProjectsDocument(CamelDocument):
    """Projects."""

    projects: dict[ProjectName, ProjectEntry] = Field(description="Project name -> project.")


def projects_declare(document: ProjectsDocument) -> list[Declared]:
    """Projects and their data sources."""
    return [
        *(Declared("project", name, ("projects", name)) for name in document.projects),
        *(
            Declared("data-source", source, ("projects", name, "dataSources", source))
            for name, project in document.projects.items()
            for source in project.data_sources
        ),
    ]


def translate_projects(document: ProjectsDocument, scope: Scope) -> list[Desired]:
    """One resource for each project, and one for each data source."""
    return [
        *(_project(name, project, scope) for name, project in document.projects.items()),
        *(
            _data_source(name, source, entry, scope)
            for name, project in document.projects.items()
            for source, entry in project.data_sources.items()
        ),
    ]


def _project(name: str, project: ProjectEntry, scope: Scope) -> Desired:
    path: KeyPath = ("projects", name)
    members: dict[str, Json] = {
        role: [*principal_names(getattr(project.members, role), scope, (*path, "members", role))]
        for role in PROJECT_ROLES
    }
    environments: dict[str, Json] = {
        env: {
            "description": entry.description,
            "databases": _databases(entry.databases, scope, (*path, "environments", env, "databases")),
        }
        for env, entry in project.environments.items()
    }
    spec: dict[str, Json] = {
        "description": project.description,
        "unit": scope.resolve(project.unit, "domain-unit", (*path, "unit")),
        "members": members,
        "environments": environments,
    }
    return Desired("project", name, spec, path)


def _data_source(project: str, name: str, entry: DataSourceEntry, scope: Scope) -> Desired:
    path: KeyPath = ("projects", project, "dataSources", name)
    spec: dict[str, Json] = {
        "project": project,
        "description": entry.description,
        "databases": _databases(entry.databases, scope, (*path, "databases")),
        "include": [*entry.include],
        "exclude": [*entry.exclude],
        "schedule": entry.schedule,
        "on_event": entry.on_event,
        "publish_automatically": entry.publish_automatically,
        "conditions": entry.conditions.model_dump(mode="json"),
    }
    return Desired("data-source", name, spec, path)


def _databases(references: list[str], scope: Scope, path: KeyPath) -> list[Json]:
    return [scope.resolve(item, "database", (*path, index)) for index, item in enumerate(references)]


CATALOG_DOMAIN = ModuleType(
    "catalog-domain",
    "Domain units, the glossary, metadata forms and the rules that demand them.",
    CatalogDomainDocument,
    domain_declares,
    translate_domain,
)
PROJECTS = ModuleType(
    "projects", "Projects, their members and data sources.", ProjectsDocument, projects_declare, translate_projects
)
