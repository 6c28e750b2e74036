"""What a reference between modules means: `KIND:NAME` in this domain, `KIND:DOMAIN/NAME` in another one.

Both are of one environment. KIND is `generated-role-id` (a role), or what is named: `bucket`, `database`, `batch`,
`job`, `workflow`, `person`, `service`, `domain-unit`, `project`, `metadata-form`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pergamon.deploy.documents.base import Declared
from pergamon.deploy.problems import Place, did_you_mean

WORD_OF_KIND = {"role": "generated-role-id"}
REFERENCE = re.compile(r"(?P<word>[a-z-]+):(?:(?P<domain>[a-z][a-z0-9-]*)/)?(?P<name>[A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class Home:
    """Where a name is declared."""

    domain: str
    env: str
    module: str
    declared: Declared
    place: Place


Names = Mapping[tuple[str, str, str, str], Home]
"""(domain, environment, kind, name) -> where it is declared."""


@dataclass(frozen=True)
class Meaning:
    """A reference that was looked up: the name, where it is declared, or what is wrong."""

    name: str
    home: Home | None
    message: str = ""
    hint: str = ""
    domain: str = ""
    """Where it was looked for; empty when the reference cannot be read."""


def meaning(reference: str, kind: str, domain: str, env: str, names: Names) -> Meaning:
    """Look a reference up. Never raises: a reference that means nothing says why."""
    word = WORD_OF_KIND.get(kind, kind)
    form = f"write `{word}:NAME`, or `{word}:DOMAIN/NAME` for another domain"
    match = REFERENCE.fullmatch(reference)
    if match is None or match["word"] != word:
        return Meaning(reference.rpartition(":")[2], None, f"this is not a reference to a {kind}", form)
    target, name = match["domain"] or domain, match["name"]
    home = names.get((target, env, kind, name))
    if home is not None:
        return Meaning(name, home)
    elsewhere = sorted({key[0] for key in names if key[1:] == (env, kind, name)})
    if elsewhere:
        hint = f"it is declared in the domain {elsewhere[0]}: write `{word}:{elsewhere[0]}/{name}`"
    else:
        known = [key[3] for key in names if key[:3] == (target, env, kind)]
        hint = did_you_mean(name, known, what=f"{kind}s of {target}/{env}")
    return Meaning(name, None, f"there is no {kind} `{name}` in {target}/{env}", hint, target)
