"""Writes the reference page of the configuration and its JSON Schemas, from the typed documents.

Run `python docs/generate_configuration.py` after changing a document; `tests/docs` compares the text.
"""

from pathlib import Path

from pergamon.deploy import configuration_reference, schema_names, schema_text

REFERENCE = Path(__file__).parent / "reference"


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    schemas = {REFERENCE / "schemas" / f"{name}.schema.json": schema_text(name) for name in schema_names()}
    return {REFERENCE / "configuration.md": configuration_reference(), **schemas}


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
