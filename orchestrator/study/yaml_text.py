"""YAML for people to read."""

from collections.abc import Mapping
from typing import Any

import yaml


def to_yaml(value: Mapping[str, Any]) -> str:
    """A mapping as YAML, its keys in their order."""
    # Lists on one line: a hundred class names, one a line, would hide the rest.
    text: str = yaml.safe_dump(dict(value), sort_keys=False, default_flow_style=None, width=96)
    return text
