INSERT INTO hda.bed_stay
SELECT (ARRAY['Intensiv', 'Cardiología', 'Pädiatrie', '小児科', 'Ογκολογία'])[1 + mod(n, 5)],
       1 + n / 5,
       pg_temp.id_of(pg_temp.roll(%(seed)s, 'patient', n)),
       CASE WHEN mod(n, 2) = 0 THEN pg_temp.long_note(%(seed)s, -n, 130) WHEN mod(n, 3) = 0 THEN 'Schmerzskala 2× täglich' END,
       CASE WHEN mod(n, 4) > 0 THEN 310.50 + n END,
       %(until)s::timestamptz - pg_temp.pick(h, 16, 40) * interval '7 hours'
FROM generate_series(1, %(beds)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'bed', n) AS h OFFSET 0) AS dice
