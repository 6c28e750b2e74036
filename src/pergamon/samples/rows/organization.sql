INSERT INTO hda.organization
SELECT pg_temp.id_of(h),
       (%(organization_names)s::text[])[1 + mod(n - 1, cardinality(%(organization_names)s::text[]))] || ' ' || n,
       CASE WHEN n > 1 AND mod(n, 7) > 0 THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'organization', 1 + n / 5)) END,
       (ARRAY['DE', 'FR', 'PT', 'EE', 'GR', 'JP'])[1 + pg_temp.pick(h, 16, 6)],
       CASE WHEN mod(n, 5) > 0 THEN jsonb_build_object(
           'street', 'Äußere Straße ' || n, 'floors', jsonb_build_array(0, 1, 2), 'geo', jsonb_build_object('lat', 47.5 + n)) END,
       CASE WHEN mod(n, 4) > 0 THEN pg_temp.pick(h, 18, 900) END,
       mod(n, 11) > 0,
       %(until)s::timestamptz - (800 + pg_temp.pick(h, 20, 2000)) * interval '1 day',
       %(until)s::timestamptz - pg_temp.pick(h, 22, 800) * interval '1 day'
FROM generate_series(1, %(organizations)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'organization', n) AS h OFFSET 0) AS dice
