"""In which language is a page? Texts stand in the templates in English; a catalogue says each of them in another one.

A catalogue is `translations/<language>.po` (GNU gettext), read once. Numbers and times are written as the language
writes them. `update_translations.py` keeps the catalogues whole, and a test holds them to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from starlette.types import Scope

from pergamon.web.pages.cookies import LANGUAGE, cookie

FOLDER = Path(__file__).parents[1] / "translations"
LANGUAGES = {"en": "English", "de": "Deutsch"}
"""What can be chosen, each by its own name."""
SOURCE = "en"
LOCALES = {"en": "en_GB", "de": "de"}
"""How each writes days and numbers."""
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def marked(text: str) -> str:
    """Marks a text for the catalogues where it stands; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Language:
    """One language: its words, and how it writes numbers and times."""

    code: str
    locale: Locale
    words: NullTranslations

    def text(self, message: str) -> str:
        """A text in this language."""
        return self.words.gettext(message) if message else ""

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        """share: 0 to 1."""
        return format_percent(share, locale=self.locale)

    def day(self, at: datetime | date | str) -> str:
        return format_date(_moment(at), format="medium", locale=self.locale)

    def moment(self, at: datetime | str) -> str:
        """To the minute, in UTC, and says so."""
        return f"{format_datetime(_moment(at), format='medium', locale=self.locale, tzinfo=UTC)} UTC"

    def ago(self, at: datetime | str, now: datetime) -> str:
        """`3 hours ago`, `in 2 days`."""
        return format_timedelta(_moment(at) - now, add_direction=True, locale=self.locale)

    def lasted(self, milliseconds: float) -> str:
        """`240 ms`, `3.2 s`, `5 min`."""
        if milliseconds < 1000:
            return f"{self.number(round(milliseconds))} ms"
        if milliseconds < 120_000:
            return f"{self.number(round(milliseconds / 1000, 1))} s"
        return f"{self.number(round(milliseconds / 60_000))} min"

    def size(self, size_bytes: float) -> str:
        """`812 kB`; a kB is 1,000 bytes."""
        power = 0
        while size_bytes >= 1000 and power < len(UNITS) - 1:
            size_bytes, power = size_bytes / 1000, power + 1
        return f"{self.number(round(size_bytes, 1 if 0 < size_bytes < 10 else 0))} {UNITS[power]}"


def language_of(scope: Scope) -> Language:
    """The language that was chosen; else the first that the browser names and we have; else English."""
    chosen = cookie(scope, LANGUAGE)
    if chosen in LANGUAGES:
        return language(chosen)
    wanted = b",".join(value for name, value in scope["headers"] if name == b"accept-language").decode("latin-1")
    return language(best_of(wanted))


def best_of(accept_language: str) -> str:
    """The language we have that a browser likes best (RFC 9110, 12.5.4)."""
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:500].split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            liked.append((-_weight(weight), place, code))
    return next((code for weight, _, code in sorted(liked) if weight < 0), SOURCE)


@cache
def language(code: str) -> Language:
    """A language that there is."""
    return Language(code, Locale.parse(LOCALES[code]), _words(code))


def _words(code: str) -> NullTranslations:
    path = FOLDER / f"{code}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _moment(at: datetime | date | str) -> datetime:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)  # noqa: DTZ001 - a day has no zone
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Translate = Callable[[str], str]
