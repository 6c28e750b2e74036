-- What tables must keep: rules of the configuration, by patterns of names; and rules that people set for one table.
CREATE TABLE quality_rules (
    name       text PRIMARY KEY,
    spec       json NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE quality_own_rules (
    database   text NOT NULL,
    name       text NOT NULL,
    spec       json NOT NULL,
    version    integer NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (database, name)
);
