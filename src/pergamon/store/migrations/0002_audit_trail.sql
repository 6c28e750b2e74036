-- The trail. Events are inserted unchained, in the transaction of the act; a sequencer chains them afterwards.
CREATE TABLE audit_event (
    id       text PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text NOT NULL,
    operator text,
    code     text NOT NULL,
    subject  text NOT NULL,
    facts    text NOT NULL,           -- canonical JSON: the very bytes that are hashed
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE TABLE audit_link (
    seq      bigint PRIMARY KEY,
    event_id text NOT NULL UNIQUE REFERENCES audit_event (id),
    hash     text NOT NULL
);
CREATE TABLE audit_pending (          -- committed, not chained yet: keeps the sequencer's cost at what is new
    event_id text PRIMARY KEY REFERENCES audit_event (id)
);
CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_subject ON audit_event (subject, at, id);
CREATE INDEX audit_event_actor ON audit_event (actor, at, id);
CREATE INDEX audit_event_code ON audit_event (code, at, id);

CREATE TABLE audit_about (            -- what an event speaks of besides its subject; it is hashed with the event
    event_id text NOT NULL REFERENCES audit_event (id),
    about    text NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (event_id, about)
);
CREATE INDEX audit_about_about ON audit_about (about, at, event_id);

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the trail is append-only';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_about_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_about
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TABLE audit_setting (
    kind text PRIMARY KEY CHECK (kind IN ('audit', 'audit-trail')),
    spec jsonb NOT NULL,
    tags jsonb NOT NULL DEFAULT '{}'
);
