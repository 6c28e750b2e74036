-- What became of each file, version by version; and which data file holds its rows.
CREATE TABLE crawl_file (
    id         text PRIMARY KEY,
    crawler    text NOT NULL,
    folder     text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    partition  jsonb NOT NULL DEFAULT '{}',         -- of its Hive folders, in their order: [[name, value], …]
    version_id text,                                -- the newest version; NULL: removed
    path       text,
    size_bytes bigint NOT NULL DEFAULT 0,
    state      text NOT NULL,                       -- pending | inspected | added | quarantined | blocked | removed
    reason     text,
    warnings   jsonb NOT NULL DEFAULT '[]',
    changed_at timestamptz NOT NULL,
    UNIQUE (crawler, key)
);
CREATE INDEX crawl_file_work ON crawl_file (crawler, folder, state, id);
CREATE INDEX crawl_file_state ON crawl_file (crawler, state, key);
CREATE TABLE crawl_schema (
    digest  text PRIMARY KEY,
    columns jsonb NOT NULL
);
CREATE TABLE crawl_data_file (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id   text NOT NULL REFERENCES crawl_table (id),
    path       text NOT NULL,
    row_count  bigint NOT NULL,
    size_bytes bigint NOT NULL,
    partition  jsonb NOT NULL DEFAULT '[]',
    spec_id    int NOT NULL,
    UNIQUE (path, table_id)
);
CREATE INDEX crawl_data_file_table ON crawl_data_file (table_id);
-- One table's worth of one version of a file: the whole of it, or one sheet.
CREATE TABLE crawl_part (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id      text NOT NULL REFERENCES crawl_file (id) ON DELETE CASCADE,
    version_id   text NOT NULL,
    path         text NOT NULL,
    number       int NOT NULL,
    part         jsonb NOT NULL,                    -- how to read it
    part_name    text,
    file_schema  text NOT NULL REFERENCES crawl_schema (digest),
    shape        text NOT NULL REFERENCES crawl_schema (digest), -- with the columns of its folders
    in_place     boolean NOT NULL,
    row_count    bigint,
    table_id     text REFERENCES crawl_table (id),  -- NULL: not planned yet
    data_file_id bigint REFERENCES crawl_data_file (id),
    first_row    bigint,                            -- where its rows begin in that data file, which others share
    rows_held    bigint,
    UNIQUE (file_id, version_id, number)
);
CREATE INDEX crawl_part_table ON crawl_part (table_id);
CREATE INDEX crawl_part_data_file ON crawl_part (data_file_id) WHERE data_file_id IS NOT NULL;
