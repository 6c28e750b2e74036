-- Assets, their versions (kept for ever), the runs of data sources, and the feed that search follows.
CREATE TABLE catalog_asset (
    id                text PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('table', 'product')),
    project           text NOT NULL,
    name              text NOT NULL,                  -- database.table, or the product's name
    data_source       text,                           -- what found it last; NULL for a product
    table_database    text,
    table_name        text,
    facts             jsonb NOT NULL DEFAULT '{}',    -- as the table stands now: rows, size, formats; not versioned
    size_bytes        bigint GENERATED ALWAYS AS ((facts ->> 'size_bytes')::bigint) STORED,
    files             bigint GENERATED ALWAYS AS ((facts ->> 'files')::bigint) STORED,
    quality_score     double precision,
    working_version   integer NOT NULL,
    published_version integer,
    published_at      timestamptz,
    published_by      text,
    withheld          boolean NOT NULL DEFAULT false, -- a person unpublished it: no machine publishes it again
    retired_at        timestamptz,
    created_at        timestamptz NOT NULL,
    created_by        text NOT NULL,
    data_changed_at   timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX catalog_asset_name ON catalog_asset (project, name, kind);
CREATE INDEX catalog_asset_of_table ON catalog_asset (table_database, table_name) WHERE kind = 'table';
CREATE INDEX catalog_asset_by_name ON catalog_asset (name);
CREATE INDEX catalog_asset_page ON catalog_asset (project, name, id);
-- What a project keeps is added up from here alone.
CREATE INDEX catalog_asset_kept ON catalog_asset (project) INCLUDE (size_bytes, files)
    WHERE kind = 'table' AND retired_at IS NULL;
CREATE INDEX catalog_asset_of_source ON catalog_asset (data_source, table_database, table_name);
CREATE TABLE catalog_asset_version (
    asset_id text NOT NULL REFERENCES catalog_asset (id),
    version  integer NOT NULL,
    content  jsonb NOT NULL,
    cause    text NOT NULL,                           -- found, table, edit, made
    made_at  timestamptz NOT NULL,
    made_by  text NOT NULL,
    PRIMARY KEY (asset_id, version)
);
-- Which assets a change of a term touches: the terms of the working and of the published version.
CREATE TABLE catalog_asset_term (
    asset_id text NOT NULL REFERENCES catalog_asset (id),
    term     text NOT NULL,
    PRIMARY KEY (asset_id, term)
);
CREATE INDEX catalog_asset_term_assets ON catalog_asset_term (term, asset_id);
CREATE TABLE catalog_change (
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    asset_id text NOT NULL
);
CREATE INDEX catalog_change_order ON catalog_change (xid, sequence);
CREATE INDEX catalog_change_of_asset ON catalog_change (asset_id, xid, sequence);
CREATE TABLE catalog_source_run (
    id          text PRIMARY KEY,
    data_source text NOT NULL,
    started_at  timestamptz NOT NULL,
    started_by  text NOT NULL,
    ended_at    timestamptz,
    state       text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'abandoned')),
    counts      jsonb NOT NULL DEFAULT '{}',          -- added, updated, unchanged, removed, failed, held
    faults      jsonb NOT NULL DEFAULT '[]'           -- the first of the failed, each with its reason
);
CREATE INDEX catalog_source_run_of_source ON catalog_source_run (data_source, id);
