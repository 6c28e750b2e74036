-- How far behind its source a task was, minute by minute; two days of it are kept.
CREATE TABLE replication_lag (
    task      text NOT NULL REFERENCES replication_task (name) ON DELETE CASCADE,
    at        timestamptz NOT NULL,               -- the beginning of the minute
    lag_bytes numeric(20) NOT NULL,               -- the most in that minute
    rows      bigint NOT NULL,                    -- landed in that minute
    PRIMARY KEY (task, at)
);
