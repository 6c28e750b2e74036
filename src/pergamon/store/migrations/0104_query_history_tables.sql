-- How much a table is queried is found by its name.
CREATE INDEX query_history_tables ON query_history USING gin (tables);
