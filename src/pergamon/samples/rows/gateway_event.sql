INSERT INTO vital.gateway_event
SELECT 'gw-' || mod(n, 12), %(until)s::timestamptz - n * interval '3 minutes',
       CASE WHEN mod(n, 8) > 0 THEN substr(h, 1, 1 + mod(n, 32)) END, 1 + mod(n, 32)
FROM generate_series(1, %(device_logs)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'gateway_event', n) AS h OFFSET 0) AS dice
