-- Buckets, databases, and the pointers of the Iceberg tables: the catalog itself.
CREATE TABLE lake_bucket (
    name       text PRIMARY KEY,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE lake_database (
    name       text PRIMARY KEY,
    bucket     text NOT NULL REFERENCES lake_bucket (name),
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE lake_table (
    key               text PRIMARY KEY,
    database          text NOT NULL REFERENCES lake_database (name),
    name              text NOT NULL,
    location          text NOT NULL,
    metadata_location text NOT NULL,
    snapshot_id       bigint,
    created_at        timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL,
    dropped_at        timestamptz
);
CREATE UNIQUE INDEX lake_table_name ON lake_table (database, name) WHERE dropped_at IS NULL;
CREATE UNIQUE INDEX lake_table_location ON lake_table (location) WHERE dropped_at IS NULL;
