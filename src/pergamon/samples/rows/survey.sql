INSERT INTO survey.survey
SELECT pg_temp.id_of(pg_temp.roll(%(seed)s, 'survey', n)),
       (ARRAY['Wellbeing', 'Schmerztagebuch', 'Sommeil et humeur', '服薬アンケート'])[1 + mod(n, 4)] || ' ' || n,
       CASE WHEN mod(n, 3) > 0 THEN 'How the last week was' END,
       (ARRAY['published', 'draft', 'published'])[1 + mod(n, 3)],
       (ARRAY['en', 'de', 'fr', 'ja'])[1 + mod(n, 4)],
       mod(n, 3) > 0,
       mod(n, 2) = 0,
       CASE WHEN mod(n, 4) > 0 THEN 3 END,
       %(until)s::timestamptz - interval '300 days',
       %(until)s::timestamptz - n * interval '9 days'
FROM generate_series(1, %(surveys)s) AS n
