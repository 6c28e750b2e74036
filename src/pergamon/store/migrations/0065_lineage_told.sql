-- What a job last told of its outputs: telling the same again within the hour need not write anything.
CREATE TABLE lineage_told (
    job     text NOT NULL,
    told_by text NOT NULL,
    outputs text NOT NULL,                            -- SHA-256 of the outputs' names
    told    text NOT NULL,                            -- SHA-256 of everything that was told
    at      timestamptz NOT NULL,
    PRIMARY KEY (job, told_by, outputs)
);
