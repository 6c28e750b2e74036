-- Crawlers, the folders that they look after, and which tables these became.
CREATE TABLE crawler (
    name           text PRIMARY KEY,
    spec           jsonb NOT NULL,
    tags           jsonb NOT NULL DEFAULT '{}',
    changed_at     timestamptz NOT NULL,
    last_listed_at timestamptz,
    served_at      timestamptz                      -- when a worker last took up work of it: crawlers take turns
);
-- A listing of everything below a crawler's prefixes, under way. One at most for each crawler.
CREATE TABLE crawl_listing (
    crawler    text PRIMARY KEY,
    prefix     int NOT NULL DEFAULT 0,              -- which of its prefixes
    after      text COLLATE "C" NOT NULL DEFAULT '',
    cause      text NOT NULL,
    started_at timestamptz NOT NULL,
    moved_at   timestamptz NOT NULL                 -- listings take turns, page by page
);
-- A folder is one piece of work: its files are planned together, and one worker at a time is at it.
CREATE TABLE crawl_folder (
    crawler         text NOT NULL,
    folder          text COLLATE "C" NOT NULL,      -- below the bucket, partitions folded away
    base            text NOT NULL,                  -- the name that its table gets
    first_change_at timestamptz,                    -- NULL: nothing to do
    last_change_at  timestamptz,
    claim           text,
    claimed_by      text,
    beat_at         timestamptz,
    turn_at         timestamptz,                    -- when the claim's present turn began
    due_at          timestamptz,
    failures        int NOT NULL DEFAULT 0,
    failure         text,
    rebuild_asked   boolean NOT NULL DEFAULT false, -- its files are read again, and its tables planned from them alone
    PRIMARY KEY (crawler, folder)
);
CREATE INDEX crawl_folder_changed ON crawl_folder (first_change_at) WHERE first_change_at IS NOT NULL;
CREATE TABLE crawl_table (
    id         text PRIMARY KEY,
    crawler    text NOT NULL,
    folder     text COLLATE "C" NOT NULL,
    part_name  text,                                -- the sheet, where workbooks hold several
    database   text NOT NULL,
    name       text NOT NULL,
    columns    jsonb NOT NULL,                      -- as planned
    divided_by jsonb NOT NULL DEFAULT '[]',         -- partition columns of its files, as planned
    committed  jsonb,                               -- columns as the lake's table has them; NULL: it is not made yet
    committed_divided_by jsonb NOT NULL DEFAULT '[]',
    table_key  text,                                -- which lake table it is, whatever its name
    state      text NOT NULL,                       -- ready | blocked
    reason     text,
    anew       boolean NOT NULL DEFAULT false,      -- the next commit writes all of its rows again
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX crawl_table_owner ON crawl_table (database, name) WHERE state = 'ready';
CREATE INDEX crawl_table_folder ON crawl_table (crawler, folder);
-- What a dropped crawler was: its tables are its own again when it comes back.
CREATE TABLE crawl_dropped (
    name text PRIMARY KEY,
    spec jsonb NOT NULL
);
