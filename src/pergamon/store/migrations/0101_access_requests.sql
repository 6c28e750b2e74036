-- Requests for access, with what was said and decided on each.
CREATE TABLE access_request (
    id              text PRIMARY KEY,
    asset_id        text NOT NULL,
    asset_name      text NOT NULL,
    asset_project   text NOT NULL,                    -- whose the asset is
    listing_version integer NOT NULL,                 -- its conditions are those that hold
    project         text NOT NULL,                    -- which asks
    requested_by    text NOT NULL,
    requested_at    timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'changes-asked', 'approved', 'rejected', 'withdrawn')),
    round           integer NOT NULL DEFAULT 1,       -- one more with each amendment; approvals count in their round
    shaped_by       text[] NOT NULL,                  -- who wrote or amended it, and so decides nothing on it
    wish            jsonb NOT NULL,
    decided_at      timestamptz,
    decided_by      text
);
CREATE UNIQUE INDEX access_request_one_open ON access_request (project, asset_id)
    WHERE state IN ('open', 'changes-asked');
CREATE INDEX access_request_of_project ON access_request (project, id);
CREATE INDEX access_request_of_asset ON access_request (asset_id, id);
CREATE INDEX access_request_of_owner ON access_request (asset_project, id);
CREATE INDEX access_request_waiting ON access_request (asset_project, id) WHERE state = 'open';
CREATE INDEX access_request_sent_back ON access_request (project, id) WHERE state = 'changes-asked';
CREATE TABLE access_approval (
    request_id text NOT NULL REFERENCES access_request (id),
    round      integer NOT NULL,
    by         text NOT NULL,
    at         timestamptz NOT NULL,
    note       text NOT NULL,
    narrowing  jsonb NOT NULL,
    PRIMARY KEY (request_id, round, by)
);
CREATE TABLE access_comment (
    id         text PRIMARY KEY,
    request_id text NOT NULL REFERENCES access_request (id),
    by         text NOT NULL,
    at         timestamptz NOT NULL,
    act        text NOT NULL,                         -- comment, or the act that it explains
    text       text NOT NULL
);
CREATE INDEX access_comment_of_request ON access_comment (request_id, id);
