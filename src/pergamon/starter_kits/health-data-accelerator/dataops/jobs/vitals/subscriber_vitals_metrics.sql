-- How does each subscriber stand on the 16-day rule, in this month and in the one before?
--
-- Two rows per subscriber, 'Current Month' and 'Previous Month', each speaking of its own calendar month (UTC).
-- An interaction is a reading or a "no vital taken" alert, under the subscriber's present organization (or none, for
-- a subscriber without one). A day with an interaction is a compliant day; 16 of them in a month make it compliant
-- and billable. Until then
--     risk_factor = compliant days + days left in the month - 16 = days that may still be missed,
-- and nothing is left of a month that is over. The risk level: 0 compliant; 1 more than 6 days to spare; 2 for 4 to 6;
-- 3 for 0 to 3 (0 means: every day that is left counts); 4 out of reach.
WITH months AS (
    SELECT
        'Current Month' AS month,
        date_trunc('MONTH', {{run_at}}) AS starts,
        CAST(add_months(CAST(date_trunc('MONTH', {{run_at}}) AS DATE), 1) AS TIMESTAMP) AS ends,
        dayofmonth(last_day(CAST({{run_at}} AS DATE))) - dayofmonth(CAST({{run_at}} AS DATE)) AS days_left
    UNION ALL
    SELECT
        'Previous Month',
        CAST(add_months(CAST(date_trunc('MONTH', {{run_at}}) AS DATE), -1) AS TIMESTAMP),
        date_trunc('MONTH', {{run_at}}),
        0
),

events AS (
    SELECT subscriber_id, organization_id, updated_at, 1 AS readings, 0 AS alerts
    FROM raw_db.vital_reading
    UNION ALL
    SELECT a.subscriber_id, a.organization_id, a.updated_at, 0, 1
    FROM raw_db.alert AS a
    INNER JOIN raw_db.alert_category AS c ON a.alert_category_id = c.id
    WHERE c.code = 'no-vital-taken'
),

ever AS (
    SELECT subscriber_id, min(updated_at) AS first_vital_date, max(updated_at) AS last_vital_date
    FROM events
    GROUP BY subscriber_id
),

interactions AS (
    SELECT
        s.id AS subscriber_id,
        m.month AS month,
        sum(e.readings) AS vital_reading_count,
        count(DISTINCT CASE WHEN e.readings = 1 THEN to_date(e.updated_at) END) AS unique_vital_reading_count,
        sum(e.alerts) AS alert_count,
        count(DISTINCT to_date(e.updated_at)) AS compliant_days
    FROM events AS e
    INNER JOIN raw_db.subscriber AS s ON e.subscriber_id = s.id AND e.organization_id <=> s.organization_id
    INNER JOIN months AS m ON e.updated_at >= m.starts AND e.updated_at < m.ends
    GROUP BY s.id, m.month
),

counted AS (
    SELECT
        s.*,
        m.month,
        m.days_left,
        coalesce(i.vital_reading_count, 0) AS vital_reading_count,
        coalesce(i.unique_vital_reading_count, 0) AS unique_vital_reading_count,
        coalesce(i.alert_count, 0) AS alert_count,
        coalesce(i.compliant_days, 0) AS compliant_days,
        s.created_at >= m.starts AND s.created_at < m.ends AS is_new,
        coalesce(s.status = 4, false) AS is_canceled,
        s.updated_at >= m.starts AND s.updated_at < m.ends AS is_touched
    FROM raw_db.subscriber AS s
    CROSS JOIN months AS m
    LEFT JOIN interactions AS i ON s.id = i.subscriber_id AND m.month = i.month
),

judged AS (
    SELECT
        *,
        compliant_days >= 16 AS is_compliant,
        CASE WHEN compliant_days < 16 THEN compliant_days + days_left - 16 END AS risk_factor,
        is_new AND compliant_days > 0 AS first_vital_taken
    FROM counted
)

SELECT
    j.id AS id,
    j.member_number AS member_number,
    j.patient_id AS patient_id,
    j.organization_id AS organization_id,
    j.status AS status,
    j.active AS active,
    j.time_zone AS time_zone,
    j.created_at AS created_at,
    j.updated_at AS updated_at,
    j.risk_factor AS risk_factor,
    e.last_vital_date AS last_vital_date,
    e.first_vital_date AS first_vital_date,
    j.is_new AS is_new_this_month,
    j.unique_vital_reading_count AS unique_vital_reading_count,
    j.vital_reading_count AS vital_reading_count,
    j.alert_count AS alert_count,
    j.compliant_days AS compliant_days,
    j.is_compliant AS is_compliant,
    coalesce(j.active, false) AS is_active,
    coalesce(NOT j.active, false) AS not_active,
    j.is_canceled AND j.is_touched AS is_canceled_this_month,
    j.is_canceled AND j.is_touched AND j.is_new AS is_canceled_same_month,
    CASE j.status
        WHEN 1 THEN 'UNDER_REVIEW'
        WHEN 2 THEN 'ACTIVE'
        WHEN 3 THEN 'ON_HOLD'
        WHEN 4 THEN 'CANCELED'
        WHEN 5 THEN 'CLOSED'
        WHEN 6 THEN 'CREATED'
        WHEN 7 THEN 'ANONYMIZED'
        ELSE 'UNKNOWN'
    END AS status_string,
    concat(CAST(j.compliant_days AS STRING), ' Interactions') AS interaction_type,
    j.first_vital_taken AS first_vital_taken,
    j.is_compliant AS is_billable,
    NOT j.is_compliant AS is_not_billable,
    j.is_canceled AS is_canceled,
    (j.is_canceled OR coalesce(NOT j.active, false)) AND j.compliant_days + j.days_left < 16 AS is_outliar,
    CASE
        WHEN j.is_compliant THEN 0
        WHEN j.risk_factor < 0 THEN 4
        WHEN j.risk_factor <= 3 THEN 3
        WHEN j.risk_factor <= 6 THEN 2
        ELSE 1
    END AS risk_level,
    j.is_new AND NOT j.first_vital_taken AND NOT j.is_canceled AS is_pending,
    o.business_name AS organization_name,
    o.parent_id AS parent_id,
    p.business_name AS parent_name,
    j.month AS month
FROM judged AS j
LEFT JOIN ever AS e ON j.id = e.subscriber_id
LEFT JOIN raw_db.organization AS o ON j.organization_id = o.id
LEFT JOIN raw_db.organization AS p ON o.parent_id = p.id
