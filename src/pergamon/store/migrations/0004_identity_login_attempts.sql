-- Failed logins, counted in a fixed number of places, so that made-up names neither grow this nor can be read from it:
-- people type passwords into name fields.
CREATE TABLE login_salt (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    salt     bytea NOT NULL
);
INSERT INTO login_salt (salt) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
CREATE TABLE login_attempt (
    place            integer PRIMARY KEY CHECK (place BETWEEN -1 AND 65535),   -- -1: all names together
    failures         integer NOT NULL,
    first_at         timestamptz NOT NULL,             -- the count begins anew some time after this
    last_at          timestamptz NOT NULL,             -- a wait is counted from here
    refusal_recorded boolean NOT NULL DEFAULT false    -- the trail has one denial for each wait, not for each try
);
