"""Nested mappings as one of dotted paths, `pretrain.mask.ratio`, and back."""

from collections.abc import Mapping
from typing import Any

Flat = dict[str, Any]
"""Dotted path -> value; lists and empty mappings are values, not levels."""


def flatten(node: Mapping[str, Any], prefix: str = "") -> Flat:
    """Every value of nested mappings by its path, in their order."""
    flat: Flat = {}
    for name, value in node.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def unflatten(flat: Flat) -> dict[str, Any]:
    """Dotted paths as nested mappings again."""
    root: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, last = path.split(".")
        node = root
        for step in parents:
            node = node.setdefault(step, {})
        node[last] = value
    return root
