"""What is wrong with a configuration, where, and what to write instead: all of it at once, not the first fault only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pergamon.kernel import Invalid

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, as an editor counts it (from 1)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """One fault. Messages hold keys and names, never the value of a secret."""

    place: Place
    path: KeyPath
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}  {path_text(self.path)}\n    {self.message}" + (f"\n    {self.hint}" if self.hint else "")


class InvalidConfiguration(Invalid):
    """The configuration cannot be deployed as it is written; `problems` holds every fault that was found."""

    code = "deploy.invalid_configuration"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(
            set(problems), key=lambda problem: (problem.place, path_text(problem.path), problem.message)
        )
        count = len(self.problems)
        lines = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"the configuration has {count} problem{'' if count == 1 else 's'}:\n{lines}")


def path_text(path: KeyPath) -> str:
    """A key path as a person writes it: `buckets.raw.accessPolicies[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the whole file)"


def did_you_mean(word: str, known: Sequence[str], *, what: str = "known here") -> str:
    """The nearest known word as a question, or the known words when none is near."""
    lowered = {name.lower().replace("-", "_"): name for name in known}
    near = get_close_matches(word.lower().replace("-", "_"), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{lowered[near[0]]}`?"
    return f"{what}: " + (", ".join(sorted(known)) or "nothing")
