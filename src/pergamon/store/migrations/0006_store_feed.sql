-- How far each follower of a feed has come: `xid.sequence` of the last row it acted on.
CREATE TABLE feed_position (
    follower text PRIMARY KEY,
    position text NOT NULL DEFAULT ''
);
