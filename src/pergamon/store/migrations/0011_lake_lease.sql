-- The right to one commit on one table (ADR-0004). A committed row, never an open transaction.
CREATE TABLE lake_lease (
    id                    text PRIMARY KEY,
    table_key             text NOT NULL REFERENCES lake_table (key),
    purpose               text NOT NULL,
    facts                 jsonb NOT NULL,
    parent_snapshot_id    bigint,
    opened_at             timestamptz NOT NULL,
    opened_by             text NOT NULL,
    committed_snapshot_id bigint,
    committed_at          timestamptz,
    closed_at             timestamptz
);
CREATE UNIQUE INDEX lake_lease_one_per_table ON lake_lease (table_key) WHERE closed_at IS NULL;
