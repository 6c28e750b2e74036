-- Requests that create, by the key that their client gave: what was asked (a digest), what was answered. Kept for a day.
CREATE TABLE web_idempotency (
    actor       text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    created_at  timestamptz NOT NULL,
    status      integer,
    body        jsonb,
    PRIMARY KEY (actor, key)
);
CREATE INDEX web_idempotency_age ON web_idempotency (created_at);
