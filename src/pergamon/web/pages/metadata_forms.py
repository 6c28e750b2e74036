"""The fields of metadata forms, which no model knows: named `says.<form>.<field>`, typed as their form wants them."""

from collections.abc import Mapping

from pergamon.catalog import FormSpec, FormValue

SAYS = "says."
"""What the fields of metadata forms begin with: `says.ethics.board`."""
Said = Mapping[str, Mapping[str, FormValue]]


def typed(forms: Mapping[str, FormSpec], says: Said) -> dict[str, dict[str, FormValue]]:
    """What was written, as its field wants it; what is no number stays text, and the verb says so."""
    return {
        name: {
            called: _value(spec.fields[called].type, str(value))
            for called, value in says.get(name, {}).items()
            if called in spec.fields and str(value).strip()
        }
        for name, spec in forms.items()
    }


def typed_changes(forms: Mapping[str, FormSpec], says: Said, before: Said) -> dict[str, dict[str, FormValue]]:
    """The same, of an edit: a field that was filled in and is left empty now is cleared. Forms that say nothing and
    said nothing are left out."""
    written = typed(forms, says)
    found = {}
    for name, given in written.items():
        cleared = dict.fromkeys(field for field in before.get(name, {}) if field in says.get(name, {}))
        if given or cleared:
            found[name] = {**cleared, **given}
    return found


def _value(kind: str, text: str) -> FormValue:
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        return text
    return text == "true" if kind == "boolean" else text
