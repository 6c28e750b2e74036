-- Which catalog a search index on disk is a cache of. Drawn anew: every index is made anew.
CREATE TABLE search_origin (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    id              text NOT NULL
);
INSERT INTO search_origin (id) VALUES (replace(gen_random_uuid()::text, '-', ''));
