"""A bucket with rules of every sort, and people with each role: what the tests of objects stand on."""

from collections.abc import Iterable
from typing import Unpack

from pergamon import lake, objects
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition

OPERATOR = Actor("operator:test", ActorKind.OPERATOR)
BUCKET = "assets"
RULES = lake.BucketSpec.model_validate(
    {
        "access_rules": [
            {"prefix": "", "ReadWriteSuperRoles": ["keeper"]},
            {"prefix": "open", "ReadRoles": ["reader"], "ReadWriteRoles": ["writer"]},
            {"prefix": "own", "ReadWriteRoles": ["writer"]},
            {"prefix": "mixed", "ReadWriteRoles": ["writer"]},
            {"prefix": "mixed", "tags": {"consent": "yes"}, "ReadRoles": ["reader"]},
            {"prefix": "", "tags": {"public": "yes"}, "ReadRoles": ["visitor"]},
        ]
    }
)


def actor(role: str) -> Actor:
    """A person with one role, called by it."""
    return Actor(f"person:{role}", ActorKind.PERSON, frozenset({role}))


KEEPER, WRITER, READER, VISITOR, STRANGER = map(actor, ("keeper", "writer", "reader", "visitor", "stranger"))


def stack(rt: Runtime) -> None:
    """Declare the bucket."""
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, BUCKET, RULES)


def put(
    rt: Runtime, key: str, data: bytes = b"x", by: Actor = WRITER, **options: Unpack[objects.UploadOptions]
) -> objects.ObjectVersion:
    return rt.put_object(by, BUCKET, key, [data], **options)


def get(rt: Runtime, key: str, by: Actor = READER, version: str | None = None) -> bytes:
    with rt.begin(by) as uow:
        found = objects.read_object(uow, BUCKET, key, version=version)
    assert found.path is not None
    return found.path.read_bytes()


def keys(rt: Runtime, by: Actor, prefix: str = "") -> list[str]:
    with rt.begin(by) as uow:
        return [found.key for found in objects.list_objects(uow, BUCKET, prefix=prefix).objects]


def feed(rt: Runtime) -> list[tuple[str, str]]:
    """What followers were told: kind and key, in order."""
    with rt.begin(OPERATOR) as uow:
        return [(event.kind.value, event.key) for event in objects.read_events(uow, FeedPosition())]


def trail(rt: Runtime, codes: Iterable[str]) -> list[tuple[str, str, str]]:
    """Events of these codes: code, subject, actor."""
    with rt.begin(OPERATOR) as uow:
        rows = uow.rows(
            "SELECT code, subject, actor FROM audit_event WHERE code = ANY (%s) ORDER BY id", (list(codes),)
        )
    return [(row["code"], row["subject"], row["actor"]) for row in rows]


def files(rt: Runtime) -> list[str]:
    """Every file in the lake."""
    return sorted(path.name for path in rt.settings.lake.rglob("*") if path.is_file())
