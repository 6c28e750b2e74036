"""The lake's files as pages: what one may not read is in no list, and no address leads to it."""

import re

import pytest

from pergamon import lake, objects
from pergamon.kernel import Actor, ActorKind
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

KEYS = ("clinic/2025/stays & more.csv", "clinic/2025/ä<b>.csv", "clinic/readme.txt", "secret/plan.txt")
CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def filled(portal: Portal) -> Portal:
    """Files in a bucket of which Hana may read one folder, and in one of which nobody may read anything."""
    with portal.rt.begin(OPERATOR) as uow:
        write = lake.AccessRuleSpec(prefix="", ReadWriteRoles=("writer",))
        read = lake.AccessRuleSpec(prefix="clinic", ReadRoles=("project:clinic-data/owner",))
        lake.put_bucket(uow, "uploads", lake.BucketSpec(access_rules=(write, read), encryption="none"))
        lake.put_bucket(uow, "closed", lake.BucketSpec(access_rules=(write,), encryption="none"))
    writer = Actor("service:writer", ActorKind.SERVICE, roles=frozenset({"writer"}))
    for bucket, key in [*(("uploads", key) for key in KEYS), ("closed", "x.txt"), ("uploads", KEYS[0])]:
        objects.upload(
            lambda: portal.rt.begin(writer), portal.rt.settings.lake, bucket, key, iter([CONTENT]), tags={"of": "test"}
        )
    with portal.rt.begin(writer) as uow:
        objects.remove_object(uow, "uploads", "clinic/readme.txt")
    return portal


def links(text: str, what: str) -> list[str]:
    found = re.findall(r'href="(/lake/[^"]+)"', text)
    return [one.replace("&amp;", "&") for one in found if f"/{what}" in one]


def test_from_the_buckets_to_a_version_of_a_file(filled: Portal, visit: Visit) -> None:
    hana = visit("hana")
    assert 'href="/lake"' in hana.get("/").text
    buckets = hana.get("/lake").text
    assert "uploads" in buckets
    assert "closed" not in buckets
    top = hana.get("/lake/uploads").text
    assert "secret" not in top, "nor the folder above what one may not read"
    year = hana.get("/lake/uploads?prefix=clinic/2025/").text
    files = links(year, "uploads/file/")
    assert len(files) == 2
    assert "<b>.csv" not in year
    assert "of: test" in year
    page = hana.get(next(path for path in files if "stays" in path)).text
    downloads = links(page, "uploads/content/")
    assert len(downloads) == 3, "the current one, and each version"
    for path in downloads:
        answer = hana.get(path)
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    removed = hana.get("/lake/uploads/file/clinic/readme.txt").text
    assert "It was removed." in removed
    assert hana.get("/lake/uploads/content/clinic/readme.txt").status_code == 404


@pytest.mark.parametrize("name", ["rena", "olga", "eve", "stella", "hana"])
def test_what_one_may_not_read_is_answered_as_what_is_not_there(filled: Portal, visit: Visit, name: str) -> None:
    browser = visit(name)
    sees = name == "hana"
    pages = {
        "/lake": 200, "/lake/uploads": 200 if sees else 404, "/lake/uploads?prefix=secret/": 200 if sees else 404,
        "/lake/uploads/file/secret/plan.txt": 404, "/lake/uploads/content/secret/plan.txt": 404,
        "/lake/uploads/file/clinic/2025/%C3%A4%3Cb%3E.csv": 200 if sees else 404, "/lake/closed": 404,
        "/lake/uploads/file/clinic/%zz": 400, "/lake/uploads/file/clinic/..%2f..%2fsecret/plan.txt": 400,
        "/lake/nothing": 404, "/lake/uploads/file/clinic/nothing": 404,
    }  # fmt: skip
    for path, status in pages.items():
        answer = browser.get(path)
        assert answer.status_code == status, (name, path, answer.status_code)
        assert "plan.txt" not in answer.text.replace(path, "") or status != 200
    assert ("uploads" in browser.get("/lake").text) is sees
    assert not list(filled.rt.settings.logs.glob("incident_*"))
