-- A version whose rows were a table's once still holds these rows: it may be removed, and is served raw as the table's
-- rules say for as long as it is there.
ALTER TABLE object_reference ADD COLUMN is_past boolean NOT NULL DEFAULT false;
