"""How much a browser that has kept nothing transfers for a page: itself, and every file that it names."""

import re

from pergamon.web.permissions import PAGE_PERMISSIONS
from tests.reference.portal import Portal

from .conftest import Visit

FIRST_PAGE_BYTES = 150_000
NAMED = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def test_no_page_weighs_more_than_a_first_page_may(portal: Portal, visit: Visit) -> None:
    rena, sizes = visit("rena"), {}
    asset = portal.assets["encounters"]
    paths = [path for method, path in PAGE_PERMISSIONS if method == "GET" and "{" not in path]
    paths += [f"/assets/{asset}", f"/assets/{asset}/quality", f"/assets/{asset}/lineage", "/projects/heart-study"]
    for path in paths:
        answer = rena.get(path)
        files = {name: len(rena.get(name).content) for name in set(NAMED.findall(answer.text))}
        sizes[path] = len(answer.content) + sum(files.values())
    assert sizes["/"] > 10_000, "its style sheet is counted"
    assert max(sizes.values()) < FIRST_PAGE_BYTES, sorted(sizes.items(), key=lambda one: -one[1])[:3]
