"""Nodes that are not there yet: what the autoscaler of a cluster may still start.

`ray up` leaves its configuration on the head, where the driver of a study runs. Without a look at
it a cluster whose workers come only when they are asked for would have no room for any trial.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
import yaml

from orchestrator.cluster.allotment import Node

# Where Ray's cluster launcher puts it.
AUTOSCALER_CONFIG = Path("~/ray_bootstrap_config.yaml")


def with_autoscaler_nodes(alive: list[Node], config: Path = AUTOSCALER_CONFIG) -> list[Node]:
    """The live nodes and those that the autoscaler may add; only the live ones without one."""
    try:
        found = yaml.safe_load(config.expanduser().read_text())
    except (OSError, yaml.YAMLError):
        return alive
    return alive + list(_to_come(alive, found if isinstance(found, dict) else {}))


def _to_come(alive: list[Node], config: dict[str, Any]) -> Iterator[Node]:
    there = Counter(alive)
    types: dict[str, dict[str, Any]] = config.get("available_node_types") or {}
    left = int(config.get("max_workers", 0)) - sum(node.cpus > 0 for node in alive)
    for name, kind in types.items():
        has = kind.get("resources") or {}
        node = Node(int(has.get("CPU", 0)), float(has.get("GPU", 0)))
        if name == config.get("head_node_type") or not node.cpus:
            continue
        for _ in range(min(left, int(kind.get("max_workers", 0)) - there[node])):
            left -= 1
            yield node


def nodes() -> list[Node]:
    """The connected cluster's live nodes."""
    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = [node["Resources"] for node in listed if node["Alive"]]
    return [Node(int(has.get("CPU", 0)), has.get("GPU", 0.0)) for has in alive]


def portable_path(cache: Path) -> str:
    """A path that every node can follow: below its own home where the cache is below ours."""
    return str(cache) if cache.parts[:1] == ("~",) else str(cache.resolve())
