INSERT INTO survey.question
SELECT pg_temp.id_of(pg_temp.roll(%(seed)s, 'question', n)),
       pg_temp.id_of(pg_temp.roll(%(seed)s, 'survey', 1 + mod(n, %(surveys)s))),
       CASE WHEN mod(n, 19) > 0 THEN (ARRAY['Did you sleep well?', 'Schmerzen von 0 bis 5?', 'Votre humeur ?', 'Anything else?'])[1 + mod(n, 4)] END,
       (ARRAY['yes/no', 'scale', 'single-choice', 'free-text'])[1 + mod(n, 4)],
       CASE mod(n, 4)
           WHEN 0 THEN '[{"value": "yes", "score": 1}, {"value": "no", "score": 0}]'::jsonb
           WHEN 2 THEN '[{"id": "a", "value": "Très bien", "score": 0}, {"id": "b", "value": "Moyen", "score": "2"}, {"id": "c", "value": "Mal"}]'::jsonb
           END,
       CASE WHEN mod(n, 5) = 0 THEN '{"type": "image", "alt": "😀"}'::jsonb END,
       mod(n, 9) = 0,
       %(until)s::timestamptz - interval '300 days',
       %(until)s::timestamptz - interval '120 days'
FROM generate_series(1, %(questions)s) AS n
