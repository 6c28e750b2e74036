INSERT INTO hda.patients
SELECT pg_temp.id_of(h),
       1000000 + n,
       (%(family_names)s::text[])[1 + script * 6 + pg_temp.pick(h, 16, 6)],
       (%(given_names)s::text[])[1 + script * 6 + pg_temp.pick(h, 18, 6)],
       CASE mod(n, 4) WHEN 0 THEN NULL WHEN 1 THEN ARRAY[]::text[]
           ELSE ARRAY[(%(given_names)s::text[])[1 + script * 6 + pg_temp.pick(h, 20, 6)], 'de "la" {Cruz, N.}'] END,
       born,
       CASE WHEN mod(n, 97) = 0 THEN born - 30 WHEN mod(n, 31) = 0 THEN born + 20000 END,
       CASE WHEN mod(n, 40) > 0 THEN (ARRAY['F', 'M', 'F', 'M', 'X'])[1 + mod(n, 5)] END,
       CASE WHEN mod(n, 9) > 0 THEN lpad((pg_temp.pick(h, 22, 60000) * 16381 + mod(n, 16381))::text, 11, '0') END,
       CASE WHEN mod(n, 3) > 0 THEN (enum_range(NULL::hda.blood_group))[1 + pg_temp.pick(h, 24, 8)] END,
       CASE WHEN mod(n, 8) > 0 THEN 2.5 + pg_temp.pick(h, 26, 14000) / 100.0 END,
       CASE WHEN mod(n, 3) > 0 THEN 0.3 + pg_temp.pick(h, 28, 1400)::numeric / 700 END,
       CASE WHEN mod(n, 5) > 0 THEN pg_temp.pick(h, 29, 1000) / 1000.0 END,
       mod(n, 60),
       CASE WHEN mod(n, 6) > 0 THEN ARRAY[mod(n, 11), NULL, mod(n, 4)]::integer[] END,
       CASE WHEN mod(n, 10) > 0 THEN jsonb_build_object(
           'email', 'patient' || n || '@example.org', 'phones', jsonb_build_array('+49 30 5550' || lpad(mod(n, 1000)::text, 3, '0')),
           'note', CASE WHEN mod(n, 13) = 0 THEN 'rings twice "☎", then \ waits' END) END,
       CASE WHEN mod(n, 50) = 0 THEN h || h || h WHEN mod(n, 25) = 0 THEN ''::bytea END,
       CASE WHEN mod(n, 7) > 0 THEN mod(n, 6) > 0 END,
       CASE WHEN mod(n, 200) = 7 THEN pg_temp.long_note(%(seed)s, n, 1000)
            WHEN mod(n, 20) = 3 THEN pg_temp.long_note(%(seed)s, n, 150)
            WHEN mod(n, 3) = 0 THEN 'Allergie: Penicillin; 薬の副作用なし; «à revoir»'
            WHEN mod(n, 3) = 1 THEN '' END,
       %(until)s::timestamptz - (90 + pg_temp.pick(h, 20, 3000)) * interval '1 day',
       %(until)s::timestamptz - pg_temp.pick(h, 22, 90) * interval '1 day'
FROM generate_series(1, %(patients)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'patient', n) AS h OFFSET 0) AS dice
CROSS JOIN LATERAL (
    SELECT pg_temp.pick(h, 30, cardinality(%(family_names)s::text[]) / 6) AS script,
           date '1925-01-01' + pg_temp.pick(h, 14, 36500) AS born OFFSET 0) AS person
