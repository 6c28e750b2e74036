-- Teams: members in roles that a room other than identity decides on (a project's owners, contributors, …).
CREATE TABLE team_member (
    team         text NOT NULL,                       -- project:<name>
    role         text NOT NULL,
    principal_id text NOT NULL REFERENCES principal (id),
    PRIMARY KEY (team, role, principal_id)
);
CREATE INDEX team_member_of_principal ON team_member (principal_id);
