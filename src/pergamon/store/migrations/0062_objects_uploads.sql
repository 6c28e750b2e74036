-- Uploads that arrive in pieces: what they will be, and how far they have durably come.
CREATE TABLE object_upload (
    id            text PRIMARY KEY,
    owner         text NOT NULL,
    bucket        text NOT NULL,
    key           text NOT NULL,
    content_type  text,
    tags          jsonb,                              -- NULL: those of the object that it replaces
    if_match      text,
    if_none_match text,
    size_bytes    bigint NOT NULL CHECK (size_bytes >= 0),
    offset_bytes  bigint NOT NULL DEFAULT 0 CHECK (offset_bytes BETWEEN 0 AND size_bytes),
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    version_id    text                                -- the version that it became; set with the object itself
);
CREATE INDEX object_upload_open ON object_upload (owner) WHERE version_id IS NULL;
CREATE INDEX object_upload_age ON object_upload (expires_at);
