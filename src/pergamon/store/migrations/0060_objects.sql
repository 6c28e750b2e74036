-- Objects: files as people see them. One row per version; the content is one file that never changes.
CREATE TABLE object_version (
    id           text PRIMARY KEY,
    bucket       text NOT NULL,
    key          text COLLATE "C" NOT NULL,
    size_bytes   bigint NOT NULL,
    sha256       text NOT NULL,
    content_type text NOT NULL,
    owner        text NOT NULL,
    created_at   timestamptz NOT NULL,
    tags         jsonb NOT NULL DEFAULT '{}',
    is_current   boolean NOT NULL,
    is_deletion  boolean NOT NULL,
    path         text,
    superseded_at timestamptz,                        -- NULL while it is current
    CHECK (is_deletion = (path IS NULL))
);
-- The newest version of a key, and there is one at most.
CREATE UNIQUE INDEX object_version_current ON object_version (bucket, key) WHERE is_current;
-- Listing: by key, without what was removed.
CREATE INDEX object_version_listed ON object_version (bucket, key) WHERE is_current AND NOT is_deletion;
-- Also what is kept below a prefix, which is added up from here alone.
CREATE INDEX object_version_history ON object_version (bucket, key, id) INCLUDE (size_bytes, is_current, is_deletion);
-- What a bucket's rule may let go, oldest first.
CREATE INDEX object_version_superseded ON object_version (bucket, superseded_at) WHERE NOT is_current;
CREATE UNIQUE INDEX object_version_path ON object_version (path) WHERE path IS NOT NULL;

-- A table's data files are these contents: they cannot be removed, and are served raw as the table's rules say.
CREATE TABLE object_reference (
    table_name text NOT NULL,
    version_id text NOT NULL REFERENCES object_version (id),
    PRIMARY KEY (table_name, version_id)
);
CREATE INDEX object_reference_version ON object_reference (version_id);

-- The feed of what happened to objects; followers read it in order (store/feed.py).
CREATE TABLE object_event (
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    sequence   bigint GENERATED ALWAYS AS IDENTITY,
    id         text PRIMARY KEY,
    kind       text NOT NULL,
    bucket     text NOT NULL,
    key        text COLLATE "C" NOT NULL,
    version_id text NOT NULL,
    at         timestamptz NOT NULL,
    actor      text NOT NULL
);
CREATE INDEX object_event_order ON object_event (xid, sequence);
