-- What the configuration says of a person or a service, for the row filters of grants: name -> value.
ALTER TABLE principal ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';
