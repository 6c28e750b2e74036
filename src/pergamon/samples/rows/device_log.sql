-- Rows may be the very same twice: there is no key.
INSERT INTO vital.device_log
SELECT 'D-' || mod(n, 200),
       %(until)s::timestamptz - (n / 2) * interval '11 minutes',
       CASE WHEN mod(n, 6) > 0 THEN (ARRAY['info', 'warn', 'error'])[1 + mod(n / 2, 3)] END,
       CASE WHEN mod(n, 5) > 0 THEN mod(n / 2, 100) / 100.0 END,
       CASE WHEN mod(n, 4) > 1 THEN jsonb_build_object('rssi', -mod(n / 2, 90)) END,
       CASE WHEN mod(n, 50) = 9 THEN pg_temp.long_note(%(seed)s, 9000000 + n, 130) ELSE 'ok' END
FROM generate_series(1, %(device_logs)s) AS n
