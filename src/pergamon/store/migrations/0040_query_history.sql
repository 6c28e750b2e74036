-- Workgroups as deployed, and the history of queries. The text of a query may hold values: it stands here, never in the trail.
CREATE TABLE query_workgroup (
    name       text PRIMARY KEY,
    spec       jsonb NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL
);
CREATE TABLE query_history (
    id          text PRIMARY KEY,
    workgroup   text NOT NULL,
    actor       text NOT NULL,
    operator    text,
    status      text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'abandoned')),
    started_at  timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,          -- a query still running after this has lost its process
    finished_at timestamptz,
    tables      text[] NOT NULL,
    snapshots   jsonb NOT NULL,
    rows        bigint,
    truncated   boolean,
    duration_ms bigint,
    error_code  text,
    cancel_asked boolean NOT NULL DEFAULT false,
    sql_sha256  text NOT NULL,
    sql_text    text NOT NULL
);
CREATE INDEX query_history_workgroup ON query_history (workgroup, started_at DESC);
CREATE INDEX query_history_running ON query_history (deadline_at) WHERE status = 'running';
