"""The SQL of what assets stand in: domains, units, glossary, forms, rules, projects, data sources and their runs."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import DictRow
from psycopg.types.json import Json, Jsonb

from pergamon.catalog.forms import FormSpec, RuleSpec
from pergamon.catalog.model import Place, Strict
from pergamon.catalog.specs import DataSourceSpec, DomainSpec, ProjectSpec, TermSpec
from pergamon.catalog.tables import place_of
from pergamon.store import UnitOfWork, asked_once

SpecT = TypeVar("SpecT", bound=Strict)


def save_spec(uow: UnitOfWork, table: LiteralString, name: str, spec: Strict, tags: Mapping[str, str]) -> None:
    """A spec that has no columns of its own."""
    query = sql.SQL(
        "INSERT INTO {table} (name, spec, tags, changed_at) VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO UPDATE "
        "SET spec = excluded.spec, tags = excluded.tags, changed_at = excluded.changed_at"
    ).format(table=sql.Identifier(table))
    uow.execute(query, (name, Json(spec.model_dump(mode="json")), Jsonb(dict(tags)), uow.now))


def specs(uow: UnitOfWork, table: LiteralString, model: type[SpecT]) -> dict[str, SpecT]:
    query = sql.SQL("SELECT name, spec FROM {table} ORDER BY name").format(table=sql.Identifier(table))
    return {row["name"]: model.model_validate(row["spec"]) for row in uow.rows(query)}


def delete_spec(uow: UnitOfWork, table: LiteralString, name: str) -> bool:
    query = sql.SQL("DELETE FROM {table} WHERE name = %s").format(table=sql.Identifier(table))
    return uow.execute(query, (name,)) > 0


def domains(uow: UnitOfWork) -> dict[str, DomainSpec]:
    return specs(uow, "catalog_domain", DomainSpec)


def forms(uow: UnitOfWork) -> dict[str, FormSpec]:
    return specs(uow, "catalog_form", FormSpec)


def rules(uow: UnitOfWork) -> dict[str, RuleSpec]:
    return specs(uow, "catalog_rule", RuleSpec)


def units(uow: UnitOfWork, domain: str | None = None) -> list[DictRow]:
    return uow.rows("SELECT * FROM catalog_unit WHERE %s::text IS NULL OR domain = %s ORDER BY path", (domain, domain))


def unit(uow: UnitOfWork, name: str) -> DictRow | None:
    return uow.row("SELECT * FROM catalog_unit WHERE name = %s", (name,))


def delete_units(uow: UnitOfWork, names: Collection[str]) -> None:
    uow.execute("DELETE FROM catalog_unit WHERE name = ANY (%s)", (sorted(names),))


def save_unit(
    uow: UnitOfWork, name: str, domain: str, path: str, *, owner_roles: Collection[str], found_by: Collection[str]
) -> None:
    uow.execute(
        "INSERT INTO catalog_unit (name, domain, path, owner_roles, found_by) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET domain = excluded.domain, path = excluded.path, "
        "owner_roles = excluded.owner_roles, found_by = excluded.found_by",
        (name, domain, path, sorted(owner_roles), sorted(found_by)),
    )


def projects_in(uow: UnitOfWork, units: Collection[str]) -> list[str]:
    rows = uow.rows("SELECT name FROM catalog_project WHERE unit = ANY (%s) ORDER BY name", (sorted(units),))
    return [row["name"] for row in rows]


def save_project(uow: UnitOfWork, name: str, spec: ProjectSpec, tags: Mapping[str, str]) -> None:
    uow.execute(
        "INSERT INTO catalog_project (name, unit, spec, tags, changed_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET unit = excluded.unit, spec = excluded.spec, tags = excluded.tags, "
        "changed_at = excluded.changed_at",
        (name, spec.unit, Jsonb(spec.model_dump(mode="json")), Jsonb(dict(tags)), uow.now),
    )


def projects(uow: UnitOfWork) -> dict[str, ProjectSpec]:
    return specs(uow, "catalog_project", ProjectSpec)


def project(uow: UnitOfWork, name: str, *, lock: bool = False) -> tuple[ProjectSpec, Place] | None:
    """A project's spec and place."""
    query: LiteralString = (
        "SELECT p.spec, u.path AS unit_path, u.domain, u.found_by, u.owner_roles FROM catalog_project p "
        "LEFT JOIN catalog_unit u ON u.name = p.unit WHERE p.name = %s"
    )
    row = uow.row(query + " FOR UPDATE OF p" if lock else query, (name,))
    return (ProjectSpec.model_validate(row["spec"]), place_of(row, name)) if row else None


@asked_once
def places(uow: UnitOfWork) -> list[Place]:
    """Every project's place, by name."""
    rows = uow.rows(
        "SELECT p.name, u.path AS unit_path, u.domain, u.found_by, u.owner_roles FROM catalog_project p "
        "LEFT JOIN catalog_unit u ON u.name = p.unit ORDER BY p.name"
    )
    return [place_of(row, row["name"]) for row in rows]


def delete_project(uow: UnitOfWork, name: str) -> bool:
    uow.execute("DELETE FROM catalog_member WHERE project = %s", (name,))
    return uow.execute("DELETE FROM catalog_project WHERE name = %s", (name,)) > 0


def members(uow: UnitOfWork, project: str) -> list[DictRow]:
    return uow.rows(
        "SELECT role, principal_id, origin, added_by, added_at FROM catalog_member WHERE project = %s "
        "ORDER BY role, principal_id, origin",
        (project,),
    )


def replace_configured_members(uow: UnitOfWork, project: str, members: Collection[tuple[str, str]]) -> None:
    """(role, principal) as the configuration says; those that people added stay."""
    uow.execute("DELETE FROM catalog_member WHERE project = %s AND origin = 'configuration'", (project,))
    for role, principal in sorted(members):
        add_member(uow, project, role, principal, "configuration")


def add_member(uow: UnitOfWork, project: str, role: str, principal: str, origin: str) -> bool:
    return (
        uow.execute(
            "INSERT INTO catalog_member (project, role, principal_id, origin, added_by, added_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (project, role, principal, origin, uow.actor.id, uow.now),
        )
        > 0
    )


def remove_member(uow: UnitOfWork, project: str, role: str, principal: str) -> None:
    """Only one that people added."""
    uow.execute(
        "DELETE FROM catalog_member WHERE project = %s AND role = %s AND principal_id = %s AND origin = 'project'",
        (project, role, principal),
    )


def save_data_source(uow: UnitOfWork, name: str, spec: DataSourceSpec, tags: Mapping[str, str]) -> None:
    uow.execute(
        "INSERT INTO catalog_data_source (name, project, databases, on_event, spec, tags, changed_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET project = excluded.project, "
        "databases = excluded.databases, on_event = excluded.on_event, spec = excluded.spec, tags = excluded.tags, "
        "changed_at = excluded.changed_at",
        (
            name,
            spec.project,
            list(spec.databases),
            spec.on_event,
            Jsonb(spec.model_dump(mode="json")),
            Jsonb(dict(tags)),
            uow.now,
        ),
    )


def data_sources(uow: UnitOfWork) -> dict[str, DataSourceSpec]:
    return specs(uow, "catalog_data_source", DataSourceSpec)


def data_source(uow: UnitOfWork, name: str) -> DataSourceSpec | None:
    row = uow.row("SELECT spec FROM catalog_data_source WHERE name = %s", (name,))
    return DataSourceSpec.model_validate(row["spec"]) if row else None


def data_source_rows(uow: UnitOfWork) -> list[DictRow]:
    return uow.rows("SELECT name, spec, changed_at FROM catalog_data_source ORDER BY name")


def sources_of_database(uow: UnitOfWork, database: str) -> dict[str, DataSourceSpec]:
    """The data sources that follow changes of a database's tables, by name."""
    rows = uow.rows(
        "SELECT name, spec FROM catalog_data_source WHERE databases @> ARRAY[%s::text] AND on_event ORDER BY name",
        (database,),
    )
    return {row["name"]: DataSourceSpec.model_validate(row["spec"]) for row in rows}


def sources_of_project(uow: UnitOfWork, project: str) -> list[str]:
    rows = uow.rows("SELECT name FROM catalog_data_source WHERE project = %s ORDER BY name", (project,))
    return [row["name"] for row in rows]


# terms


def terms(uow: UnitOfWork, names: Collection[str] | None = None) -> list[DictRow]:
    """Terms by name; all of them without names."""
    wanted = None if names is None else sorted(names)
    return uow.rows(
        "SELECT * FROM catalog_term WHERE %s::text[] IS NULL OR name = ANY (%s) ORDER BY name", (wanted, wanted)
    )


def term(uow: UnitOfWork, name: str) -> DictRow | None:
    return uow.row("SELECT * FROM catalog_term WHERE name = %s", (name,))


def save_term(
    uow: UnitOfWork, name: str, spec: TermSpec, *, glossary: str | None, unit: str | None, version: int
) -> None:
    content = spec.model_dump(mode="json", include={"definition", "description", "relations"})
    uow.execute(
        "INSERT INTO catalog_term (name, glossary, unit, title, content, state, version, changed_at, changed_by) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET glossary = excluded.glossary, "
        "unit = excluded.unit, title = excluded.title, content = excluded.content, state = excluded.state, "
        "version = excluded.version, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (name, glossary, unit, spec.title, Jsonb(content), spec.state, version, uow.now, uow.actor.id),
    )


def lock_glossary(uow: UnitOfWork) -> None:
    """One writer of terms at a time: how terms stand to each other is checked over all of them."""
    uow.execute("SELECT pg_advisory_xact_lock(hashtextextended('pergamon.catalog.glossary', 0))")


def clear_titles(uow: UnitOfWork, names: Collection[str]) -> None:
    """Put something else in the titles' place for a moment, so that they can be given anew."""
    uow.execute("UPDATE catalog_term SET title = E'\\x01' || name WHERE name = ANY (%s)", (sorted(names),))


def delete_terms(uow: UnitOfWork, names: Collection[str]) -> None:
    uow.execute("DELETE FROM catalog_term WHERE name = ANY (%s)", (sorted(names),))


# runs of data sources


def insert_run(uow: UnitOfWork, run_id: str, source: str) -> None:
    uow.execute(
        "INSERT INTO catalog_source_run (id, data_source, started_at, started_by, state) "
        "VALUES (%s, %s, %s, %s, 'running')",
        (run_id, source, uow.now, uow.actor.id),
    )


def run(uow: UnitOfWork, run_id: str) -> DictRow:
    """A run that is known to be there."""
    row = uow.row("SELECT * FROM catalog_source_run WHERE id = %s", (run_id,))
    if row is None:
        raise RuntimeError("a run that was begun is not there")
    return row


def newest_runs(uow: UnitOfWork, sources: Collection[str], each: int) -> list[DictRow]:
    """The newest runs of each of these data sources, so many of each, newest first."""
    return uow.rows(
        "SELECT r.* FROM unnest(%s::text[]) AS wanted (name) CROSS JOIN LATERAL (SELECT * FROM catalog_source_run "
        "WHERE data_source = wanted.name ORDER BY id DESC LIMIT %s) r ORDER BY r.id DESC",
        (sorted(sources), each),
    )


def runs(uow: UnitOfWork, source: str, before: str | None, limit: int) -> list[DictRow]:
    """Newest first: a run's id sorts by its beginning."""
    return uow.rows(
        "SELECT * FROM catalog_source_run WHERE data_source = %s AND (%s::text IS NULL OR id < %s) "
        "ORDER BY id DESC LIMIT %s",
        (source, before, before, limit),
    )


def end_run(
    uow: UnitOfWork, run_id: str, state: str, counts: Mapping[str, int], faults: Collection[Mapping[str, str]]
) -> None:
    """Only of a run that still runs: one that was abandoned stays so."""
    uow.execute(
        "UPDATE catalog_source_run SET state = %s, counts = %s, faults = %s, ended_at = %s "
        "WHERE id = %s AND state = 'running'",
        (state, Jsonb(dict(counts)), Jsonb([dict(fault) for fault in faults]), uow.now, run_id),
    )


def abandon_runs(uow: UnitOfWork, source: str) -> None:
    """A run that is still running when the next one begins was cut off."""
    uow.execute(
        "UPDATE catalog_source_run SET state = 'abandoned', ended_at = %s WHERE data_source = %s AND state = 'running'",
        (uow.now, source),
    )


def abandon_runs_of(uow: UnitOfWork, actor: str) -> None:
    uow.execute(
        "UPDATE catalog_source_run SET state = 'abandoned', ended_at = %s WHERE started_by = %s AND state = 'running'",
        (uow.now, actor),
    )


def lock_data_source(uow: UnitOfWork, name: str) -> DataSourceSpec | None:
    row = uow.row("SELECT spec FROM catalog_data_source WHERE name = %s FOR UPDATE", (name,))
    return DataSourceSpec.model_validate(row["spec"]) if row else None


def last_starts(uow: UnitOfWork) -> dict[str, datetime]:
    """When each data source's newest run began; those that were cut off do not count."""
    rows = uow.rows(
        "SELECT s.name AS data_source, r.started_at AS at FROM catalog_data_source s CROSS JOIN LATERAL ("
        "SELECT started_at FROM catalog_source_run WHERE data_source = s.name AND state <> 'abandoned' "
        "ORDER BY id DESC LIMIT 1) r"
    )
    return {row["data_source"]: row["at"] for row in rows}
