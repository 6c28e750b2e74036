-- What was deployed by which configuration, so that a deployment only ever drops its own things.
CREATE TABLE deployment (
    id           text PRIMARY KEY,                    -- organization/domain/environment
    digest       text NOT NULL,                       -- of the configuration as it was deployed
    deployed_at  timestamptz NOT NULL,
    deployed_by  text NOT NULL
);
CREATE TABLE deployment_resource (
    kind          text NOT NULL,
    name          text NOT NULL,
    deployment_id text NOT NULL REFERENCES deployment (id),
    module        text NOT NULL,
    tags          jsonb NOT NULL,
    spec          jsonb NOT NULL,                     -- as it was deployed: what is in force is compared with it
    deployed_at   timestamptz NOT NULL,
    PRIMARY KEY (kind, name)                          -- one owner each
);
CREATE INDEX deployment_resource_deployment ON deployment_resource (deployment_id);
-- A command before or after a module's steps runs once for each state of the module.
CREATE TABLE deployment_command (
    deployment_id text NOT NULL REFERENCES deployment (id),
    module        text NOT NULL,
    phase         text NOT NULL CHECK (phase IN ('predeploy', 'postdeploy')),
    digest        text NOT NULL,
    finished_at   timestamptz NOT NULL,
    PRIMARY KEY (deployment_id, module, phase)
);
