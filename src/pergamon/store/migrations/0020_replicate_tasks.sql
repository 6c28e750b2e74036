-- Replication tasks as deployed, and where each stands.
CREATE TABLE replication_task (
    name        text PRIMARY KEY,
    spec        jsonb NOT NULL,
    tags        jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'created'
                CHECK (state IN ('created', 'starting', 'loading', 'running', 'stopped', 'failed', 'parked')),
    since       timestamptz NOT NULL,
    message     text,                              -- why it failed or was parked; never a row's value
    wanted      text NOT NULL DEFAULT 'running' CHECK (wanted IN ('running', 'stopped')),
    landed_lsn  numeric(20) NOT NULL DEFAULT 0,    -- everything of the source up to here is on disk
    source_lsn  numeric(20) NOT NULL DEFAULT 0,
    rows_landed bigint NOT NULL DEFAULT 0,
    warnings    text[] NOT NULL DEFAULT '{}',
    seen_at     timestamptz                        -- when the replicator last wrote here
);
