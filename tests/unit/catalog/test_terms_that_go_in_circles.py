"""How terms stand to each other: nothing unknown, no circle of is-a, no title twice."""

import time
from itertools import pairwise

import pytest

from pergamon.catalog import TermSpec
from pergamon.catalog.glossary import circle, faults_of


@pytest.mark.parametrize(
    ("is_a", "has_circle"),
    [
        ({}, False),
        ({"a": ["b"], "b": []}, False),
        ({"a": ["a"]}, True),
        ({"a": ["b"], "b": ["a"]}, True),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, False),
        ({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}, True),
        ({"a": ["gone"]}, False),
    ],
)
def test_a_circle_is_found_when_there_is_one(is_a: dict[str, list[str]], has_circle: bool) -> None:
    found = circle(is_a)
    assert bool(found) is has_circle
    if found:
        assert found[0] == found[-1]
        assert all(above in is_a[name] for name, above in pairwise(found))


def test_a_long_chain_and_a_wide_lattice_are_quick() -> None:
    chain = {str(n): [str(n + 1)] for n in range(20_000)} | {"20000": []}
    lattice = {f"{level}-{n}": [f"{level + 1}-{m}" for m in range(20)] for level in range(100) for n in range(20)}
    begun = time.perf_counter()
    assert circle(chain) == []
    assert circle(lattice) == []
    assert time.perf_counter() - begun < 2


def test_every_fault_is_told() -> None:
    terms = {
        "a": TermSpec(title="Word", relations={"is-a": ("b",), "related": ("nothing",)}),
        "b": TermSpec(title="word", relations={"is-a": ("a",)}),
        "c": TermSpec(title="Self", relations={"synonym": ("c",)}),
    }
    assert faults_of(terms) == [
        "a is related nothing, which is not there",
        "c stands to itself",
        "b has the title of a",
        "is-a goes in a circle: a → b → a",
    ]
