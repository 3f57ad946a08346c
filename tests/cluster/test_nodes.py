"""Nodes that an autoscaler may still start, read from the file that `ray up` leaves on the head."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.cluster.allotment import Node, Room, allot
from orchestrator.cluster.nodes import with_autoscaler_nodes
from orchestrator.study.runtime import Runtime

HEAD, GPU = Node(0, 0.0), Node(4, 1.0)
CONFIG: dict[str, Any] = {
    "max_workers": 4,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 2}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 3},
    },
}


@pytest.mark.parametrize(
    ("alive", "change", "expected"),
    [
        ([HEAD], {}, [HEAD, GPU, GPU, GPU]),
        ([HEAD, GPU, GPU], {}, [HEAD, GPU, GPU, GPU]),
        ([HEAD], {"max_workers": 2}, [HEAD, GPU, GPU]),
        ([HEAD, GPU], {"max_workers": 1}, [HEAD, GPU]),
        # On machines of one's own Ray finds out what they have when they start.
        ([HEAD], {"available_node_types": {"local": {"resources": {}, "max_workers": 2}}}, [HEAD]),
        ([HEAD], {"available_node_types": None}, [HEAD]),
    ],
)
def test_nodes_to_come_are_counted_with_those_alive(
    tmp_path: Path, alive: list[Node], change: dict[str, Any], expected: list[Node]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG | change))
    assert with_autoscaler_nodes(alive, path) == expected


def test_without_an_autoscaler_there_is_what_there_is(tmp_path: Path) -> None:
    assert with_autoscaler_nodes([HEAD, GPU], tmp_path / "none.yaml") == [HEAD, GPU]
    (tmp_path / "list.yaml").write_text("- 1")
    assert with_autoscaler_nodes([HEAD], tmp_path / "list.yaml") == [HEAD]


def test_a_study_fits_a_cluster_whose_workers_are_yet_to_come(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    found = allot(Runtime(), Room(with_autoscaler_nodes([HEAD], path), local=False))
    # One GPU a trial, three at once: what cluster.yaml allows.
    assert (found.concurrent, found.gpus_per_worker) == (3, 1.0)
