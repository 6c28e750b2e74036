"""Module type `datalake`: buckets, and who may reach what below which prefix.

A bucket's rules are its access policies; policies of one prefix and the same tags become one rule with the roles of
all. Files dropped into a bucket's drop directories are copied into it.
"""

from pydantic import Field

from pergamon.deploy.documents.base import (
    BucketName,
    CamelDocument,
    Declared,
    Desired,
    Document,
    ModuleType,
    RoleReference,
    Scope,
    Suppression,
    reasons,
    role_names,
)
from pergamon.deploy.problems import KeyPath, did_you_mean
from pergamon.deploy.yaml_document import Json

ACCESS_KEYS = ("ReadRoles", "ReadWriteRoles", "ReadWriteSuperRoles")


class AccessRule(Document):
    """Roles by what they may do below a prefix. Each level includes the one before."""

    prefix: str = Field(description="A path in the bucket; `/` is all of it.")
    tags: dict[str, str] = Field(
        default={}, description="Only objects that carry all of these; such a rule reaches no table."
    )
    read_roles: list[str] = Field(default=[], alias="ReadRoles", description="May read.")
    read_write_roles: list[str] = Field(default=[], alias="ReadWriteRoles", description="May read and write.")
    read_write_super_roles: list[str] = Field(
        default=[], alias="ReadWriteSuperRoles", description="May read, write and delete for ever."
    )


class AccessPolicy(CamelDocument):
    """A named access rule that buckets can use."""

    rule: AccessRule = Field(description="The rule.")
    suppressions: list[Suppression] = Field(
        default=[], description="Hygiene rules let pass here, each with its reason."
    )


class DropDirectory(CamelDocument):
    """A directory of this host. What is dropped into it is copied into the bucket, and stays where it is."""

    path: str = Field(description="Absolute, without links on the way.")
    prefix: str = Field(default="", description="Where its files go in the bucket; its folders stay folders.")
    settle_seconds: float = Field(
        default=2.0, ge=0.5, le=86400, description="A file is whole when it has not changed for so long."
    )
    tags: dict[str, str] = Field(default={}, description="What each of its objects is tagged with.")


class Versions(CamelDocument):
    """Which older versions of objects may go: those that neither key keeps. Without it, every version stays."""

    keep: int | None = Field(
        default=None, ge=1, le=10_000, description="The newest older versions of an object stay, however old."
    )
    days: int | None = Field(
        default=None, ge=1, le=36_500, description="A version stays for so many days after it was replaced or removed."
    )


class BucketEntry(CamelDocument):
    """A bucket."""

    description: str = Field(default="", description="For the reader.")
    access_policies: list[str] = Field(
        default=[], description="Names from `accessPolicies`. Without one, nobody reaches it."
    )
    encryption: str = Field(
        default="volume",
        description="`volume`: the disk below is encrypted, which is checked. `none`: needs a suppression of `PGM-H2`.",
    )
    audited: bool = Field(
        default=True, description="Every read of its objects stands in the trail; writes stand there in any case."
    )
    versions: Versions | None = Field(
        default=None, description="Lets older versions go for good. Left out: every version stays until it is removed."
    )
    drop_directories: list[DropDirectory] = Field(
        default=[], description="Directories of this host whose files are copied into the bucket."
    )
    suppressions: list[Suppression] = Field(
        default=[], description="Hygiene rules let pass here, each with its reason."
    )


class DatalakeDocument(CamelDocument):
    """Roles by their logical names, access policies, buckets."""

    roles: dict[str, list[RoleReference]] = Field(default={}, description="Logical role -> the roles bound to it.")
    access_policies: dict[str, AccessPolicy] = Field(default={}, description="Policy name -> policy.")
    buckets: dict[BucketName, BucketEntry] = Field(description="Bucket name -> bucket.")


def declares(document: DatalakeDocument) -> list[Declared]:
    """Buckets."""
    return [Declared("bucket", name, ("buckets", name)) for name in document.buckets]


def translate(document: DatalakeDocument, scope: Scope) -> list[Desired]:
    """One resource per bucket, its rules with real role names; and one per drop directory."""
    bound = {name: role_names(items, scope, ("roles", name)) for name, items in document.roles.items()}
    rules = {name: _rule(name, policy, bound, scope) for name, policy in document.access_policies.items()}
    buckets = [_bucket(document, name, bucket, rules, scope) for name, bucket in document.buckets.items()]
    return buckets + [drop for name, bucket in document.buckets.items() for drop in _drops(name, bucket, scope)]


def _drops(bucket: str, entry: BucketEntry, scope: Scope) -> list[Desired]:
    """The drop directories of a bucket; each is called by its bucket and its path."""
    found: dict[str, Desired] = {}
    for index, drop in enumerate(entry.drop_directories):
        path: KeyPath = ("buckets", bucket, "dropDirectories", index)
        name = f"{bucket}:{drop.path.rstrip('/')}"
        if name in found:
            scope.problem((*path, "path"), f"the bucket has the drop directory {drop.path} twice")
        spec: dict[str, Json] = {
            "path": drop.path,
            "bucket": bucket,
            "prefix": drop.prefix,
            "settle_s": drop.settle_seconds,
            "object_tags": dict(drop.tags),
        }
        found[name] = Desired("drop-directory", name, spec, path)
    return list(found.values())


def _rule(name: str, policy: AccessPolicy, bound: dict[str, list[str]], scope: Scope) -> dict[str, set[str]]:
    """Roles by access key, logical names replaced by what is bound to them."""
    given = (policy.rule.read_roles, policy.rule.read_write_roles, policy.rule.read_write_super_roles)
    return {
        key: _bound_roles(logical, bound, scope, ("accessPolicies", name, "rule", key))
        for key, logical in zip(ACCESS_KEYS, given, strict=True)
    }


def _bound_roles(logical: list[str], bound: dict[str, list[str]], scope: Scope, path: KeyPath) -> set[str]:
    found: set[str] = set()
    for index, name in enumerate(logical):
        if name not in bound:
            hint = did_you_mean(name, list(bound), what="roles of this module")
            scope.problem((*path, index), f"there is no logical role `{name}` under `roles`", hint)
        found |= set(bound.get(name, []))
    return found


def _bucket(
    document: DatalakeDocument, name: str, bucket: BucketEntry, rules: dict[str, dict[str, set[str]]], scope: Scope
) -> Desired:
    path: KeyPath = ("buckets", name)
    by_reach: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, set[str]]] = {}
    suppressions = reasons(bucket.suppressions)
    for index, policy in enumerate(bucket.access_policies):
        if policy not in rules:
            hint = did_you_mean(policy, list(rules), what="policies of this module")
            scope.problem((*path, "accessPolicies", index), f"there is no access policy `{policy}`", hint)
            continue
        suppressions |= reasons(document.access_policies[policy].suppressions)
        rule = document.access_policies[policy].rule
        reach = (rule.prefix.strip("/"), tuple(sorted(rule.tags.items())))
        joined = by_reach.setdefault(reach, {key: set() for key in ACCESS_KEYS})
        for key in ACCESS_KEYS:
            joined[key] |= rules[policy][key]
    access: list[Json] = [
        {
            "prefix": prefix,
            "tags": dict(tags),
            **{key: [*sorted(roles)] for key, roles in by_reach[prefix, tags].items()},
        }
        for prefix, tags in sorted(by_reach)
    ]
    spec: dict[str, Json] = {
        "access_rules": access,
        "encryption": bucket.encryption,
        "audited": bucket.audited,
        "description": bucket.description,
    }
    if bucket.versions is not None:
        spec["versions"] = bucket.versions.model_dump(exclude_none=True)
    if bucket.encryption not in ("volume", "none"):
        hint = "write `volume` (checked against the host) or `none` (needs a suppression of PGM-H2)"
        scope.problem((*path, "encryption"), f"the encryption mode `{bucket.encryption}` is not there yet", hint)
    return Desired("bucket", name, spec, path, suppressions)


DATALAKE = ModuleType("datalake", "Buckets and who may reach them.", DatalakeDocument, declares, translate)
