-- Deployed configuration of the pipeline: raw tables, trackers, batches, jobs, workflows.
CREATE TABLE pipeline_config (
    kind       text NOT NULL CHECK (kind IN ('raw_table', 'tracker', 'batch', 'job', 'workflow')),
    name       text NOT NULL,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, name)
);
-- Every landed file, once.
CREATE TABLE tracked_file (
    id             text PRIMARY KEY,
    task           text NOT NULL,
    path           text NOT NULL,               -- below the lake's root
    source_schema  text NOT NULL,
    source_table   text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('full_load', 'changes')),
    first_position text NOT NULL,
    last_position  text NOT NULL,
    size_bytes     bigint NOT NULL,
    row_count      bigint NOT NULL,
    manifest       jsonb NOT NULL,
    state          text NOT NULL CHECK (state IN
                       ('registered', 'processing', 'merged', 'superseded', 'quarantined', 'skipped')),
    reason         text,
    lease          text,
    snapshot_id    bigint,
    registered_at  timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    UNIQUE (task, path)
);
CREATE INDEX tracked_file_of_table ON tracked_file (source_schema, source_table, first_position);
CREATE INDEX tracked_file_of_lease ON tracked_file (lease) WHERE lease IS NOT NULL;
