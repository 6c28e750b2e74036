-- What assets stand in: the tree of domain units, projects with members, the glossary, forms and their rules.
CREATE TABLE catalog_domain (
    name       text PRIMARY KEY,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE catalog_unit (
    name        text PRIMARY KEY,                     -- each unit's own name is there once
    domain      text NOT NULL REFERENCES catalog_domain (name),
    path        text NOT NULL UNIQUE,                 -- clinic/cardiology
    owner_roles text[] NOT NULL,                      -- the team roles of its owners and of those above it
    found_by    text[] NOT NULL                       -- roles that find what is published there; inherited when not said
);
CREATE TABLE catalog_glossary (
    name       text PRIMARY KEY,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE catalog_term (
    name        text PRIMARY KEY,
    glossary    text,                                 -- NULL: made by people at run time
    unit        text,                                 -- whose stewards write it
    title       text NOT NULL,
    content     jsonb NOT NULL,                       -- definition, description, relations
    state       text NOT NULL CHECK (state IN ('draft', 'approved')),
    version     integer NOT NULL DEFAULT 1,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL
);
CREATE UNIQUE INDEX catalog_term_title ON catalog_term (title);
CREATE TABLE catalog_form (
    name       text PRIMARY KEY,
    spec       json NOT NULL,                         -- keeps the order of the fields
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE catalog_rule (
    name       text PRIMARY KEY,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE catalog_project (
    name       text PRIMARY KEY,
    unit       text NOT NULL,                         -- a unit that is gone: found by the project's members only
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE INDEX catalog_project_unit ON catalog_project (unit);
-- A project's team is the union of both: what the configuration says, and whom its owners have added.
CREATE TABLE catalog_member (
    project      text NOT NULL REFERENCES catalog_project (name),
    role         text NOT NULL CHECK (role IN ('owner', 'contributor', 'consumer', 'steward')),
    principal_id text NOT NULL,
    origin       text NOT NULL CHECK (origin IN ('configuration', 'project')),
    added_by     text NOT NULL,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (project, role, principal_id, origin)
);
CREATE TABLE catalog_data_source (
    name       text PRIMARY KEY,
    project    text NOT NULL,
    databases  text[] NOT NULL,
    on_event   boolean NOT NULL,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE INDEX catalog_data_source_databases ON catalog_data_source USING gin (databases);
