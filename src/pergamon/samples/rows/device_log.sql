-- Every third row is the very same as the one before it: there is no key.
INSERT INTO vital.device_log
SELECT 'D-' || mod(k, 200),
       %(until)s::timestamptz - k * interval '5 minutes',
       CASE WHEN mod(k, 6) > 0 THEN (ARRAY['info', 'warn', 'error'])[1 + mod(k, 3)] END,
       CASE WHEN mod(k, 5) > 0 THEN mod(k, 100) / 100.0 END,
       CASE WHEN mod(k, 4) > 1 THEN jsonb_build_object('rssi', -mod(k, 90)) END,
       CASE WHEN mod(k, 50) = 9 THEN pg_temp.long_note(%(seed)s, 9000000 + k, 130) ELSE 'ok' END
FROM generate_series(1, %(device_logs)s) AS n
CROSS JOIN LATERAL (SELECT CASE WHEN mod(n, 3) = 0 THEN n - 1 ELSE n END AS k OFFSET 0) AS twin
