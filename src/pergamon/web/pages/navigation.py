"""Where can somebody go from any page? An entry stands here when its page is there and opens for who looks."""

from dataclasses import dataclass

from pergamon.web.pages.language import marked


@dataclass(frozen=True)
class Entry:
    """One line of the navigation. icon: its name in `components/icons.html`."""

    path: str
    title: str
    icon: str

    def is_here(self, path: str) -> bool:
        """Does the navigation show this entry as where one is?"""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


HOME = Entry("/", marked("Home"), "home")


def entries_for(*, reads_trail: bool) -> tuple[Entry, ...]:
    """The entries for somebody, in order."""
    return (HOME,)
