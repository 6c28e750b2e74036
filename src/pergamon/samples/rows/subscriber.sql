INSERT INTO hda.subscriber
SELECT pg_temp.id_of(h),
       n,
       pg_temp.id_of(pg_temp.roll(%(seed)s, 'patient', n)),
       CASE WHEN mod(n, 23) > 0
           THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'organization', 1 + pg_temp.pick(h, 16, %(organizations)s))) END,
       status,
       status IN (1, 2, 6),
       CASE WHEN mod(n, 4) > 0 THEN (ARRAY['Europe/Berlin', 'Europe/Tallinn', 'Atlantic/Azores'])[1 + mod(n, 3)] END,
       created_at,
       least(%(until)s::timestamptz, created_at + pg_temp.pick(h, 22, 60) * interval '1 day')
FROM generate_series(1, %(subscribers)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'subscriber', n) AS h OFFSET 0) AS dice
CROSS JOIN LATERAL (
    SELECT (ARRAY[2, 2, 2, 2, 2, 2, 1, 3, 4, 4, 5, 6, 7])[1 + pg_temp.pick(h, 18, 13)] AS status,
           %(until)s::timestamptz - (pg_temp.pick(h, 20, 400) * interval '1 day' + interval '2 hours') AS created_at
    OFFSET 0) AS joined
