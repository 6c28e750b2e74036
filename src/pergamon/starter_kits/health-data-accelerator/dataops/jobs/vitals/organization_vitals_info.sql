-- How do each organization's subscribers stand on the 16-day rule this month?
--
-- One row per organization, also when nobody subscribes there, over the subscribers that belong to it now. The rules of
-- an interaction, a compliant day and a risk level are those of subscriber_vitals_metrics.sql, 'Current Month'.
-- `n_interactions` counts the subscribers with n compliant days, `n_percent_interactions` is their share (0 to 1; null
-- when nobody subscribes). `avg_risk_level` is the mean level of active subscribers, a half rounded down; 4 when none is
-- active. `days_in_month` is the length of the month of the clock, `days_elapsed` its days so far.
WITH clock AS (
    SELECT
        date_trunc('MONTH', {{run_at}}) AS starts,
        CAST(add_months(CAST(date_trunc('MONTH', {{run_at}}) AS DATE), 1) AS TIMESTAMP) AS ends,
        dayofmonth(last_day(CAST({{run_at}} AS DATE))) AS days_in_month,
        dayofmonth(CAST({{run_at}} AS DATE)) AS days_elapsed
),

events AS (
    SELECT subscriber_id, organization_id, updated_at
    FROM raw_db.vital_reading
    UNION ALL
    SELECT a.subscriber_id, a.organization_id, a.updated_at
    FROM raw_db.alert AS a
    INNER JOIN raw_db.alert_category AS c ON a.alert_category_id = c.id
    WHERE c.code = 'no-vital-taken'
),

interactions AS (
    SELECT s.id AS subscriber_id, count(DISTINCT to_date(e.updated_at)) AS compliant_days
    FROM events AS e
    INNER JOIN raw_db.subscriber AS s ON e.subscriber_id = s.id AND e.organization_id <=> s.organization_id
    CROSS JOIN clock AS k
    WHERE e.updated_at >= k.starts AND e.updated_at < k.ends
    GROUP BY s.id
),

counted AS (
    SELECT
        s.id,
        s.organization_id,
        coalesce(s.active, false) AS is_active,
        coalesce(NOT s.active, false) AS not_active,
        coalesce(s.status = 4, false) AS is_canceled,
        s.created_at >= k.starts AND s.created_at < k.ends AS is_new,
        s.updated_at >= k.starts AND s.updated_at < k.ends AS is_touched,
        coalesce(i.compliant_days, 0) AS compliant_days,
        coalesce(i.compliant_days, 0) + k.days_in_month - k.days_elapsed - 16 AS risk_factor
    FROM raw_db.subscriber AS s
    CROSS JOIN clock AS k
    LEFT JOIN interactions AS i ON s.id = i.subscriber_id
),

judged AS (
    SELECT
        *,
        CASE
            WHEN compliant_days >= 16 THEN 0
            WHEN risk_factor < 0 THEN 4
            WHEN risk_factor <= 3 THEN 3
            WHEN risk_factor <= 6 THEN 2
            ELSE 1
        END AS risk_level
    FROM counted
),

summed AS (
    SELECT
        organization_id,
        count(*) AS subscriber_count,
        count_if(is_new) AS new_this_month_count,
        count_if(is_new AND compliant_days > 0) AS first_vital_count,
        count_if(compliant_days >= 16) AS billable,
        count_if(compliant_days < 16) AS unbillable,
        count_if(is_canceled) AS cancelled,
        count_if(is_active) AS active,
        count_if((is_canceled OR not_active) AND risk_factor < 0) AS outliers,
        count_if(is_canceled AND is_touched) AS canceled_this_month,
        count_if(is_canceled AND is_touched AND is_new) AS canceled_same_month,
        count_if(is_new AND compliant_days = 0 AND NOT is_canceled) AS pending,
        avg(CASE WHEN is_active THEN risk_level END) AS mean_risk_level,
        count_if(compliant_days = 0) AS `0_interactions`,
        count_if(compliant_days = 1) AS `1_interactions`,
        count_if(compliant_days = 2) AS `2_interactions`,
        count_if(compliant_days = 3) AS `3_interactions`,
        count_if(compliant_days = 4) AS `4_interactions`,
        count_if(compliant_days = 5) AS `5_interactions`,
        count_if(compliant_days = 6) AS `6_interactions`,
        count_if(compliant_days = 7) AS `7_interactions`,
        count_if(compliant_days = 8) AS `8_interactions`,
        count_if(compliant_days = 9) AS `9_interactions`,
        count_if(compliant_days = 10) AS `10_interactions`,
        count_if(compliant_days = 11) AS `11_interactions`,
        count_if(compliant_days = 12) AS `12_interactions`,
        count_if(compliant_days = 13) AS `13_interactions`,
        count_if(compliant_days = 14) AS `14_interactions`,
        count_if(compliant_days = 15) AS `15_interactions`,
        count_if(compliant_days = 16) AS `16_interactions`,
        count_if(compliant_days = 17) AS `17_interactions`,
        count_if(compliant_days = 18) AS `18_interactions`,
        count_if(compliant_days = 19) AS `19_interactions`,
        count_if(compliant_days = 20) AS `20_interactions`,
        count_if(compliant_days = 21) AS `21_interactions`,
        count_if(compliant_days = 22) AS `22_interactions`,
        count_if(compliant_days = 23) AS `23_interactions`,
        count_if(compliant_days = 24) AS `24_interactions`,
        count_if(compliant_days = 25) AS `25_interactions`,
        count_if(compliant_days = 26) AS `26_interactions`,
        count_if(compliant_days = 27) AS `27_interactions`,
        count_if(compliant_days = 28) AS `28_interactions`,
        count_if(compliant_days = 29) AS `29_interactions`,
        count_if(compliant_days = 30) AS `30_interactions`,
        count_if(compliant_days = 31) AS `31_interactions`
    FROM judged
    GROUP BY organization_id
)

SELECT
    o.id AS organization_id,
    o.business_name AS name,
    o.parent_id AS parent_id,
    p.business_name AS parent_name,
    coalesce(t.subscriber_count, 0) AS subscriber_count,
    coalesce(t.new_this_month_count, 0) AS new_this_month_count,
    coalesce(t.first_vital_count, 0) AS first_vital_count,
    coalesce(t.billable, 0) AS billable,
    coalesce(t.unbillable, 0) AS unbillable,
    coalesce(t.cancelled, 0) AS cancelled,
    coalesce(t.active, 0) AS active,
    coalesce(t.outliers, 0) AS outliers,
    coalesce(t.canceled_this_month, 0) AS canceled_this_month,
    coalesce(t.canceled_same_month, 0) AS canceled_same_month,
    coalesce(t.pending, 0) AS pending,
    coalesce(t.`0_interactions`, 0) AS `0_interactions`,
    coalesce(t.`1_interactions`, 0) AS `1_interactions`,
    coalesce(t.`2_interactions`, 0) AS `2_interactions`,
    coalesce(t.`3_interactions`, 0) AS `3_interactions`,
    coalesce(t.`4_interactions`, 0) AS `4_interactions`,
    coalesce(t.`5_interactions`, 0) AS `5_interactions`,
    coalesce(t.`6_interactions`, 0) AS `6_interactions`,
    coalesce(t.`7_interactions`, 0) AS `7_interactions`,
    coalesce(t.`8_interactions`, 0) AS `8_interactions`,
    coalesce(t.`9_interactions`, 0) AS `9_interactions`,
    coalesce(t.`10_interactions`, 0) AS `10_interactions`,
    coalesce(t.`11_interactions`, 0) AS `11_interactions`,
    coalesce(t.`12_interactions`, 0) AS `12_interactions`,
    coalesce(t.`13_interactions`, 0) AS `13_interactions`,
    coalesce(t.`14_interactions`, 0) AS `14_interactions`,
    coalesce(t.`15_interactions`, 0) AS `15_interactions`,
    coalesce(t.`16_interactions`, 0) AS `16_interactions`,
    coalesce(t.`17_interactions`, 0) AS `17_interactions`,
    coalesce(t.`18_interactions`, 0) AS `18_interactions`,
    coalesce(t.`19_interactions`, 0) AS `19_interactions`,
    coalesce(t.`20_interactions`, 0) AS `20_interactions`,
    coalesce(t.`21_interactions`, 0) AS `21_interactions`,
    coalesce(t.`22_interactions`, 0) AS `22_interactions`,
    coalesce(t.`23_interactions`, 0) AS `23_interactions`,
    coalesce(t.`24_interactions`, 0) AS `24_interactions`,
    coalesce(t.`25_interactions`, 0) AS `25_interactions`,
    coalesce(t.`26_interactions`, 0) AS `26_interactions`,
    coalesce(t.`27_interactions`, 0) AS `27_interactions`,
    coalesce(t.`28_interactions`, 0) AS `28_interactions`,
    coalesce(t.`29_interactions`, 0) AS `29_interactions`,
    coalesce(t.`30_interactions`, 0) AS `30_interactions`,
    coalesce(t.`31_interactions`, 0) AS `31_interactions`,
    k.days_in_month AS days_in_month,
    k.days_elapsed AS days_elapsed,
    t.mean_risk_level AS avg_risk_level_temp,
    CAST(t.`0_interactions` AS DOUBLE) / t.subscriber_count AS `0_percent_interactions`,
    CAST(t.`1_interactions` AS DOUBLE) / t.subscriber_count AS `1_percent_interactions`,
    CAST(t.`2_interactions` AS DOUBLE) / t.subscriber_count AS `2_percent_interactions`,
    CAST(t.`3_interactions` AS DOUBLE) / t.subscriber_count AS `3_percent_interactions`,
    CAST(t.`4_interactions` AS DOUBLE) / t.subscriber_count AS `4_percent_interactions`,
    CAST(t.`5_interactions` AS DOUBLE) / t.subscriber_count AS `5_percent_interactions`,
    CAST(t.`6_interactions` AS DOUBLE) / t.subscriber_count AS `6_percent_interactions`,
    CAST(t.`7_interactions` AS DOUBLE) / t.subscriber_count AS `7_percent_interactions`,
    CAST(t.`8_interactions` AS DOUBLE) / t.subscriber_count AS `8_percent_interactions`,
    CAST(t.`9_interactions` AS DOUBLE) / t.subscriber_count AS `9_percent_interactions`,
    CAST(t.`10_interactions` AS DOUBLE) / t.subscriber_count AS `10_percent_interactions`,
    CAST(t.`11_interactions` AS DOUBLE) / t.subscriber_count AS `11_percent_interactions`,
    CAST(t.`12_interactions` AS DOUBLE) / t.subscriber_count AS `12_percent_interactions`,
    CAST(t.`13_interactions` AS DOUBLE) / t.subscriber_count AS `13_percent_interactions`,
    CAST(t.`14_interactions` AS DOUBLE) / t.subscriber_count AS `14_percent_interactions`,
    CAST(t.`15_interactions` AS DOUBLE) / t.subscriber_count AS `15_percent_interactions`,
    CAST(t.`16_interactions` AS DOUBLE) / t.subscriber_count AS `16_percent_interactions`,
    CAST(t.`17_interactions` AS DOUBLE) / t.subscriber_count AS `17_percent_interactions`,
    CAST(t.`18_interactions` AS DOUBLE) / t.subscriber_count AS `18_percent_interactions`,
    CAST(t.`19_interactions` AS DOUBLE) / t.subscriber_count AS `19_percent_interactions`,
    CAST(t.`20_interactions` AS DOUBLE) / t.subscriber_count AS `20_percent_interactions`,
    CAST(t.`21_interactions` AS DOUBLE) / t.subscriber_count AS `21_percent_interactions`,
    CAST(t.`22_interactions` AS DOUBLE) / t.subscriber_count AS `22_percent_interactions`,
    CAST(t.`23_interactions` AS DOUBLE) / t.subscriber_count AS `23_percent_interactions`,
    CAST(t.`24_interactions` AS DOUBLE) / t.subscriber_count AS `24_percent_interactions`,
    CAST(t.`25_interactions` AS DOUBLE) / t.subscriber_count AS `25_percent_interactions`,
    CAST(t.`26_interactions` AS DOUBLE) / t.subscriber_count AS `26_percent_interactions`,
    CAST(t.`27_interactions` AS DOUBLE) / t.subscriber_count AS `27_percent_interactions`,
    CAST(t.`28_interactions` AS DOUBLE) / t.subscriber_count AS `28_percent_interactions`,
    CAST(t.`29_interactions` AS DOUBLE) / t.subscriber_count AS `29_percent_interactions`,
    CAST(t.`30_interactions` AS DOUBLE) / t.subscriber_count AS `30_percent_interactions`,
    CAST(t.`31_interactions` AS DOUBLE) / t.subscriber_count AS `31_percent_interactions`,
    CAST(
        CASE
            WHEN t.mean_risk_level IS NULL THEN 4
            WHEN t.mean_risk_level - floor(t.mean_risk_level) <= 0.5 THEN floor(t.mean_risk_level)
            ELSE ceil(t.mean_risk_level)
        END AS INT
    ) AS avg_risk_level
FROM raw_db.organization AS o
CROSS JOIN clock AS k
LEFT JOIN raw_db.organization AS p ON o.parent_id = p.id
LEFT JOIN summed AS t ON o.id = t.organization_id
