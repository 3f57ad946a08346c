"""Workers that come because trials wait, and the study that counts on them before they are there.

Ray's own stand-in for a cloud starts the nodes, on this machine.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from machine import Machine, end_whatever_carries, free_ports, home_of_a_client
from tiny_study import TINY
from transcript import NewTranscript

pytestmark = pytest.mark.cluster

_NO_COMMANDS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files",
    "rsync_exclude", "rsync_filter",
)  # fmt: skip
CLOUD: dict[str, Any] = {
    **{name: [] for name in _NO_COMMANDS},
    "auth": {},
    "docker": {},
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    "cluster_name": "fake",
    "max_workers": 2,
    "idle_timeout_minutes": 0.2,
    "provider": {
        "type": "external",
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "head_node_id": "fffffffffffffffffffffffffffffffffffffffffffffffffff00000",
        "launch_multiple": True,
    },
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 2},
    },
    "head_node_type": "ray.head.default",
    "upscaling_speed": 1.0,
}


@pytest.fixture
def head(folder: Path) -> Iterator[Machine]:
    made = home_of_a_client(folder)
    with end_whatever_carries(folder / "client"):
        yield made


def test_workers_come_when_trials_wait_and_go_when_idle(
    head: Machine, folder: Path, transcript: NewTranscript
) -> None:
    gcs, dashboard, client = free_ports(3)
    address = f"127.0.0.11:{gcs}"
    # Where `ray up` leaves it on a head.
    config = folder / "client" / "ray_bootstrap_config.yaml"
    config.write_text(
        yaml.safe_dump(CLOUD | {"provider": CLOUD["provider"] | {"gcs_address": address}})
    )
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"seeds": [0, 1]}))
    environment = head.environment | {
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": CLOUD["provider"]["head_node_id"],
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": CLOUD["provider"]["head_node_id"],
    }
    told = transcript("Workers that come when they are needed", environment)
    told.run(
        *("ray", "start", "--head", "--num-cpus=0", "--node-ip-address=127.0.0.11"),
        *(f"--port={gcs}", f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}"),
        *("--dashboard-agent-listen-port=0", "--min-worker-port=0", "--max-worker-port=0"),
        *("--disable-usage-stats", f"--autoscaling-config={config}"),
    )  # fmt: skip
    told.environment = head.environment
    assert nodes(told.run("ray", "status", f"--address={address}")) == 1
    told.run(
        *("maskgrid", "run", str(folder / "tiny.yaml"), "--store", str(folder / "store")),
        *("--results", str(folder / "results"), "--address", address),
    )  # fmt: skip
    outcomes = [json.loads(p.read_text()) for p in (folder / "store/trials").glob("*/outcome.json")]
    assert [outcome["state"] for outcome in outcomes] == ["done"] * 4
    # Both workers came: there was nowhere else to train.
    assert nodes(told.run("ray", "status", f"--address={address}")) > 1
    deadline = time.monotonic() + 120
    while nodes(told.run("ray", "status", f"--address={address}")) > 1:
        assert time.monotonic() < deadline
        told.said.pop()
        time.sleep(2)


def nodes(status: str) -> int:
    """Nodes that are alive, as `ray status` counts them: ` 2 worker` a line, idle ones too."""
    alive = status.partition("Active:")[2].partition("Pending:")[0]
    return sum(int(count) for count in re.findall(r"^ (\d+) ", alive, re.MULTILINE))
