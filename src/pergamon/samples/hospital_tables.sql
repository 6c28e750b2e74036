-- The sample hospital as its own applications would keep it. Keys come after the rows (hospital_keys.sql): faster.
CREATE SCHEMA hda;
CREATE SCHEMA vital;
CREATE SCHEMA survey;

CREATE TYPE hda.blood_group AS ENUM ('0-', '0+', 'A-', 'A+', 'B-', 'B+', 'AB-', 'AB+');
CREATE DOMAIN hda.country_code AS text CHECK (VALUE ~ '^[A-Z]{2}$');

CREATE TABLE hda.organization (
    id uuid NOT NULL,
    business_name text NOT NULL,
    parent_id uuid,
    country hda.country_code NOT NULL,
    address jsonb,
    bed_count integer,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE hda.patients (
    id uuid NOT NULL,
    record_number bigint NOT NULL,
    family_name text NOT NULL,
    given_name text NOT NULL,
    other_names text[],
    birth_date date,
    died_on date,                       -- before birth_date now and then, as in real registers
    sex char(1),
    national_id varchar(20),
    blood_group hda.blood_group,
    weight_kg numeric(5, 2),
    creatinine numeric,                 -- no scale: as many digits as the laboratory sent
    frailty double precision,
    visit_count integer NOT NULL,
    scores integer[],
    contact jsonb,
    photo bytea,
    consented boolean,
    notes text,                         -- long ones live out of line (TOAST)
    registered_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE hda.subscriber (
    id uuid NOT NULL,
    member_number bigint NOT NULL,
    patient_id uuid NOT NULL,
    organization_id uuid,
    status smallint NOT NULL,           -- 1 under review, 2 active, 3 on hold, 4 canceled, 5 closed, 6 created, 7 anonymized
    active boolean NOT NULL,
    time_zone text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE hda.bed_stay (             -- its key is a place, so patients who swap beds swap keys
    ward text NOT NULL,
    bed integer NOT NULL,
    patient_id uuid NOT NULL,
    nursing_plan text,
    daily_rate numeric(10, 2),
    since timestamptz NOT NULL
);

CREATE TABLE vital.vital_sign (
    id uuid NOT NULL,
    code text NOT NULL,
    display_name text,
    unit text,
    low numeric,
    high numeric,
    active boolean NOT NULL,
    active_status_changed_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE vital.vital_reading (
    id uuid NOT NULL,
    subscriber_id uuid NOT NULL,
    organization_id uuid,
    vital_sign_id uuid,
    raw_record_id text,
    reading numeric,
    unit text,
    device jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE vital.alert_category (
    id uuid NOT NULL,
    code text NOT NULL,                 -- 'no-vital-taken' is the one that counts as an interaction
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE vital.alert (
    id uuid NOT NULL,
    subscriber_id uuid NOT NULL,
    organization_id uuid,
    alert_category_id uuid,
    raw_log_id text,
    severity smallint NOT NULL,
    alert_metadata jsonb,               -- alertType, settingId, nvtThresholdInHours
    acknowledged_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE vital.device_log (         -- no key: the whole old row travels with a change
    device_serial text,
    logged_at timestamptz,
    level text,
    battery real,
    payload jsonb,
    message text
);

CREATE TABLE vital.gateway_event (      -- no key and no identity: rows are only ever added
    gateway text,
    received_at timestamptz,
    frame bytea,
    size_bytes integer
);

CREATE TABLE survey.survey (
    id uuid NOT NULL,
    title text NOT NULL,
    description text,
    status text NOT NULL,
    locale text,
    active boolean NOT NULL,
    has_vital_reminder boolean NOT NULL,
    alert_threshold integer,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE survey.survey_assignment (
    id uuid NOT NULL,
    name text NOT NULL,
    description text,
    survey_id uuid NOT NULL,
    organization_id uuid,
    subscriber_ids uuid[],
    status text NOT NULL,
    active boolean NOT NULL,
    assignment_type text NOT NULL,      -- 'organization-assignment' or 'subscriber-assignment'
    full_org_assigned boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE survey.question (
    id uuid NOT NULL,
    survey_id uuid NOT NULL,
    question_text text,
    question_type text,                 -- 'yes/no', 'scale', 'single-choice' or 'free-text'
    question_options jsonb,             -- [{"id": …, "value": …, "score": …}, …]
    media jsonb,
    archived boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE survey.survey_response (
    id uuid NOT NULL,
    survey_assignment_id uuid,
    question_id uuid,
    subscriber_id uuid NOT NULL,
    organization_id uuid,
    question_type text,
    status text NOT NULL,               -- completed, partially-completed, canceled, ignored, skipped, sent
    yes_no_response jsonb,              -- {"value": true}, {"value": "yes"}, …
    scale_response jsonb,               -- {"value": 3}, {"value": "3"}
    single_choice_response jsonb,       -- {"id": "<option>"}
    free_text_response text,
    survey_started_at timestamptz,
    survey_submitted_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
