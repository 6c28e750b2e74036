-- One slice of subscribers at a time, so that progress can be told. A subscriber measures daily, or every 2, 3, 5 days.
INSERT INTO vital.vital_reading
SELECT pg_temp.id_of(h),
       s.id,
       s.organization_id,
       CASE WHEN mod(r, 61) > 0 THEN (ARRAY(SELECT id FROM vital.vital_sign ORDER BY code))[1 + mod(r, 7)] END,
       CASE WHEN mod(r, 9) > 0 THEN 'log-' || s.member_number || '-' || r END,
       CASE WHEN mod(r, 41) > 0 THEN 60 + pg_temp.pick(h, 18, 9000) / 100.0 END,
       CASE WHEN mod(r, 3) > 0 THEN (ARRAY(SELECT unit FROM vital.vital_sign ORDER BY code))[1 + mod(r, 7)] END,
       CASE WHEN mod(r, 20) = 0 THEN jsonb_build_object('serial', 'D-' || s.member_number, 'firmware', '4.' || mod(r, 9)) END,
       taken_at,
       CASE mod(r, 53) WHEN 0 THEN taken_at + interval '9 hours' WHEN 1 THEN taken_at - interval '1 hour' ELSE taken_at END
FROM hda.subscriber AS s
CROSS JOIN LATERAL (SELECT (ARRAY[1, 1, 2, 1, 3, 2, 5])[1 + mod(s.member_number, 7)] AS every_days OFFSET 0) AS habit
CROSS JOIN generate_series(1, %(readings_each)s) AS r
CROSS JOIN LATERAL (
    SELECT pg_temp.roll(%(seed)s, 'vital_reading', s.member_number * 100000 + r) AS h OFFSET 0) AS dice
CROSS JOIN LATERAL (
    SELECT %(until)s::timestamptz
           - (every_days * pg_temp.pick(h, 20, 70 / every_days) * 86400 + pg_temp.pick(h, 22, 65536)) * interval '1 second' AS taken_at
    OFFSET 0) AS moment
WHERE s.member_number BETWEEN %(first)s AND %(last)s
