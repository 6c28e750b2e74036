-- Which subscribers have not been heard of, although a survey was assigned to their whole organization?
--
-- A subscriber is missing when the organization has an organization assignment and the subscriber has no response, in
-- that organization, to a question with a text (the rows of surveys_vanity_metrics). One row per missing subscriber and
-- survey so assigned. When nobody is missing the table is empty. The clock does not matter here.
WITH assigned AS (
    SELECT DISTINCT organization_id, survey_id
    FROM raw_db.survey_assignment
    WHERE assignment_type = 'organization-assignment' AND organization_id IS NOT NULL
),

heard AS (
    SELECT DISTINCT r.subscriber_id, r.organization_id
    FROM raw_db.survey_response AS r
    INNER JOIN raw_db.question AS q ON r.question_id = q.id
    WHERE q.question_text IS NOT NULL
)

SELECT
    s.id AS id,
    s.organization_id AS organization_id,
    false AS completed,
    o.business_name AS organization_name,
    o.parent_id AS parent_id,
    p.business_name AS parent_name,
    a.survey_id AS survey_id
FROM raw_db.subscriber AS s
INNER JOIN assigned AS a ON s.organization_id = a.organization_id
LEFT JOIN heard AS h ON s.id = h.subscriber_id AND s.organization_id = h.organization_id
LEFT JOIN raw_db.organization AS o ON s.organization_id = o.id
LEFT JOIN raw_db.organization AS p ON o.parent_id = p.id
WHERE h.subscriber_id IS NULL
