-- OpenLineage events that were taken: a repeated one changes nothing, and what a run's events say adds up.
CREATE TABLE lineage_event (
    told_by    text NOT NULL,
    run_id     text NOT NULL,                         -- the teller's, a UUID
    event_type text NOT NULL,
    digest     text NOT NULL,                         -- SHA-256 of the names that it told
    job        text NOT NULL,
    at         timestamptz NOT NULL,                  -- when it was taken
    edges      jsonb NOT NULL,                        -- inputs, outputs and columns, as names
    PRIMARY KEY (told_by, run_id, event_type, digest)
);
CREATE INDEX lineage_event_by_age ON lineage_event (at);
