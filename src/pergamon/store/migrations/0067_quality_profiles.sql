-- What is to be measured, one row a table; and every profile that was made, with its snapshot, kept for the trend.
CREATE TABLE quality_request (
    database      text NOT NULL,
    name          text NOT NULL,
    snapshot_id   bigint,                             -- NULL: never written
    serial        bigint NOT NULL DEFAULT 1,          -- grows with each request: a newer one supersedes what is under way
    measure_again boolean NOT NULL DEFAULT false,     -- although the snapshot has a profile
    attempts      integer NOT NULL DEFAULT 0,         -- that were begun for this serial
    requested_at  timestamptz NOT NULL,
    requested_by  text NOT NULL,
    due_at        timestamptz NOT NULL,
    claim         text,                               -- who has it now; a worker without its claim stores nothing
    claimed_by    text,
    claimed_until timestamptz,
    PRIMARY KEY (database, name)
);
CREATE INDEX quality_request_due ON quality_request (due_at);
CREATE TABLE quality_profile (
    id           text PRIMARY KEY,
    database     text NOT NULL,
    name         text NOT NULL,
    snapshot_id  bigint,
    state        text NOT NULL CHECK (state IN ('done', 'failed')),
    at           timestamptz NOT NULL,
    committed_at timestamptz,
    row_count    bigint,
    sampled_rows bigint,
    left_out     integer NOT NULL DEFAULT 0,
    columns      json NOT NULL DEFAULT '[]',          -- keeps the order of the columns
    results      json NOT NULL DEFAULT '[]',
    score        double precision,
    dimensions   jsonb NOT NULL DEFAULT '{}',
    duration_ms  integer NOT NULL,
    reason       text
);
CREATE INDEX quality_profile_newest ON quality_profile (database, name, at DESC, id DESC);
CREATE INDEX quality_profile_by_age ON quality_profile (at);
