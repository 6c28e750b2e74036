-- Directories of the host whose files are copied into a bucket, and which of their files have been.
CREATE TABLE object_drop_directory (
    name      text PRIMARY KEY,
    bucket    text NOT NULL,
    spec      jsonb NOT NULL,
    tags      jsonb NOT NULL DEFAULT '{}',
    problem   text,
    looked_at timestamptz
);
CREATE INDEX object_drop_directory_bucket ON object_drop_directory (bucket);
CREATE TABLE object_drop_file (
    directory  text NOT NULL REFERENCES object_drop_directory (name) ON DELETE CASCADE,
    path       text COLLATE "C" NOT NULL,
    device     bigint,
    inode      bigint,
    size_bytes bigint,
    changed_ns bigint,
    sha256     text,
    version_id text,
    problem    text,
    noticed_at timestamptz NOT NULL,
    PRIMARY KEY (directory, path)
);
CREATE INDEX object_drop_file_problem ON object_drop_file (directory, path) WHERE problem IS NOT NULL;
