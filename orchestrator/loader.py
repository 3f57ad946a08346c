"""YAML as a study file needs it: no key twice, numbers such as 1e-4 read as numbers."""

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys and knows YAML 1.2's numbers."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: a key must be a plain word")
        if key_node.value in seen:
            line = key_node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: {key_node.value!r} stands twice")
        seen.add(key_node.value)
    return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# PyYAML follows YAML 1.1, to which 1e-4 is a word: a learning rate would arrive as a string.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


# YAML 1.1 reads 012 as ten and 1:30 as ninety, without a word.
_INT = "tag:yaml.org,2002:int"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _INT]
    for first, known in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^[-+]?\d+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$"), list("-+0123456789")
)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


_Loader.add_constructor(_INT, _integer)


def load_yaml(text: str) -> Any:
    """Parse one YAML document.

    Raises:
        yaml.YAMLError: not YAML, a duplicate key, or a key that is no plain word.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
