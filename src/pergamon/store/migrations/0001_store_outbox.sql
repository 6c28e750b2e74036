-- Acts on second systems, remembered in the transaction that wants them.
CREATE TABLE outbox (
    id           text PRIMARY KEY,
    topic        text NOT NULL,
    key          text NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT '-infinity',
    attempts     integer NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    UNIQUE (topic, key)
);
CREATE INDEX outbox_due ON outbox (topic, due_at) WHERE delivered_at IS NULL;
