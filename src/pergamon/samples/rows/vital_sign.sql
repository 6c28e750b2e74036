INSERT INTO vital.vital_sign
SELECT pg_temp.id_of(pg_temp.roll(%(seed)s, 'vital_sign', n)),
       code, display_name, unit, low, high,
       n <> 6,
       CASE WHEN n = 6 THEN %(until)s::timestamptz - interval '20 days' END,
       %(until)s::timestamptz - interval '900 days',
       %(until)s::timestamptz - n * interval '20 days'
FROM (VALUES
    (1, '8867-4', 'Heart rate', '/min', 50, 110),
    (2, '8480-6', 'Systolic blood pressure', 'mm[Hg]', 90, 150),
    (3, '8462-4', 'Diastolic blood pressure', 'mm[Hg]', 50, 95),
    (4, '59408-5', 'Oxygen saturation', '%%', 92, 100),
    (5, '8310-5', 'Body temperature', 'Cel', 35.8, 38.2),
    (6, '2339-0', 'Glucose', 'mg/dL', 70, 180.5),
    (7, '29463-7', NULL, 'kg', NULL, NULL)
) AS sign (n, code, display_name, unit, low, high)
