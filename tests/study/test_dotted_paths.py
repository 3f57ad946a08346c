"""Nested mappings as dotted paths."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.study.dotted_paths import flatten, unflatten

NAMES = st.text("abc_", min_size=1, max_size=3)
VALUES: st.SearchStrategy[Any] = st.none() | st.integers() | st.lists(st.integers(), max_size=2)
NODES = st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)


@given(st.dictionaries(NAMES, NODES, max_size=3))
def test_paths_lead_back_to_the_mapping_they_came_from(node: dict[str, Any]) -> None:
    flat = flatten(node)
    assert unflatten(flat) == node
    # No mapping with something in it is left as a value.
    assert not any(isinstance(value, dict) and value for value in flat.values())


def test_paths_are_in_the_order_of_the_mapping() -> None:
    node = {"train": {"mask": {"ratio": 0.2}, "epochs": 3}, "seed": 0, "sizes": [1, 2]}
    assert list(flatten(node)) == ["train.mask.ratio", "train.epochs", "seed", "sizes"]
