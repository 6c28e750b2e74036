-- A version whose rows were a table's once still holds these rows: it may be removed, and is served raw as the table's
-- rules say for as long as it is there.
ALTER TABLE object_reference ADD COLUMN is_past boolean NOT NULL DEFAULT false;
-- Prefixes whose objects become tables of a database: what lies there is served raw only to whom the database is open.
CREATE TABLE object_governed_prefix (
    governor text NOT NULL,                           -- who makes the tables, as crawler:NAME
    bucket   text NOT NULL,
    prefix   text COLLATE "C" NOT NULL,
    database text NOT NULL,
    PRIMARY KEY (governor, prefix)
);
CREATE INDEX object_governed_prefix_of_bucket ON object_governed_prefix (bucket);
