INSERT INTO survey.survey_assignment
SELECT pg_temp.id_of(h),
       'Assignment ' || n,
       CASE WHEN mod(n, 3) > 0 THEN 'weekly, «à domicile»' END,
       pg_temp.id_of(pg_temp.roll(%(seed)s, 'survey', 1 + mod(n, %(surveys)s))),
       CASE WHEN mod(n, 6) > 0 THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'organization', 1 + pg_temp.pick(h, 16, %(organizations)s))) END,
       CASE WHEN mod(n, 2) = 0 THEN ARRAY(
           SELECT pg_temp.id_of(pg_temp.roll(%(seed)s, 'subscriber', 1 + mod(n * 3 + k, %(subscribers)s)))
           FROM generate_series(1, mod(n, 5)) AS k) END,
       (ARRAY['active', 'finished', 'active'])[1 + mod(n, 3)],
       mod(n, 3) > 0,
       CASE WHEN mod(n, 2) = 1 THEN 'organization-assignment' ELSE 'subscriber-assignment' END,
       mod(n, 2) = 1,
       %(until)s::timestamptz - interval '100 days',
       %(until)s::timestamptz - pg_temp.pick(h, 20, 100) * interval '1 day'
FROM generate_series(1, %(assignments)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'assignment', n) AS h OFFSET 0) AS dice
