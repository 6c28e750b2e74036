INSERT INTO vital.alert
SELECT pg_temp.id_of(h),
       s.id,
       s.organization_id,
       CASE WHEN mod(n, 29) > 0 THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'alert_category', 1 + mod(n, 3))) END,
       'alert-' || n,
       1 + pg_temp.pick(h, 18, 4),
       CASE mod(n, 10)
           WHEN 0 THEN NULL
           WHEN 1 THEN '{}'::jsonb
           ELSE jsonb_build_object('alertType', (ARRAY['reminder', 'escalation'])[1 + mod(n, 2)],
                                   'settingId', 'setting-' || mod(n, 17), 'nvtThresholdInHours', 24 * (1 + mod(n, 3))) END,
       CASE WHEN mod(n, 3) = 0 THEN raised_at + interval '40 minutes' END,
       raised_at,
       raised_at
FROM generate_series(1, %(alerts)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'alert', n) AS h OFFSET 0) AS dice
CROSS JOIN LATERAL (
    SELECT 1 + mod(get_byte(h, 16) * 65536 + get_byte(h, 17) * 256 + get_byte(h, 18), %(subscribers)s) AS who,
           %(until)s::timestamptz
           - (pg_temp.pick(h, 20, 70) * 86400 + pg_temp.pick(h, 22, 65536)) * interval '1 second' AS raised_at OFFSET 0) AS moment
LEFT JOIN hda.subscriber AS s ON s.member_number = who
