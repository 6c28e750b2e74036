-- What an operator did as somebody else, newest first.
CREATE INDEX audit_event_operator ON audit_event (operator, at, id) WHERE operator IS NOT NULL;
