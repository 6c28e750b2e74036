-- Subscriptions (the table of an asset in a project's database) and the grants behind them.
CREATE TABLE access_subscription (
    project    text NOT NULL,
    asset_id   text NOT NULL,
    database   text NOT NULL,                         -- <project>_sub
    table_name text NOT NULL,
    PRIMARY KEY (project, asset_id)
);
CREATE UNIQUE INDEX access_subscription_table ON access_subscription (database, table_name);
CREATE TABLE access_grant (
    id             text PRIMARY KEY,
    request_id     text NOT NULL UNIQUE REFERENCES access_request (id),  -- never two grants of one request
    project        text NOT NULL,
    asset_id       text NOT NULL,
    asset_project  text NOT NULL,
    lake_table     text NOT NULL,
    table_key      text NOT NULL,                     -- of the table that was granted: another of its name is not
    rights         jsonb NOT NULL,                    -- columns and rows by field id
    column_names   jsonb NOT NULL,                    -- field id -> name when it was granted, for people
    isolated       boolean NOT NULL,
    granted_at     timestamptz NOT NULL,
    granted_by     text[] NOT NULL,
    valid_until    timestamptz,
    revoked_at     timestamptz,
    revoked_by     text,
    revoked_why    text,
    end_told_at    timestamptz,                       -- its expiry stands in the trail
    warned_at      timestamptz,
    FOREIGN KEY (project, asset_id) REFERENCES access_subscription (project, asset_id)
);
CREATE INDEX access_grant_live ON access_grant (project, asset_id) WHERE revoked_at IS NULL AND end_told_at IS NULL;
CREATE INDEX access_grant_of_project ON access_grant (project, id);
CREATE INDEX access_grant_of_asset ON access_grant (asset_id, id);
CREATE INDEX access_grant_of_owner ON access_grant (asset_project, id);
CREATE INDEX access_grant_ending ON access_grant (valid_until) WHERE revoked_at IS NULL AND end_told_at IS NULL;
