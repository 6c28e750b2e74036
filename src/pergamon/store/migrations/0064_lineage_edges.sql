-- Lineage: datasets, what came from what (to the column), and the runs that told it.
CREATE TABLE lineage_dataset (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace text NOT NULL,
    name      text NOT NULL,
    UNIQUE (namespace, name)
);
CREATE TABLE lineage_edge (
    input_id     bigint NOT NULL REFERENCES lineage_dataset (id),
    input_field  text NOT NULL,                       -- '' = the dataset as a whole
    output_id    bigint NOT NULL REFERENCES lineage_dataset (id),
    output_field text NOT NULL,
    job          text NOT NULL,
    kind         text NOT NULL,
    told_by      text NOT NULL,                       -- 'platform', or the principal that sent an OpenLineage event
    run_id       text NOT NULL,                       -- the last run that told it
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    ended_at     timestamptz,                         -- a later run of the job did without it
    PRIMARY KEY (output_id, output_field, input_id, input_field, job, told_by)
);
CREATE INDEX lineage_edge_from ON lineage_edge (input_id, input_field);
CREATE INDEX lineage_edge_of_job ON lineage_edge (job, told_by, output_id) WHERE ended_at IS NULL;
CREATE TABLE lineage_run (                            -- a feed: what is emitted as OpenLineage
    run_id   text NOT NULL,
    job      text NOT NULL,
    kind     text NOT NULL,
    told_by  text NOT NULL,
    at       timestamptz NOT NULL,
    edges    jsonb NOT NULL,                          -- inputs, outputs and columns, as names
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE INDEX lineage_run_feed ON lineage_run (xid, sequence);
CREATE INDEX lineage_run_of_job ON lineage_run (job, sequence);
