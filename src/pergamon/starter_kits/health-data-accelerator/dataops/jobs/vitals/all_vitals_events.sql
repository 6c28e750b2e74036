-- Which readings and "no vital taken" alerts happened in this month and the one before?
--
-- One row per event whose `updated_at` lies in the month of the clock ('Current Month') or the month before it
-- ('Previous Month'); months are calendar months in UTC. A reading has no alert type, an alert no reading.
-- `reading` is a double: raw keeps the exact digits as text. `days_since_enrollment` counts whole calendar days from
-- the subscriber's creation; it may be negative.
WITH clock AS (
    SELECT
        date_trunc('MONTH', {{run_at}}) AS this_month,
        CAST(add_months(CAST(date_trunc('MONTH', {{run_at}}) AS DATE), -1) AS TIMESTAMP) AS last_month,
        CAST(add_months(CAST(date_trunc('MONTH', {{run_at}}) AS DATE), 1) AS TIMESTAMP) AS next_month
),

events AS (
    SELECT
        id, subscriber_id, organization_id, raw_record_id, created_at, updated_at,
        'vital_reading' AS event_type, reading, vital_sign_id, unit, 'N/A' AS alert_type, 'N/A' AS setting_id
    FROM raw_db.vital_reading
    UNION ALL
    SELECT
        a.id, a.subscriber_id, a.organization_id, a.raw_log_id, a.created_at, a.updated_at,
        'alert', NULL, NULL, NULL,
        coalesce(get_json_object(a.alert_metadata, '$.alertType'), 'N/A'),
        coalesce(get_json_object(a.alert_metadata, '$.settingId'), 'N/A')
    FROM raw_db.alert AS a
    INNER JOIN raw_db.alert_category AS c ON a.alert_category_id = c.id
    WHERE c.code = 'no-vital-taken'
)

SELECT
    e.id AS id,
    e.subscriber_id AS subscriber_id,
    e.organization_id AS organization_id,
    e.raw_record_id AS raw_record_id,
    e.event_type AS event_type,
    e.created_at AS created_at,
    e.updated_at AS updated_at,
    s.created_at AS enrollment_date,
    CAST(e.reading AS DOUBLE) AS reading,
    e.vital_sign_id AS vital_sign_id,
    e.unit AS unit,
    e.alert_type AS alert_type,
    e.setting_id AS setting_id,
    e.event_type = 'vital_reading' AS is_vital_reading,
    e.event_type = 'alert' AS is_alert,
    coalesce(v.display_name, 'N/A') AS display_name,
    v.active AS is_active_vital_sign,
    v.active_status_changed_at AS active_changed_date,
    v.created_at AS vital_sign_created_date,
    datediff(to_date(e.updated_at), to_date(s.created_at)) AS days_since_enrollment,
    CASE WHEN e.updated_at >= k.this_month THEN 'Current Month' ELSE 'Previous Month' END AS month
FROM events AS e
CROSS JOIN clock AS k
LEFT JOIN raw_db.subscriber AS s ON e.subscriber_id = s.id
LEFT JOIN raw_db.vital_sign AS v ON e.vital_sign_id = v.id
WHERE e.updated_at >= k.last_month AND e.updated_at < k.next_month
