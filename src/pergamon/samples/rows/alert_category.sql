INSERT INTO vital.alert_category
SELECT pg_temp.id_of(pg_temp.roll(%(seed)s, 'alert_category', n)), code, name,
       %(until)s::timestamptz - interval '900 days', %(until)s::timestamptz - interval '900 days'
FROM (VALUES
    (1, 'no-vital-taken', 'No vital taken'),
    (2, 'out-of-range', 'Hors norme'),
    (3, 'device-silent', 'Gerät meldet sich nicht')
) AS category (n, code, name)
