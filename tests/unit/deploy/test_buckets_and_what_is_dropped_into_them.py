"""`datalake.yaml`: drop directories become resources of their own, and access rules may ask for tags."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon import lake, objects
from pergamon.deploy import InvalidConfiguration, checked_configuration

FILE = "datalake/datalake.yaml"
BUCKET = "  staging:\n    description: Where files land, as they came.\n"
Spoil = Callable[[str, str, str], None]


def test_a_drop_directory_is_a_resource_of_its_bucket(kit: Path, change: Spoil) -> None:
    change(
        FILE,
        BUCKET,
        f"{BUCKET}    dropDirectories:\n      - path: /srv/inbox/\n        prefix: /medical\n"
        "        settleSeconds: 5\n        tags:\n          origin: ward-3\n",
    )
    spec = checked_configuration(kit, kit).specs["drop-directory:staging:/srv/inbox"]
    assert spec == objects.DropDirectorySpec(
        path="/srv/inbox", bucket="staging", prefix="medical", settle_s=5, object_tags={"origin": "ward-3"}
    )


@pytest.mark.parametrize("path", ["inbox", "/srv/../etc", "/"])
def test_a_drop_directory_is_an_absolute_path(kit: Path, change: Spoil, path: str) -> None:
    change(FILE, BUCKET, f"{BUCKET}    dropDirectories:\n      - path: {path}\n")
    with pytest.raises(InvalidConfiguration):
        checked_configuration(kit, kit)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{keep: 5, days: 90}", lake.VersionsSpec(keep=5, days=90)),
        ("{days: 1}", lake.VersionsSpec(days=1)),
        ("{}", None),
        ("{keep: 0}", None),
    ],
)
def test_older_versions_go_by_number_or_by_days(
    kit: Path, change: Spoil, written: str, meant: lake.VersionsSpec | None
) -> None:
    change(FILE, BUCKET, f"{BUCKET}    versions: {written}\n")
    if meant is None:
        with pytest.raises(InvalidConfiguration, match="versions"):
            checked_configuration(kit, kit)
        return
    bucket = checked_configuration(kit, kit).specs["bucket:staging"]
    assert isinstance(bucket, lake.BucketSpec)
    assert bucket.versions == meant


def test_a_directory_is_dropped_into_a_bucket_once(kit: Path, change: Spoil) -> None:
    change(FILE, BUCKET, f"{BUCKET}    dropDirectories:\n      - path: /srv/inbox\n      - path: /srv/inbox/\n")
    with pytest.raises(InvalidConfiguration) as caught:
        checked_configuration(kit, kit)
    assert "twice" in caught.value.problems[0].message


def test_a_rule_with_tags_stands_beside_the_rule_without(kit: Path, change: Spoil) -> None:
    change(
        FILE,
        "  FileProcessorReadPolicy:\n    rule:\n",
        "  FileProcessorReadPolicy:\n    rule:\n      tags: {open: 'yes'}\n",
    )
    bucket = checked_configuration(kit, kit).specs["bucket:staging"]
    assert isinstance(bucket, lake.BucketSpec)
    assert [(rule.prefix, rule.tags, rule.read_roles) for rule in bucket.access_rules if rule.read_roles] == [
        ("landing", {"open": "yes"}, ("file-processor",))
    ]
