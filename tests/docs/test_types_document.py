"""docs/reference/types.md is generated from the code's table of types."""

from pathlib import Path

from pergamon.replicate import types_document

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "types.md"


def test_the_page_of_types_is_what_the_code_does() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == types_document(), (
        "run: python -c 'from pergamon.replicate import types_document; print(types_document(), end=\"\")' "
        "> docs/reference/types.md"
    )
