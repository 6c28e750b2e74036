-- What ran, how far it came, and how it ended. The durable engine resumes; these rows say what happened.
CREATE TABLE pipeline_run (
    id          text PRIMARY KEY,
    workflow    text NOT NULL,
    run_at      timestamptz NOT NULL,          -- the clock handed to jobs
    cause       text NOT NULL,                 -- manual | schedule | after:<run>
    state       text NOT NULL CHECK (state IN ('requested', 'running', 'succeeded', 'failed')),
    spec        jsonb NOT NULL,                -- the workflow as it stood when the run was requested
    dependents  boolean NOT NULL,              -- whether workflows that run after this one are requested when it succeeds
    worker      text,                          -- who has taken it
    failure     text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE INDEX pipeline_run_by_workflow ON pipeline_run (workflow, requested_at);
CREATE INDEX pipeline_run_by_time ON pipeline_run (requested_at, id);
CREATE TABLE pipeline_run_part (
    run_id     text NOT NULL REFERENCES pipeline_run (id),
    name       text NOT NULL,                  -- table:raw_db.patients, job:vitals
    state      text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
    detail     jsonb NOT NULL DEFAULT '{}',    -- counts, error code; never a row's value
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (run_id, name)
);
CREATE TABLE pipeline_worker (
    id           text PRIMARY KEY,
    started_at   timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    stopped_at   timestamptz
);
