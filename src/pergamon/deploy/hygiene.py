"""Refuses dangerous configuration, unless the place says why it is right there. Pure: what the host says is passed in.

A suppression names a rule and a reason. It stands at the thing itself, or at the access policy that a bucket uses; the
reason goes into the trail. A suppression that suppresses nothing is an error too: it would let the next mistake pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pergamon.crawl import CrawlerSpec
from pergamon.deploy.configuration import Configuration, Module
from pergamon.deploy.documents.base import Desired
from pergamon.deploy.kinds import Spec
from pergamon.deploy.problems import Problem, did_you_mean
from pergamon.identity import PrincipalSpec, RoleSpec
from pergamon.lake import AccessRuleSpec, BucketSpec, DatabaseSpec, database_path
from pergamon.policy import normal_prefix, prefix_covers

EVERYONE = frozenset({"*", "everyone", "all", "public", "anonymous", "authenticated"})
FEWEST_ROLES = 3
"""A rule that names both roles of a small site names two, not all."""


@dataclass(frozen=True)
class Rule:
    """One rule. `finds` yields what is wrong with a resource, nothing when it is in order."""

    id: str
    sentence: str
    advice: str
    finds: "Callable[[Desired, World], Iterator[str]]"


@dataclass(frozen=True)
class World:
    """What rules may look at: every resource's spec, and what the host says of its disk."""

    specs: Mapping[str, Spec]
    encrypted_device: str | None


def _open_to_everyone(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if not isinstance(spec, BucketSpec):
        return
    for rule in spec.access_rules:
        covering = [
            each for each in spec.access_rules if prefix_covers(*map(normal_prefix, (each.prefix, rule.prefix)))
        ]
        for role in sorted(_roles_of(rule)):
            if _means_everyone(role, world):
                yield f"the access rule for `/{rule.prefix}` is open to everyone (role `{role}`)"
                break
        else:
            if _is_every_role(frozenset().union(*map(_roles_of, covering)), world):
                yield f"the access rule for `/{rule.prefix}` is open to everyone (it leaves out no role)"


def _roles_of(rule: AccessRuleSpec) -> frozenset[str]:
    return frozenset({*rule.read_roles, *rule.read_write_roles, *rule.read_write_super_roles})


def _is_every_role(named: frozenset[str], world: World) -> bool:
    """Every role of the configuration, those of programs aside; two roles are too few to tell."""
    roles = {subject.partition(":")[2] for subject, spec in world.specs.items() if isinstance(spec, RoleSpec)}
    of_people, of_programs = (
        {
            role
            for spec in world.specs.values()
            if isinstance(spec, PrincipalSpec) and spec.kind == kind
            for role in spec.roles
        }
        for kind in ("person", "service")
    )
    open_to_people = roles - (of_programs - of_people)
    return any(len(all_of_them) >= FEWEST_ROLES and all_of_them <= named for all_of_them in (open_to_people, roles))


def _means_everyone(role: str, world: World) -> bool:
    """A role that is called so, or that every person of the configuration holds while there are several."""
    if role.lower() in EVERYONE:
        return True
    people = [spec for spec in world.specs.values() if isinstance(spec, PrincipalSpec) and spec.kind == "person"]
    return len(people) > 1 and all(role in person.roles for person in people)


def _unencrypted(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if isinstance(spec, BucketSpec) and spec.encryption == "none":
        yield "the bucket is not encrypted"


def _volume_not_shown(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if isinstance(spec, BucketSpec) and spec.encryption == "volume" and world.encrypted_device is None:
        yield "`encryption: volume`, but the disk below the data directory is not seen to be encrypted"


def _unaudited(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if isinstance(spec, BucketSpec) and not spec.audited:
        yield "reads and writes of the bucket do not stand in the trail"


def _super_of_everything(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if isinstance(spec, BucketSpec):
        for rule in spec.access_rules:
            for role in rule.read_write_super_roles if not rule.prefix else ():
                if "admin" not in role.split("-"):
                    yield f"the role `{role}` may delete everything in the bucket for ever, and is no admin's role"


def _impersonable_power(desired: Desired, world: World) -> Iterator[str]:
    spec = world.specs[desired.subject]
    if isinstance(spec, RoleSpec) and spec.impersonable:
        for bucket in (item for item in world.specs.values() if isinstance(item, BucketSpec)):
            if any(desired.name in rule.read_write_super_roles for rule in bucket.access_rules):
                yield "an operator may act as a holder of this role, and it may delete data for ever"
                return


def _read_past_the_table(desired: Desired, world: World) -> Iterator[str]:
    """Roles that the bucket lets read what is uploaded, and that the tables made of it are not open to."""
    crawler = world.specs[desired.subject]
    if not isinstance(crawler, CrawlerSpec):
        return
    bucket, database = world.specs.get(f"bucket:{crawler.bucket}"), world.specs.get(f"database:{crawler.database}")
    target = world.specs.get(f"bucket:{database.bucket}") if isinstance(database, DatabaseSpec) else None
    if (
        not isinstance(bucket, BucketSpec)
        or not isinstance(database, DatabaseSpec)
        or not isinstance(target, BucketSpec)
    ):
        return  # a reference that leads nowhere is told elsewhere
    path = normal_prefix(database_path(crawler.database, database))
    of_tables = _roles_of_all(
        rule for rule in target.access_rules if not rule.tags and prefix_covers(normal_prefix(rule.prefix), path)
    )
    for prefix in crawler.prefixes:
        of_files = _roles_of_all(rule for rule in bucket.access_rules if _meet(normal_prefix(rule.prefix), prefix))
        more = sorted(of_files - of_tables)
        if more:
            roles = ", ".join(f"`{role}`" for role in more)
            yield f"`{crawler.bucket}/{prefix}` is open to roles that may not read `{crawler.database}`: {roles}"


def _roles_of_all(rules: Iterable[AccessRuleSpec]) -> frozenset[str]:
    return frozenset[str]().union(*map(_roles_of, rules))


def _meet(one: str, other: str) -> bool:
    """Is there anything below both prefixes?"""
    return one.startswith(other) or other.startswith(one)


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("PGM-H1", "No access rule is open to everyone.", "name the roles that need it", _open_to_everyone),
        Rule("PGM-H2", "Every bucket is encrypted.", "write `encryption: volume`", _unencrypted),
        Rule("PGM-H3", "Every bucket is audited.", "write `audited: true`", _unaudited),
        Rule(
            "PGM-H4",
            "Only an admin's role has ReadWriteSuperRoles on a whole bucket.",
            "give it a prefix, or ReadWriteRoles",
            _super_of_everything,
        ),
        Rule(
            "PGM-H5",
            "`encryption: volume` is true on this host.",
            "put the data directory on a LUKS volume; where the kernel cannot show it (ZFS, a cloud volume), say so",
            _volume_not_shown,
        ),
        Rule(
            "PGM-H6",
            "A role that may delete data for ever is not impersonable.",
            "write `impersonable: false`",
            _impersonable_power,
        ),
        Rule(
            "PGM-H7",
            "What is crawled is open to no more roles than the database that its tables go to.",
            "give the bucket's prefix to holders alone, or the database to these roles too; raw files are served only "
            "to whom the tables are open and to who sent them, but these roles learn which files there are",
            _read_past_the_table,
        ),
    )
}


def hygiene_problems(configuration: Configuration, specs: Mapping[str, Spec], device: str | None) -> list[Problem]:
    """Everything dangerous that is not suppressed with a reason, and every suppression that is of no use."""
    world = World(specs, device)
    problems: list[Problem] = []
    for module in configuration.modules:
        for desired in module.resources:
            if desired.subject in specs:
                problems += _of_resource(module, desired, world)
    return problems


def _of_resource(module: Module, desired: Desired, world: World) -> Iterator[Problem]:
    place = module.place_of(desired)
    found = {rule.id: list(rule.finds(desired, world)) for rule in RULES.values()}
    for rule in RULES.values():
        for sentence in found[rule.id] if rule.id not in desired.suppressions else ():
            hint = f'{rule.advice}; or suppress it: `suppressions: [{{id: {rule.id}, reason: "…"}}]`'
            yield Problem(place, desired.path, f"{rule.id}: {sentence}", hint)
    for suppressed in desired.suppressions:
        if suppressed not in RULES:
            hint = did_you_mean(suppressed, list(RULES), what="rules")
            yield Problem(place, (*desired.path, "suppressions"), f"there is no rule {suppressed}", hint)
        elif not found[suppressed] and suppressed != "PGM-H5":  # one configuration, several hosts
            message = f"the suppression of {suppressed} suppresses nothing"
            yield Problem(
                place, (*desired.path, "suppressions"), message, "remove it: it would let the next mistake pass"
            )
