-- Which master key this installation has: a fingerprint that tells nothing of it. One row at most.
CREATE TABLE master_key (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    fingerprint text NOT NULL,
    known_since timestamptz NOT NULL
);
