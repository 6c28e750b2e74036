-- What a grant stands on, as the rooms that own it let others join it (ADR 0030): a view is a room's word, a table is not.
CREATE VIEW lake_table_there AS SELECT key, database, name FROM lake_table WHERE dropped_at IS NULL;
CREATE VIEW catalog_asset_there AS SELECT id FROM catalog_asset WHERE retired_at IS NULL;
CREATE VIEW catalog_project_there AS SELECT name FROM catalog_project;
CREATE VIEW principal_attributes AS SELECT id, attributes FROM principal WHERE active;
