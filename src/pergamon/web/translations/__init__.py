"""The portal's texts in other languages than English, one catalogue each (`de.po`), and what keeps them whole.

`python -m pergamon.web.translations` reads every text out of templates and code and writes the catalogues anew: texts
that are gone leave, new ones come without a translation, and those without one are counted.
"""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).parent
WEB = FOLDER.parent
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "ngettext": (1, 2), "marked": None}
OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.do", "trimmed": "true", "silent": "false"}}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")

Texts = str | Sequence[str]


def texts() -> Catalog:
    """Every text of the portal, in English."""
    found = Catalog(charset="utf-8")
    for name, _, message, _, _ in extract_from_dir(str(WEB), METHODS, OPTIONS, keywords=KEYWORDS):
        found.add(message, locations=[(name, 0)])
    return found


def kept(code: str) -> Catalog:
    """A catalogue as it stands; empty when there is none."""
    path = FOLDER / f"{code}.po"
    return read_po(BytesIO(path.read_bytes() if path.exists() else b""), locale=code)


def renewed(code: str) -> Catalog:
    """A catalogue with exactly the texts of the portal, and the translations that there are."""
    old, new = kept(code), Catalog(locale=code, charset="utf-8")
    for message in texts():
        if message.id:
            before = old.get(message.id)
            nothing = "" if isinstance(message.id, str) else ("",) * new.num_plurals
            new.add(message.id, before.string if before else nothing, locations=message.locations)
    return new


def lacks(catalog: Catalog) -> list[str]:
    """The texts that have no translation, or one with other places for values."""
    return sorted(
        {_first(message.id) for message in catalog if message.id and not _is_whole(message.id, message.string)}
    )


def as_text(catalog: Catalog) -> bytes:
    """A catalogue as its file: without dates, so that the same is the same."""
    written = BytesIO()
    write_po(written, catalog, sort_output=True, omit_header=True, no_location=True, width=110)
    head = f'msgid ""\nmsgstr ""\n"Language: {catalog.locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    return f'{head}"Plural-Forms: {catalog.plural_forms}\\n"\n\n'.encode() + written.getvalue()


def _is_whole(text: Texts, said: Texts | None) -> bool:
    forms = (said or "",) if isinstance(said, str | None) else tuple(said)
    places = set(PLACEHOLDER.findall(text if isinstance(text, str) else text[-1]))
    return all(form and set(PLACEHOLDER.findall(form)) <= places for form in forms) and bool(
        not places or set(PLACEHOLDER.findall(forms[-1])) == places
    )


def _first(text: Texts) -> str:
    return text if isinstance(text, str) else text[0]
