"""Writes a small working configuration from what a source holds. Pure: what was found in, the text of files out.

Which tables are taken, and how: a table whose changes can be told by a key is merged (versioning S, the key from its
replica identity); one with REPLICA IDENTITY FULL and no key keeps every change (H). A table with no
identity at all is written as a comment: only its inserts could be told.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pergamon.kernel import size_text

Identity = Literal["default", "index", "full", "nothing"]
ROOM = 1 << 20


@dataclass(frozen=True)
class FoundTable:
    """A table as the source's catalog tells it. Rows are the planner's estimate, -1 when it has none."""

    schema: str
    name: str
    key: tuple[str, ...]
    """The primary key's columns."""
    identity: Identity
    identity_columns: tuple[str, ...]
    """The columns that tell which row changed; every column when the identity is full."""
    rows: int
    size_bytes: int
    partitioned: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class FoundSource:
    """A source as it was found."""

    host: str
    port: int
    dbname: str
    user: str
    server_version: int
    wal_level: str
    may_replicate: bool
    tables: tuple[FoundTable, ...]


@dataclass(frozen=True)
class Choice:
    """What becomes of one table, and why."""

    table: FoundTable
    target: str
    versioning: Literal["S", "H"] | None
    """None: it is left out."""
    keys: tuple[str, ...]
    why: str


def choose(source: FoundSource) -> list[Choice]:
    """Decide for every table; each gets a name of its own in the lake."""
    taken: set[str] = set()
    choices: list[Choice] = []
    for table in source.tables:
        target = _target_name(table, taken)
        taken.add(target)
        choices.append(_choice(table, target))
    return choices


def _choice(table: FoundTable, target: str) -> Choice:
    if table.partitioned:
        return Choice(table, target, None, (), "it is partitioned, which is not there yet")
    if table.identity == "index":
        return Choice(table, target, "S", table.identity_columns, "its key is its replica identity's index")
    if table.key and table.identity != "nothing":
        return Choice(table, target, "S", table.key, "its key is its primary key")
    if table.identity == "full":
        return Choice(table, target, "H", (), "it has no key: every change is kept")
    why = "it has no replica identity: only its inserts could be replicated, and its history would have gaps"
    return Choice(table, target, None, (), why)


def _target_name(table: FoundTable, taken: set[str]) -> str:
    for wanted in (table.name, f"{table.schema}_{table.name}"):
        name = _plain(wanted)
        if name not in taken:
            return name
    return next(name for number in range(2, ROOM) if (name := f"{_plain(table.full_name)[:55]}_{number}") not in taken)


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower()).strip("_") or "table"
    return (plain if plain[0].isalpha() else f"t_{plain}")[:60]


def warnings_for(source: FoundSource, choices: Iterable[Choice]) -> list[str]:
    """What the source's administrator should hear of before replication starts."""
    found = []
    if source.wal_level != "logical":
        found.append(f"wal_level is {source.wal_level}: set it to logical and restart PostgreSQL to capture changes")
    if not source.may_replicate:
        found.append(f"{source.user} has no REPLICATION attribute: ALTER ROLE … REPLICATION, or a slot made beforehand")
    found += [f"{choice.table.full_name} is left out: {choice.why}" for choice in choices if choice.versioning is None]
    found += [
        f"{choice.table.full_name}: {choice.why}"
        for choice in choices
        if choice.versioning == "H" and not choice.table.partitioned
    ]
    return found


def quickstart_files(
    source: FoundSource, choices: list[Choice], *, organization: str, secret: str, unencrypted: str = ""
) -> dict[str, str]:
    """The configuration: file name -> text.

    secret: the name of the secret that holds the password, "" for none. unencrypted: why the disk may be open, "" when
    it may not.
    """
    return {
        "pergamon.yaml": _top(source, organization),
        "tags.yaml": 'tags:\n  source: "{{context:source-database}}"\n',
        "roles.yaml": ROLES,
        "datalake.yaml": _datalake(unencrypted),
        "query.yaml": QUERY,
        "databases.yaml": DATABASES,
        "replication.yaml": "\n".join(_replication(source, choices, secret)) + "\n",
        "tracker.yaml": "\n".join(_tracker(choices)) + "\n",
        "workflows.yaml": WORKFLOWS,
    }


def _top(source: FoundSource, organization: str) -> str:
    modules = "".join(
        f"          {name}:\n            module_type: {kind}\n            module_configs: [./{file}.yaml]\n"
        for name, kind, file in MODULES
    )
    capture = source.wal_level == "logical" and source.may_replicate
    return (
        "# Written by `pergamon quickstart`; yours to edit. `pergamon ls`, `synth` and `deploy` go on from here.\n"
        f"organization: {organization}\n\n"
        "tag_configs: [./tags.yaml]\n\n"
        "context:\n"
        f"  source-host: {_text(source.host)}\n"
        f"  source-port: {source.port}\n"
        f"  source-database: {_text(source.dbname)}\n"
        f"  source-user: {_text(source.user)}\n"
        f"  migration-type: {'full-load-and-cdc' if capture else 'full-load'}"
        f"{'' if capture else ' # full-load-and-cdc once the source allows it'}\n\n"
        "domains:\n  main:\n    environments:\n      dev:\n        modules:\n" + modules
    )


def _datalake(unencrypted: str) -> str:
    if not unencrypted:
        return DATALAKE
    suppression = f"\n    suppressions:\n      - id: PGM-H2\n        reason: {_text(unencrypted)}"
    return re.sub(
        r"encryption: volume\n(    accessPolicies: .*)", rf"encryption: none\n\1{_template(suppression)}", DATALAKE
    )


def _template(text: str) -> str:
    """A text that stands for itself in a replacement."""
    return text.replace("\\", r"\\")


MODULES = (
    ("roles", "roles", "roles"),
    ("datalake", "datalake", "datalake"),
    ("query", "query-workgroup", "query"),
    ("databases", "catalog-databases", "databases"),
    ("replication", "replication", "replication"),
    ("tracker", "tracker", "tracker"),
    ("workflows", "workflows", "workflows"),
)


def _replication(source: FoundSource, choices: list[Choice], secret: str) -> Iterator[str]:
    yield "# Where the source is, and which of its tables land."
    yield "sourceEndpoints:"
    yield "  source:"
    yield "    engineName: postgres"
    yield '    serverName: "{{context:source-host}}"'
    yield '    port: "{{context:source-port}}"'
    yield '    databaseName: "{{context:source-database}}"'
    yield '    username: "{{context:source-user}}"'
    if secret:
        yield f'    password: "{{{{secret:{secret}}}}}"'
    yield "targetEndpoints:"
    yield "  landing-zone:"
    yield "    bucketName: bucket:staging"
    yield "    bucketFolder: landing"
    yield "replicationTasks:"
    yield "  source:"
    yield "    sourceEndpoint: source"
    yield "    targetEndpoint: landing-zone"
    yield '    migrationType: "{{context:migration-type}}"'
    yield "    tableMappings:"
    yield "      rules:"
    for number, choice in enumerate(choices, start=1):
        yield from _rule(number, choice, source)


def _rule(number: int, choice: Choice, source: FoundSource) -> Iterator[str]:
    off = choice.versioning is None
    if off:
        yield f"        # Left out: {_comment(choice.table.full_name)}: {choice.why}."
    for line in (
        "- rule-type: selection",
        f'  rule-id: "{number}"',
        "  object-locator:",
        f"    schema-name: {_text(choice.table.schema)}",
        f"    table-name: {_text(choice.table.name)}",
        "  rule-action: explicit",
    ):
        yield f"        {'# ' if off else ''}{line}"


def _tracker(choices: list[Choice]) -> Iterator[str]:
    yield "# How each table of the source becomes a raw table. S: merged by key. H: every change is kept."
    yield "trackers:"
    yield "  file_tracker:"
    yield "    bucket: bucket:staging"
    yield "    prefix: landing"
    yield "batches:"
    yield "  daily:"
    yield "    refresh_cadence: daily"
    yield "raw_tables:"
    for choice in choices:
        yield from _raw_table(choice)


def _raw_table(choice: Choice) -> Iterator[str]:
    size = f"{size_text(choice.table.size_bytes)}, {rows_text(choice.table.rows)}"
    yield f"  # {_comment(choice.table.full_name)}: {size}; {choice.why}."
    off = "# " if choice.versioning is None else ""
    yield f"  {off}{choice.target}:"
    yield f"  {off}  source_schema: {_text(choice.table.schema)}"
    yield f"  {off}  source_table: {_text(choice.table.name)}"
    yield f"  {off}  target_database: database:raw_db"
    yield f"  {off}  target_table: {choice.target}"
    if choice.keys:
        yield f"  {off}  keys: [{', '.join(_text(key) for key in choice.keys)}]"
    yield f"  {off}  versioning: {choice.versioning or 'H'}"
    yield f"  {off}  refresh_cadence: daily"


def _text(value: str) -> str:
    """A YAML text in quotes, whatever is in it."""
    return json.dumps(value, ensure_ascii=False)


def _comment(name: str) -> str:
    """A name that stays in its comment line."""
    return "".join(character if character.isprintable() else "?" for character in name)


def rows_text(rows: int) -> str:
    return "rows not counted yet" if rows < 0 else f"about {rows:,} rows"


ROLES = """# Who there is. On which data is decided in datalake.yaml.
generatePolicies:
  QueryPolicy:
    policyDocument:
      Statement:
        - Effect: Allow
          Action: [query.run]
  AdminPolicy:
    policyDocument:
      Statement:
        - Effect: Allow
          Action: [query.history]
  CatalogServicePolicy:
    policyDocument:
      Statement:
        - Effect: Allow
          Action: [catalog.serve]
generateRoles:
  data-admin:
    trustedPrincipal: person
    generatedPolicies: [QueryPolicy, AdminPolicy]
  data-user:
    trustedPrincipal: person
    generatedPolicies: [QueryPolicy]
  replication:
    trustedPrincipal: service
  file-processor:
    trustedPrincipal: service
    generatedPolicies: [CatalogServicePolicy]
people:
  admin:
    displayName: Administrator
    roles:
      - id: generated-role-id:data-admin
serviceAccounts:
  replication:
    displayName: Replication
    roles:
      - id: generated-role-id:replication
  file-processor:
    displayName: File processor
    roles:
      - id: generated-role-id:file-processor
"""
DATALAKE = """# The buckets, and who may reach what below which prefix. What no rule allows is refused.
# `encryption: volume` says that the disk below the data directory is encrypted (LUKS), and is checked. To try Pergamon
# on generated data and an open disk, write `encryption: none` and, at each bucket:
#   suppressions:
#     - id: PGM-H2
#       reason: Generated data only; no person is behind any row.
roles:
  DataAdminRole:
    - id: generated-role-id:data-admin
  DataUserRole:
    - id: generated-role-id:data-user
  ReplicationRole:
    - id: generated-role-id:replication
  FileProcessorRole:
    - id: generated-role-id:file-processor
accessPolicies:
  RootPolicy:
    rule:
      prefix: /
      ReadWriteSuperRoles: [DataAdminRole]
  LandingPolicy:
    rule:
      prefix: /landing
      ReadRoles: [FileProcessorRole]
      ReadWriteRoles: [ReplicationRole]
  RawPolicy:
    rule:
      prefix: data/
      ReadWriteRoles: [FileProcessorRole]
  # Add this one to a bucket to let data users read its tables.
  DataReadPolicy:
    rule:
      prefix: data/
      ReadRoles: [DataUserRole]
buckets:
  staging:
    encryption: volume
    accessPolicies: [RootPolicy, LandingPolicy]
  raw:
    encryption: volume
    accessPolicies: [RootPolicy, RawPolicy]
"""
QUERY = """# Who may query, and how far one query may go.
workgroup: default
dataAdminRoles:
  - id: generated-role-id:data-admin
queryUserRoles:
  - id: generated-role-id:data-user
"""
DATABASES = """# Databases, and where their tables lie.
databases:
  raw_db:
    description: One table for each table of the source, merged.
    locationBucketName: bucket:raw
    locationPrefix: data
"""
WORKFLOWS = """# What runs when (UTC). By hand: `pergamon run file-processor`.
workflows:
  file-processor:
    description: Merges what has landed into the raw tables.
    schedule: 0 3 * * *
    steps:
      - batch: batch:daily
"""
