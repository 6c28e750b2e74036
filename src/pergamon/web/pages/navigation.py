"""Where can somebody go from any page? An entry stands here when its page is there and opens for who looks."""

from collections.abc import Callable
from dataclasses import dataclass

from pergamon.policy import Action, Resource
from pergamon.runtime import TRAIL
from pergamon.web.pages.language import marked


@dataclass(frozen=True)
class Entry:
    """One line of the navigation. icon: its name in `components/icons.html`. beside: other paths of its pages.

    opens_for: whoever may do one of these finds something there; none: everybody.
    """

    path: str
    title: str
    icon: str
    beside: tuple[str, ...] = ()
    opens_for: tuple[tuple[Action, Resource], ...] = ()

    def is_here(self, path: str) -> bool:
        """Does the navigation show this entry as where one is?"""
        return path == self.path or any(
            path == root or path.startswith(f"{root}/") for root in (self.path, *self.beside) if root != "/"
        )


HOME = Entry("/", marked("Home"), "home")
CATALOG = Entry("/catalog", marked("Catalog"), "book", beside=("/assets",))
REQUESTS = Entry("/requests", marked("Requests"), "inbox", beside=("/grants",))
QUERY = Entry("/query", marked("Query"), "terminal", beside=("/queries",))
PROJECTS = Entry("/projects", marked("Projects"), "people")
RUNS = (Action.WORKFLOW_READ, Resource("workflow", "all"))
REPLICATION = (Action.REPLICATION_CONTROL, Resource("replication_task", "all"))
LANDED = (Action.TRACKER_READ, Resource("tracker", "all"))
CRAWLERS = (Action.CRAWLER_RUN, Resource("crawler", "all"))
PUBLISH = Entry("/publish", marked("Publish"), "plus")
LAKE = Entry("/lake", marked("Lake"), "lake")
PIPELINES = Entry("/pipelines", marked("Pipelines"), "flow", opens_for=(RUNS, REPLICATION, LANDED, CRAWLERS))
AUDIT = Entry("/audit", marked("Audit"), "shield", opens_for=((Action.AUDIT_READ, TRAIL),))
PEOPLE = (Action.IDENTITY_MANAGE, Resource("principal", "all"))
HEALTH = (Action.PLATFORM_OPERATE, Resource("platform", "main"))
CONFIGURATION = (Action.DEPLOY_READ, Resource("deployment", "all"))
ADMINISTRATION = Entry("/administration", marked("Administration"), "gear", opens_for=(PEOPLE, HEALTH, CONFIGURATION))
ENTRIES = (HOME, CATALOG, REQUESTS, QUERY, PROJECTS, PUBLISH, LAKE, PIPELINES, AUDIT, ADMINISTRATION)
"""In order."""


def entries_for(may: Callable[[Action, Resource], bool], *, writes: bool) -> tuple[Entry, ...]:
    """The entries for somebody. may: what the policy says of them. writes: there is a folder that they may write to."""
    entries = [entry for entry in ENTRIES if writes or entry is not PUBLISH]
    return tuple(entry for entry in entries if not entry.opens_for or any(may(*asked) for asked in entry.opens_for))
