"""What the source's administrator has to run, and what the endpoint test says of a source. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pergamon.replicate.mapping_rules import MappingRules
from pergamon.replicate.model import ReplicationTask
from pergamon.replicate.ports import Publication, ServerFacts, Slot, Source, SourceTable

OLDEST_VERSION = 140000


@dataclass(frozen=True)
class Finding:
    """One line of the endpoint test."""

    check: str
    ok: bool
    """False stops a start; a warning is `ok` with a hint."""
    message: str
    hint: str = ""


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def remark(text: str) -> str:
    """A line that SQL does not read. A name may hold a line end: what came after it would be run by a superuser."""
    return "-- " + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def inserts_publication(publication: str) -> str:
    """Tables without a key go into a publication of their own that tells only inserts.

    In an ordinary one PostgreSQL would refuse the source's own UPDATE and DELETE on them.
    """
    return f"{publication[:54]}_inserts"


def is_told_whole(table: SourceTable) -> bool:
    """Can updates and deletes be told, or only inserts?"""
    return bool(table.identity_columns)


def create_publication_sql(name: str, tables: Sequence[tuple[str, str]], *, inserts_only: bool) -> str:
    listed = ", ".join(f"{quoted(schema)}.{quoted(table)}" for schema, table in tables)
    actions = "publish = 'insert, truncate', " if inserts_only else ""
    return f"CREATE PUBLICATION {quoted(name)} FOR TABLE {listed} WITH ({actions}publish_via_partition_root = true)"


def extend_publication_sql(name: str, tables: Sequence[tuple[str, str]]) -> str:
    return f"ALTER PUBLICATION {quoted(name)} ADD TABLE " + ", ".join(f"{quoted(s)}.{quoted(t)}" for s, t in tables)


def administrator_script(
    task: ReplicationTask,
    facts: ServerFacts,
    tables: Sequence[SourceTable],
    publications: Sequence[Publication] = (),
) -> str:
    """SQL that a superuser of the source runs once; afterwards the task needs only REPLICATION and SELECT.

    publications: those of the task that exist; they only get the tables that they lack.
    """
    existing = {publication.name: publication.tables for publication in publications}
    user, schemas = quoted(facts.user), sorted({table.schema for table in tables})
    lines = [
        remark(f"For the administrator of {facts.database}: what the replication task {task.name} needs."),
        "-- Run as a superuser, connected to that database.",
    ]
    if task.spec.migration_type.captures and facts.wal_level != "logical":
        lines += ["ALTER SYSTEM SET wal_level = 'logical';", "-- then restart PostgreSQL: wal_level needs it"]
    lines.append(f"ALTER ROLE {user} WITH LOGIN REPLICATION;")
    lines += [f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {user};" for schema in schemas]
    lines += [f"GRANT SELECT ON {quoted(table.schema)}.{quoted(table.table)} TO {user};" for table in tables]
    if task.spec.migration_type.captures:
        for inserts_only in (False, True):
            chosen = [(table.schema, table.table) for table in tables if is_told_whole(table) is not inserts_only]
            name = inserts_publication(task.publication) if inserts_only else task.publication
            missing = [table for table in chosen if table not in existing.get(name, ())]
            if missing and name in existing:
                lines.append(extend_publication_sql(name, missing) + ";")
            elif missing:
                lines.append(create_publication_sql(name, missing, inserts_only=inserts_only) + ";")
        for table in tables:
            if not is_told_whole(table):
                lines.append(
                    remark(
                        f"{table.full_name} has no key: only inserts are told. For the rest, give it a primary key or:"
                    )
                )
                lines.append(remark(f"ALTER TABLE {quoted(table.schema)}.{quoted(table.table)} REPLICA IDENTITY FULL;"))
    return "\n".join(lines) + "\n"


def script_for(task: ReplicationTask, source: Source) -> str:
    """The script, with the tables that the task's rules take. Raises: SourceUnavailable, SourceRefused."""
    rules = task.spec.mapping_rules()
    selected = [table for table in source.tables() if rules.selects(table.schema, table.table)]
    return administrator_script(task, source.facts(), selected, existing_publications(task, source))


def existing_publications(task: ReplicationTask, source: Source) -> list[Publication]:
    """The task's publications that the source has already. Raises: SourceUnavailable, SourceRefused."""
    names = (task.publication, inserts_publication(task.publication))
    return [found for name in names if (found := source.publication(name)) is not None]


def hint_for(task: ReplicationTask, failed: Sequence[Finding]) -> str:
    """What to do first: what one check says; the administrator's script where several fail."""
    if len(failed) == 1 and failed[0].hint:
        return failed[0].hint
    return f"the source's administrator runs the script of `pergamon replication script {task.name}`"


def findings(
    task: ReplicationTask,
    facts: ServerFacts,
    tables: Sequence[SourceTable],
    publications: Sequence[Publication],
    slot: Slot | None,
) -> list[Finding]:
    """tables: all that the source has; publications: those of the task that exist."""
    rules = task.spec.mapping_rules()
    selected = [table for table in tables if rules.selects(table.schema, table.table)]
    found = [Finding("connection", True, f"connected to {facts.database} as {facts.user}"), _version(facts)]
    found.append(_selection(rules, selected))
    found += [
        Finding("select", False, f"{table.full_name} may not be read", _grant(table, facts))
        for table in selected
        if not table.readable
    ]
    if task.spec.migration_type.captures:
        found += _capture_findings(task, facts, selected, publications, slot)
    return found


def _grant(table: SourceTable, facts: ServerFacts) -> str:
    return f"GRANT SELECT ON {quoted(table.schema)}.{quoted(table.table)} TO {quoted(facts.user)}"


def _version(facts: ServerFacts) -> Finding:
    ok = facts.version >= OLDEST_VERSION
    return Finding(
        "version", ok, f"PostgreSQL {facts.version // 10000}", "" if ok else "PostgreSQL 14 or later is needed"
    )


def _selection(rules: MappingRules, selected: Sequence[SourceTable]) -> Finding:
    if not selected:
        wanted = ", ".join(f"{rule.schema}.{rule.table}" for rule in rules.selection if rule.action != "exclude")
        return Finding("tables", False, f"no table of the source matches {wanted}", "case counts; % means any text")
    return Finding(
        "tables", True, f"{len(selected)} tables selected, about {sum(t.estimated_rows for t in selected)} rows"
    )


def _capture_findings(
    task: ReplicationTask,
    facts: ServerFacts,
    selected: Sequence[SourceTable],
    publications: Sequence[Publication],
    slot: Slot | None,
) -> list[Finding]:
    logical = facts.wal_level == "logical"
    found = [
        Finding(
            "wal_level", logical, f"wal_level is {facts.wal_level}", "" if logical else "set it to logical and restart"
        ),
        Finding(
            "replication right",
            facts.can_replicate,
            f"{facts.user} {'may' if facts.can_replicate else 'may not'} replicate",
            "" if facts.can_replicate else f"ALTER ROLE {quoted(facts.user)} REPLICATION",
        ),
    ]
    if facts.is_standby:
        found.append(Finding("standby", False, "the server is a standby", "replicate from the primary"))
    if facts.free_senders < 2:
        found.append(
            Finding(
                "senders", False, f"{facts.free_senders} wal senders are free", "raise max_wal_senders: two are needed"
            )
        )
    found.append(_slot_finding(task, facts, slot))
    found += _publication_findings(task, facts, selected, publications)
    found += [
        Finding(
            "replica identity",
            True,
            f"{table.full_name} has no key: only its inserts are replicated",
            "give it a primary key, or REPLICA IDENTITY FULL",
        )
        for table in selected
        if not is_told_whole(table)
    ]
    return found


def _slot_finding(task: ReplicationTask, facts: ServerFacts, slot: Slot | None) -> Finding:
    if slot is None:
        enough = facts.free_slots >= 2  # one that stays, and one for the time of the full load
        return Finding(
            "slot",
            enough,
            f"slot {task.slot} will be made; {facts.free_slots} are free",
            "" if enough else "raise max_replication_slots: the full load needs one more for its time",
        )
    if slot.plugin != "pgoutput":
        return Finding(
            "slot", False, f"slot {slot.name} uses {slot.plugin}", "name another slot, or make it with pgoutput"
        )
    if slot.wal_status == "lost":
        return Finding("slot", False, f"slot {slot.name} is lost", "drop it, and start the task with --reload")
    if slot.active:
        return Finding("slot", True, f"slot {slot.name} is being read now", "by this task, one hopes; nobody else can")
    return Finding("slot", True, f"slot {slot.name} exists and holds back {slot.retained_bytes} bytes of log")


def _publication_findings(
    task: ReplicationTask, facts: ServerFacts, selected: Sequence[SourceTable], publications: Sequence[Publication]
) -> list[Finding]:
    published = frozenset[tuple[str, str]]().union(*(publication.tables for publication in publications))
    missing = [table for table in selected if (table.schema, table.table) not in published]
    found = []
    not_ours = [table.full_name for table in missing if not table.owned]
    if missing and (not_ours or not facts.can_create):
        why = (
            f"{', '.join(not_ours)} not owned by {facts.user}"
            if not_ours
            else f"{facts.user} may not create in {facts.database}"
        )
        found.append(
            Finding(
                "publication",
                False,
                f"{len(missing)} tables are not published, and {why}",
                "run the administrator's script",
            )
        )
    elif missing:
        found.append(Finding("publication", True, f"{task.publication} will get {len(missing)} tables"))
    else:
        found.append(Finding("publication", True, f"{task.publication} has every selected table"))
    for publication in publications:
        partly = sorted(
            f"{schema}.{table}" for schema, table in publication.filtered if rules_take(selected, schema, table)
        )
        if partly:
            found.append(
                Finding(
                    "publication",
                    False,
                    f"{publication.name} publishes only some rows or columns of {', '.join(partly)}",
                    "publish the whole table, and remove columns by a rule",
                )
            )
        partitioned = sorted(table.full_name for table in selected if table.partitioned)
        if partitioned and not publication.via_root and publication.tables:
            found.append(
                Finding(
                    "publication",
                    False,
                    f"{publication.name} tells changes of {', '.join(partitioned)} under the names of its partitions",
                    f"ALTER PUBLICATION {quoted(publication.name)} SET (publish_via_partition_root = true)",
                )
            )
        whole = {"insert", "update", "delete", "truncate"} if publication.name == task.publication else {"insert"}
        lacking = sorted(whole - publication.actions)
        if lacking:
            found.append(
                Finding(
                    "publication",
                    True,
                    f"{publication.name} does not tell {', '.join(lacking)}",
                    "these will be missing",
                )
            )
    return found


def rules_take(selected: Sequence[SourceTable], schema: str, table: str) -> bool:
    return any((taken.schema, taken.table) == (schema, table) for taken in selected)
