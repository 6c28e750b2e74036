-- Keys and identities, once the rows are in.
ALTER TABLE hda.organization ADD PRIMARY KEY (id);
ALTER TABLE hda.patients ADD PRIMARY KEY (id);
ALTER TABLE hda.subscriber ADD PRIMARY KEY (id);
ALTER TABLE hda.bed_stay ADD PRIMARY KEY (ward, bed);
ALTER TABLE vital.vital_sign ADD PRIMARY KEY (id);
ALTER TABLE vital.vital_reading ADD PRIMARY KEY (id);
ALTER TABLE vital.alert_category ADD PRIMARY KEY (id);
ALTER TABLE vital.alert ADD PRIMARY KEY (id);
ALTER TABLE survey.survey ADD PRIMARY KEY (id);
ALTER TABLE survey.survey_assignment ADD PRIMARY KEY (id);
ALTER TABLE survey.question ADD PRIMARY KEY (id);
ALTER TABLE survey.survey_response ADD PRIMARY KEY (id);
ALTER TABLE vital.device_log REPLICA IDENTITY FULL;
ALTER TABLE vital.gateway_event REPLICA IDENTITY NOTHING;
