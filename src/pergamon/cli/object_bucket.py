"""Which bucket was meant: a name under which one reaches nothing is answered with the near ones that one does reach.

Whether there is such a bucket is never told: one that is hidden is answered as one that is not there.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from pergamon.cli.object_place import ObjectPlace
from pergamon.kernel import Kind, NotFound, PergamonError

NAME_RULE = "a bucket's name has 3 to 63 of a-z, 0-9 and dash"
MAY_BE_THE_NAME = frozenset({Kind.NOT_FOUND, Kind.DENIED, Kind.INVALID})
"""What is said of a bucket that is not there, that one may not reach, or whose name none can have."""


class BucketNotReached(NotFound):
    """There is no such bucket, or one may not reach anything in it."""

    code = "client.bucket_not_reached"


@contextmanager
def telling_of_buckets(place: ObjectPlace, buckets: Collection[str]) -> Iterator[None]:
    """Name the bucket when what was refused in this block was refused because of its name.

    Raises:
        BucketNotReached: in one of the buckets the caller reaches nothing.
    """
    try:
        yield
    except BucketNotReached:
        raise
    except PergamonError as refused:
        if refused.kind not in MAY_BE_THE_NAME:
            raise
        reached = place.buckets()
        for bucket in buckets:
            if bucket not in reached:
                raise _not_reached(bucket, reached) from None
        raise


def _not_reached(bucket: str, reached: list[str]) -> BucketNotReached:
    typed = bucket.lower().replace("_", "-")
    near = (
        get_close_matches(typed, reached, n=3, cutoff=0.6) or [name for name in reached if name.startswith(typed)][:3]
    )
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return BucketNotReached(
        f"there is no bucket {bucket}, or you may not reach anything in it",
        hint=f"{meant}{NAME_RULE}; `pergamon object ls` lists those that you reach",
    )
