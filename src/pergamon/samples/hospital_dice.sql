-- Seeded dice: the same (seed, what, number) rolls the same 32 bytes on every PostgreSQL, so a hospital can be made again.
CREATE OR REPLACE FUNCTION pg_temp.roll(seed bigint, what text, number bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT sha256((seed::text || ':' || what || ':' || number::text)::bytea) $$;

CREATE OR REPLACE FUNCTION pg_temp.pick(roll bytea, place integer, choices integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT mod(get_byte(roll, place) * 256 + get_byte(roll, place + 1), choices) $$;

CREATE OR REPLACE FUNCTION pg_temp.id_of(roll bytea) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT encode(substr(roll, 1, 16), 'hex')::uuid $$;

-- A note of about 80 bytes a line that does not compress away: what a department's system exports.
CREATE OR REPLACE FUNCTION pg_temp.long_note(seed bigint, number bigint, lines integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
        SELECT string_agg(
            'Befund ' || k || ' – ' || encode(pg_temp.roll(seed, 'note' || number, k), 'base64') || ' °C; ', E'\n' ORDER BY k)
        FROM generate_series(1, lines) AS k
    $$;
