"""Everything that can be asked of the policy. A name here reaches the trail and is never reused."""

from enum import StrEnum


class ActionGroup(StrEnum):
    """What kind of right an act needs; the Cedar policies speak of these."""

    ADMINISTER = "administer"
    """Operating the installation: the operator has it, others by a role's policies."""
    ACT = "act"
    """Using a service: by a role's policies."""
    SERVE = "serve"
    """What service accounts do for the platform: by a role's policies."""
    READ = "read"
    WRITE = "write"
    DESTROY = "destroy"
    DESCRIBE = "describe"
    """Knowing that something exists and what is said of it; no governed data."""
    CURATE = "curate"
    """Changing what is said of something."""
    STEWARD = "steward"
    """Deciding on something as its owner."""
    ASK = "ask"
    """Asking for data in a project's name: its members who write, never the operator."""
    GIVE = "give"
    """Giving others a right on data, or taking it back: its owners alone, never the operator."""


class Action(StrEnum):
    DEPLOY_APPLY = "deploy.apply"
    DEPLOY_READ = "deploy.read"
    PLATFORM_OPERATE = "platform.operate"
    WORKFLOW_RUN = "workflow.run"
    WORKFLOW_READ = "workflow.read"
    REPLICATION_CONTROL = "replication.control"
    TRACKER_CONTROL = "tracker.control"
    TRACKER_READ = "tracker.read"
    IDENTITY_MANAGE = "identity.manage"
    SECRET_MANAGE = "secret.manage"  # noqa: S105 - the name of an act
    AUDIT_READ = "audit.read"
    AUDIT_VERIFY = "audit.verify"
    QUERY_RUN = "query.run"
    QUERY_HISTORY = "query.history"
    CATALOG_SERVE = "catalog.serve"
    TABLE_READ = "table.read"
    TABLE_WRITE = "table.write"
    TABLE_DESTROY = "table.destroy"
    OBJECT_READ = "object.read"
    OBJECT_WRITE = "object.write"
    OBJECT_DESTROY = "object.destroy"
    CRAWLER_RUN = "crawler.run"
    CATALOG_MANAGE = "catalog.manage"
    LINEAGE_WRITE = "lineage.write"
    ASSET_FIND = "asset.find"
    ASSET_CURATE = "asset.curate"
    ASSET_PUBLISH = "asset.publish"
    PROJECT_SEE = "project.see"
    PROJECT_MANAGE = "project.manage"
    ACCESS_SEE = "access.see"
    ACCESS_ASK = "access.ask"
    ACCESS_DECIDE = "access.decide"
    ACCESS_REVOKE = "access.revoke"


GROUP_OF: dict[Action, ActionGroup] = {
    Action.DEPLOY_APPLY: ActionGroup.ADMINISTER,
    Action.DEPLOY_READ: ActionGroup.ADMINISTER,
    Action.PLATFORM_OPERATE: ActionGroup.ADMINISTER,
    Action.WORKFLOW_RUN: ActionGroup.ADMINISTER,
    Action.WORKFLOW_READ: ActionGroup.ADMINISTER,
    Action.REPLICATION_CONTROL: ActionGroup.ADMINISTER,
    Action.TRACKER_CONTROL: ActionGroup.ADMINISTER,
    Action.TRACKER_READ: ActionGroup.ADMINISTER,
    Action.IDENTITY_MANAGE: ActionGroup.ADMINISTER,
    Action.SECRET_MANAGE: ActionGroup.ADMINISTER,
    Action.AUDIT_READ: ActionGroup.ADMINISTER,
    Action.AUDIT_VERIFY: ActionGroup.ADMINISTER,
    Action.QUERY_RUN: ActionGroup.ACT,
    Action.QUERY_HISTORY: ActionGroup.ACT,
    Action.CATALOG_SERVE: ActionGroup.SERVE,
    Action.TABLE_READ: ActionGroup.READ,
    Action.TABLE_WRITE: ActionGroup.WRITE,
    Action.TABLE_DESTROY: ActionGroup.DESTROY,
    Action.OBJECT_READ: ActionGroup.READ,
    Action.OBJECT_WRITE: ActionGroup.WRITE,
    Action.OBJECT_DESTROY: ActionGroup.DESTROY,
    Action.CRAWLER_RUN: ActionGroup.ADMINISTER,
    Action.CATALOG_MANAGE: ActionGroup.ADMINISTER,
    Action.LINEAGE_WRITE: ActionGroup.ACT,
    Action.ASSET_FIND: ActionGroup.DESCRIBE,
    Action.ASSET_CURATE: ActionGroup.CURATE,
    Action.ASSET_PUBLISH: ActionGroup.STEWARD,
    Action.PROJECT_SEE: ActionGroup.DESCRIBE,
    Action.PROJECT_MANAGE: ActionGroup.STEWARD,
    Action.ACCESS_SEE: ActionGroup.DESCRIBE,
    Action.ACCESS_ASK: ActionGroup.ASK,
    Action.ACCESS_DECIDE: ActionGroup.GIVE,
    Action.ACCESS_REVOKE: ActionGroup.GIVE,
}
"""The group of each action; a test checks that every action stands here."""
