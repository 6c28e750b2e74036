"""The reference of the configuration and its JSON Schemas are the typed documents, word for word."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from pergamon.deploy import json_schema, schema_names
from pergamon.deploy.registry import MODULE_TYPES
from pergamon.starter_kits import kit_path

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_configuration", ROOT / "docs" / "generate_configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_published_pages_are_what_the_code_says(generator: ModuleType) -> None:
    stale = [path.name for path, text in generator.pages().items() if not path.exists() or path.read_text() != text]
    assert not stale, f"run: python docs/generate_configuration.py ({', '.join(stale)})"


def test_no_schema_is_published_that_no_longer_exists(generator: ModuleType) -> None:
    published = {path.name for path in (ROOT / "docs" / "reference" / "schemas").iterdir()}
    assert published == {f"{name}.schema.json" for name in schema_names()}


def test_every_key_has_a_meaning() -> None:
    """Every key of every document, in the schema that an editor shows."""

    def undescribed(schema: dict[str, object], path: str) -> list[str]:
        properties = schema.get("properties")
        fields = properties.items() if isinstance(properties, dict) else ()
        found = [f"{path}.{key}" for key, field in fields if not field.get("description")]
        definitions = schema.get("$defs")
        inner = definitions.items() if isinstance(definitions, dict) else ()
        return found + [missing for name, each in inner for missing in undescribed(each, f"{path}/{name}")]

    assert [missing for name in schema_names() for missing in undescribed(json_schema(name), name)] == []


def test_every_key_that_the_kit_uses_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
    kit = Path(str(kit_path("health-data-accelerator")))
    text = yaml.safe_load((kit / "datalake/datalake.yaml").read_text())
    used = {*text, *text["buckets"]["raw"], *text["accessPolicies"]["RootPolicy"]["rule"]}
    assert used <= documented


def test_every_module_type_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    assert set(re.findall(r"## Module type `([a-z-]+)`", page)) == set(MODULE_TYPES)


def test_a_file_may_hold_a_part_of_a_module() -> None:
    """A mapping file has no endpoints: its schema requires nothing."""
    assert "required" not in str(json_schema("replication"))
    assert "required" in str(json_schema("pergamon"))
