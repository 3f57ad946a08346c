"""YAML as a study file needs it: no key twice; numbers and booleans as YAML 1.2 has them."""

import re
from typing import Any

import yaml

_INT, _FLOAT, _BOOL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys and knows YAML 1.2's numbers and booleans.

    PyYAML follows YAML 1.1, to which 012 is ten, 1:30 is ninety, `off` is false, and 1e-4 a word.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 (declared as PyYAML declares it)
        first: [(tag, pattern) for tag, pattern in known if tag not in (_INT, _FLOAT, _BOOL)]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: a key must be a plain word")
        if key_node.value in seen:
            line = key_node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: duplicate key {key_node.value!r}")
        seen.add(key_node.value)
    return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    try:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    except ValueError:  # by an explicit tag, or of more digits than Python takes
        line = node.start_mark.line + 1
        raise yaml.YAMLError(f"line {line}: {text[:40]!r} is not a whole number") from None


def _real(loader: _Loader, node: yaml.ScalarNode) -> float:
    # -0.0 becomes 0.0: equal recipes have equal keys.
    try:
        return float(yaml.SafeLoader.construct_yaml_float(loader, node)) + 0.0
    except ValueError:  # by an explicit tag
        line = node.start_mark.line + 1
        raise yaml.YAMLError(f"line {line}: {str(node.value)[:40]!r} is not a number") from None


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor(_INT, _integer)
_Loader.add_constructor(_FLOAT, _real)
for _tag, _pattern, _first in (
    (_BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (_INT, r"[-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (_FLOAT, r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?", "-+.0123456789"),
    (_FLOAT, r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$", re.ASCII), list(_first))


def load_yaml(text: str) -> Any:
    """Parse one YAML document.

    Raises:
        yaml.YAMLError: not YAML, a duplicate key, or a key that is not a plain word.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
