-- The newest of a project's grants, first to last, without those that have ended.
CREATE INDEX access_grant_newest ON access_grant (project, granted_at DESC, id DESC)
    WHERE revoked_at IS NULL AND end_told_at IS NULL;
