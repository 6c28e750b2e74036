-- What was answered to each question of a survey, what is it worth, and how far did the subscriber get?
--
-- One row per survey response whose question is known and has a text. Answers are read as JSON, not compared as text.
-- The score is the value of a scale, or the score that the question's options give to the answer (the first option
-- that matches; none: null). The time to complete counts only when both instants are known and in order; minutes and
-- seconds are the two parts of it. The clock does not matter here.
WITH answers AS (
    SELECT
        r.id,
        r.question_id,
        r.question_type,
        try_cast(get_json_object(r.scale_response, '$.value') AS INT) AS scale_value,
        CASE
            WHEN lower(get_json_object(r.yes_no_response, '$.value')) IN ('true', 'yes') THEN 'yes'
            WHEN lower(get_json_object(r.yes_no_response, '$.value')) IN ('false', 'no') THEN 'no'
        END AS yes_no,
        get_json_object(r.single_choice_response, '$.id') AS choice
    FROM raw_db.survey_response AS r
),

options AS (
    SELECT
        q.id AS question_id,
        from_json(q.question_options, 'array<struct<id:string,value:string,score:string>>') AS options
    FROM raw_db.question AS q
),

matched AS (
    SELECT
        a.*,
        get(filter(o.options, x -> a.choice IS NOT NULL AND x.id = a.choice), 0) AS chosen,
        get(filter(o.options, x -> a.yes_no IS NOT NULL AND lower(x.value) = a.yes_no), 0) AS said
    FROM answers AS a
    LEFT JOIN options AS o ON a.question_id = o.question_id
),

scored AS (
    SELECT
        id,
        CASE
            WHEN scale_value IS NOT NULL THEN CAST(scale_value AS STRING)
            WHEN yes_no = 'yes' THEN 'Yes'
            WHEN yes_no = 'no' THEN 'No'
            WHEN choice IS NOT NULL THEN chosen.value
        END AS response,
        scale_value,
        CASE
            WHEN question_type = 'single-choice' THEN try_cast(chosen.score AS INT)
            WHEN question_type = 'yes/no' THEN try_cast(said.score AS INT)
        END AS option_score
    FROM matched
),

timed AS (
    SELECT
        id,
        CASE
            WHEN survey_submitted_at >= survey_started_at
                THEN unix_micros(survey_submitted_at) - unix_micros(survey_started_at)
        END AS took_us
    FROM raw_db.survey_response
)

SELECT
    r.id AS id,
    r.survey_assignment_id AS survey_assignment_id,
    r.question_id AS question_id,
    r.subscriber_id AS subscriber_id,
    r.organization_id AS organization_id,
    r.question_type AS question_type,
    r.status AS status,
    r.yes_no_response AS yes_no_response,
    r.scale_response AS scale_response,
    r.single_choice_response AS single_choice_response,
    r.free_text_response AS free_text_response,
    r.survey_started_at AS survey_started_at,
    r.survey_submitted_at AS survey_submitted_at,
    r.created_at AS created_at,
    r.updated_at AS updated_at,
    o.business_name AS organization_name,
    o.parent_id AS parent_id,
    p.business_name AS parent_name,
    q.question_text AS question_text,
    q.archived AS archived,
    c.option_score AS single_choice_yes_no_score,
    CASE r.question_type
        WHEN 'yes/no' THEN 'Yes/No'
        WHEN 'scale' THEN 'Scale'
        WHEN 'single-choice' THEN 'Single Choice'
        WHEN 'free-text' THEN 'Free Text'
        ELSE 'N/A'
    END AS question_type_transformed,
    c.response AS response_transformed,
    a.name AS survey_assignment_name,
    s.id AS survey_id,
    s.title AS survey_name,
    s.alert_threshold AS alert_threshold,
    CASE WHEN r.question_type = 'scale' THEN c.scale_value ELSE c.option_score END AS score,
    coalesce(r.status = 'completed', false) AS is_completed,
    coalesce(r.status IN ('ignored', 'skipped'), false) AS is_nack,
    coalesce(r.status IN ('partially-completed', 'canceled'), false) AS is_abandoned,
    r.survey_started_at IS NOT NULL AS is_started,
    coalesce(r.status IN ('canceled', 'completed', 'partially-completed', 'ignored', 'skipped'), false) AS is_delivered,
    coalesce(r.status IN ('completed', 'partially-completed', 'canceled'), false) AS is_opened,
    CAST(t.took_us AS DOUBLE) / 60000000 AS completion_time,
    CAST(floor(CAST(t.took_us AS DOUBLE) / 60000000) AS BIGINT) AS completion_time_minutes,
    CAST(t.took_us % 60000000 AS DOUBLE) / 1000000 AS completion_time_seconds
FROM raw_db.survey_response AS r
INNER JOIN raw_db.question AS q ON r.question_id = q.id
INNER JOIN scored AS c ON r.id = c.id
INNER JOIN timed AS t ON r.id = t.id
LEFT JOIN raw_db.organization AS o ON r.organization_id = o.id
LEFT JOIN raw_db.organization AS p ON o.parent_id = p.id
LEFT JOIN raw_db.survey_assignment AS a ON r.survey_assignment_id = a.id
LEFT JOIN raw_db.survey AS s ON a.survey_id = s.id
WHERE q.question_text IS NOT NULL
