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
    status      text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'abandoned')),
    submitted_at timestamptz NOT NULL,
    started_at  timestamptz,                   -- NULL: its turn has not come
    deadline_at timestamptz NOT NULL,          -- what has not ended by then has lost its process
    finished_at timestamptz,
    server      text,                          -- the process that has it in its queue; NULL: whichever takes it up
    tables      text[] NOT NULL,
    snapshots   jsonb NOT NULL,
    rights      jsonb NOT NULL DEFAULT '{}',   -- of each table that it read: what was given of it, as a digest
    rows        bigint,
    truncated   boolean,
    duration_ms bigint,
    error_code  text,
    error_message text,
    error_hint  text,
    result_bytes bigint,                       -- of the file in the result area
    result_until timestamptz,
    result_removed_at timestamptz,
    cancel_asked boolean NOT NULL DEFAULT false,
    sql_sha256  text NOT NULL,
    sql_text    text NOT NULL
);
CREATE INDEX query_history_workgroup ON query_history (workgroup, submitted_at DESC);
CREATE INDEX query_history_actor ON query_history (actor, submitted_at DESC);
CREATE INDEX query_history_unfinished ON query_history (status, server) WHERE status IN ('queued', 'running');
CREATE INDEX query_history_kept ON query_history (result_until)
    WHERE result_until IS NOT NULL AND result_removed_at IS NULL;

-- Texts that people keep under a name; `project`: its members may read them, too.
CREATE TABLE query_saved (
    owner      text NOT NULL,
    name       text NOT NULL,
    project    text,
    sql_text   text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (owner, name)
);
CREATE INDEX query_saved_project ON query_saved (project) WHERE project IS NOT NULL;
