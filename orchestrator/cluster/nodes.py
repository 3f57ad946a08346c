"""The connected cluster's nodes, and those that its autoscaler may still start.

`ray up` leaves its configuration on the head, where the driver of a study runs. Without a look at
it a cluster whose workers come only when they are requested would have no room for any trial.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestrator.cluster.allotment import Node, Room
from orchestrator.cluster.connection import LOCAL

# Where Ray's cluster launcher puts it.
AUTOSCALER_CONFIG = Path("~/ray_bootstrap_config.yaml")


def room_of(address: str) -> Room:
    """Everything that the connected cluster offers, nodes that are yet to be started included.

    Args:
        address: of the cluster, as `connected` took it.
    """
    alive = _alive()
    local = address == LOCAL
    return Room(alive if local else with_autoscaler_nodes(alive), local, len(alive))


def _alive() -> list[Node]:
    import ray  # by now its settings are made: see `configure`

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    return [Node(int(each.get("CPU", 0)), each.get("GPU", 0.0)) for each in resources]


def with_autoscaler_nodes(alive: list[Node], config: Path = AUTOSCALER_CONFIG) -> list[Node]:
    """The live nodes and those that the autoscaler may add; only the live ones without one."""
    try:
        settings = yaml.safe_load(config.expanduser().read_text())
    except (OSError, yaml.YAMLError):
        return alive
    return alive + list(_startable(alive, settings if isinstance(settings, dict) else {}))


def _startable(alive: list[Node], config: dict[str, Any]) -> Iterator[Node]:
    counts = Counter(alive)
    types: dict[str, dict[str, Any]] = config.get("available_node_types") or {}
    remaining = int(config.get("max_workers", 0)) - sum(node.cpus > 0 for node in alive)
    for name, node_type in types.items():
        resources = node_type.get("resources") or {}
        node = Node(int(resources.get("CPU", 0)), float(resources.get("GPU", 0)))
        if name == config.get("head_node_type") or not node.cpus:
            continue
        for _ in range(min(remaining, int(node_type.get("max_workers", 0)) - counts[node])):
            remaining -= 1
            yield node


def portable_path(cache: Path) -> str:
    """A path that every node can follow: below its own home where the cache is below ours."""
    return str(cache) if cache.parts[:1] == ("~",) else str(cache.resolve())
