INSERT INTO survey.survey_response
SELECT pg_temp.id_of(h),
       CASE WHEN mod(n, 31) > 0 THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'assignment', 1 + pg_temp.pick(h, 16, %(assignments)s))) END,
       CASE WHEN mod(n, 37) > 0 THEN pg_temp.id_of(pg_temp.roll(%(seed)s, 'question', question)) END,
       s.id,
       s.organization_id,
       (ARRAY['yes/no', 'scale', 'single-choice', 'free-text'])[1 + mod(question, 4)],
       sent.status,
       CASE WHEN answered AND mod(question, 4) = 0
           THEN (ARRAY['{"value": true}', '{"value": "yes"}', '{"value": false}', '{"value": "no"}'])[1 + pg_temp.pick(h, 24, 4)]::jsonb END,
       CASE WHEN answered AND mod(question, 4) = 1
           THEN jsonb_build_object('value', CASE WHEN mod(n, 2) = 0 THEN to_jsonb(mod(n, 6)) ELSE to_jsonb(mod(n, 6)::text) END) END,
       CASE WHEN answered AND mod(question, 4) = 2
           THEN jsonb_build_object('id', (ARRAY['a', 'b', 'c', 'gone'])[1 + pg_temp.pick(h, 24, 4)]) END,
       CASE WHEN answered AND mod(question, 4) = 3 THEN (ARRAY['', 'Merci 🙏', 'すべて良い', E'line one\nline two\t;'])[1 + mod(n, 4)] END,
       CASE WHEN answered THEN sent_at + interval '5 minutes' END,
       CASE WHEN sent.status = 'completed' THEN sent_at + (CASE WHEN mod(n, 67) = 0 THEN -60 ELSE 300 + pg_temp.pick(h, 26, 2000) END) * interval '1 second' END,
       sent_at,
       sent_at + interval '1 hour'
FROM generate_series(1, %(responses)s) AS n
CROSS JOIN LATERAL (SELECT pg_temp.roll(%(seed)s, 'response', n) AS h OFFSET 0) AS dice
CROSS JOIN LATERAL (
    SELECT 1 + pg_temp.pick(h, 18, %(questions)s) AS question,
           1 + mod(get_byte(h, 20) * 65536 + get_byte(h, 21) * 256 + get_byte(h, 22), %(subscribers)s) AS who,
           (ARRAY['completed', 'completed', 'completed', 'partially-completed', 'canceled', 'ignored', 'skipped', 'sent'])[1 + pg_temp.pick(h, 28, 8)] AS status,
           %(until)s::timestamptz - pg_temp.pick(h, 30, 2000) * interval '1 hour' AS sent_at OFFSET 0) AS sent
CROSS JOIN LATERAL (SELECT sent.status IN ('completed', 'partially-completed') AS answered OFFSET 0) AS answer
LEFT JOIN hda.subscriber AS s ON s.member_number = who
