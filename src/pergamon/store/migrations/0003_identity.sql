-- People, service accounts, roles and tokens. Secrets are kept only as hashes.
CREATE TABLE role (
    name            text PRIMARY KEY,
    description     text NOT NULL DEFAULT '',
    impersonable    boolean NOT NULL DEFAULT false,   -- an operator may act as a person with this role
    policies        text[] NOT NULL DEFAULT '{}',     -- named sets of actions (policy_set)
    tags            jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE policy_set (
    name        text PRIMARY KEY,
    description text NOT NULL DEFAULT '',
    actions     text[] NOT NULL,
    tags        jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE principal (
    id            text PRIMARY KEY,                   -- person:<name> or service:<name>
    kind          text NOT NULL CHECK (kind IN ('person', 'service')),
    display_name  text NOT NULL,
    password_hash text,
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL
);
CREATE TABLE membership (
    principal_id text NOT NULL REFERENCES principal (id),
    role         text NOT NULL REFERENCES role (name),
    PRIMARY KEY (principal_id, role)
);
CREATE TABLE token (
    id           text PRIMARY KEY,
    principal_id text NOT NULL REFERENCES principal (id),
    secret_hash  bytea NOT NULL UNIQUE,               -- SHA-256 of 256 random bits
    label        text NOT NULL,
    created_at   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    revoked_at   timestamptz
);
