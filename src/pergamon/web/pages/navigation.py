"""Where can somebody go from any page? An entry stands here when its page is there and opens for who looks."""

from dataclasses import dataclass

from pergamon.web.pages.language import marked


@dataclass(frozen=True)
class Entry:
    """One line of the navigation. icon: its name in `components/icons.html`. beside: other paths of its pages."""

    path: str
    title: str
    icon: str
    beside: tuple[str, ...] = ()

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
AUDIT = Entry("/audit", marked("Audit"), "shield")


def entries_for(*, reads_trail: bool) -> tuple[Entry, ...]:
    """The entries for somebody, in order."""
    return (HOME, CATALOG, REQUESTS, QUERY, PROJECTS, *([AUDIT] if reads_trail else []))
