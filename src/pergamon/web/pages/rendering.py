"""How a template becomes text: everything that comes from people or data is escaped, and a name that nobody gave is an
error and no gap."""

import re
from functools import cache, partial
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pergamon.kernel import PergamonError
from pergamon.web.errors import status_of
from pergamon.web.pages.language import Language, language
from pergamon.web.pages.static_files import FOLDER, static_path
from pergamon.web.pages.words import (
    Advice,
    advice_on,
    cause_told,
    dimension_told,
    mask_told,
    project_role_told,
    state_told,
)

TEMPLATES = FOLDER.parent / "templates"
NAME_PARTS = re.compile(r"[^._/]*[._/]|[^._/]+")


@cache
def environment(code: str) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        auto_reload=False,
    )
    spoken = language(code)
    made.install_gettext_translations(spoken.words, newstyle=True)  # type: ignore[attr-defined]  # the extension's
    made.globals |= {
        "static": static_path,
        "language": spoken,
        "advice_on": _advice,
        "advice_on_code": partial(advice_on, status=400),
    }
    made.filters |= _filters(spoken)
    return made


def rendered(code: str, template: str, values: dict[str, Any]) -> str:  # Any: whatever a template shows
    """A template with its values."""
    return environment(code).get_template(template).render(values)


def _filters(spoken: Language) -> dict[str, Any]:
    return {
        "number": spoken.number,
        "percent": spoken.percent,
        "day": spoken.day,
        "moment": spoken.moment,
        "lasted": spoken.lasted,
        "size": spoken.size,
        "translated": spoken.text,
        "person": person,
        "breakable": breakable,
        "marked": marked_up,
        "state": state_told,
        "mask": lambda mask: spoken.text(mask_told(mask)),
        "cause": lambda cause: spoken.text(cause_told(cause)),
        "project_role": lambda role: spoken.text(project_role_told(role)),
        "dimension": lambda dimension: spoken.text(dimension_told(dimension)),
    }


def _advice(error: PergamonError) -> Advice:
    return advice_on(error.code, status_of(error))


def person(principal: str | None) -> str:
    """How somebody is called on a page: `person:ada` is ada."""
    return (principal or "").removeprefix("person:")


def breakable(name: str) -> Markup:
    """A name without spaces may be broken where its parts meet: `heart_study_sub.encounters`."""
    if " " in name:
        return Markup.escape(name)
    return Markup("<wbr>").join(map(Markup.escape, NAME_PARTS.findall(name)))


def marked_up(text: str, ranges: list[list[int]] | None) -> Markup:
    """A text in which words were met, each of them marked. The text is escaped piece by piece."""
    parts, done = [], 0
    for start, end in sorted(ranges or []):
        if done <= start < end <= len(text):
            parts += [Markup.escape(text[done:start]), Markup("<mark>"), Markup.escape(text[start:end])]
            parts.append(Markup("</mark>"))
            done = end
    return Markup("").join([*parts, Markup.escape(text[done:])])
