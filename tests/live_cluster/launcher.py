"""cluster.yaml as it is brought up on this machine: the documented on-premise edit, and as few
further changes as one machine for all nodes needs."""

import getpass
import re
from pathlib import Path
from typing import Any

import yaml
from machine import HEAD, WORKERS, Machine, free_ports

ROOT = Path(__file__).resolve().parents[2]

Config = dict[str, Any]


def documented_edit(name: str) -> Config:
    """The YAML block that docs/cluster.md gives after `<!-- edit: NAME -->`."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    found = re.search(rf"<!-- edit: {name} -->\n```yaml\n(.*?)```", text, re.DOTALL)
    assert found, name
    edit: Config = yaml.safe_load(found[1])
    return edit


def edited(config: Config, edit: Config) -> Config:
    """The config with whole sections replaced; null deletes one."""
    return {name: value for name, value in (config | edit).items() if value is not None}


def base() -> Config:
    """cluster.yaml."""
    config: Config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return config


def here(machine: Machine, name: str) -> Config:
    """cluster.yaml for this machine: see `_command` for what of its commands is changed."""
    config = edited(base(), documented_edit("on-premise"))
    config |= {
        "cluster_name": name,
        "provider": {"type": "local", "head_ip": HEAD, "worker_ips": list(WORKERS)},
        "auth": {"ssh_user": getpass.getuser(), "ssh_private_key": str(machine.key)},
        "setup_commands": [_setup(machine, line) for line in config["setup_commands"]],
    }
    ports = dict(zip(("gcs", "dashboard", "client"), free_ports(3), strict=True))
    for part in ("head_start_ray_commands", "worker_start_ray_commands"):
        config[part] = [_start(line, ports) for line in config[part]]
    return config


def _setup(machine: Machine, line: str) -> str:
    """The environment is the one that runs the tests; the store a folder; the images the study's
    own. Everything else is done as written."""
    if ".venv/ready" in line:
        return "ln -sfn ~/venv ~/maskgrid/.venv"
    if "data fetch" in line:
        return "true"
    return line.replace("s3://EDIT-ME/maskgrid", f"{machine.folder}/store")


def _start(line: str, ports: dict[str, int]) -> str:
    """One CPU a worker, ports that are free, and each node under the address it was reached at.

    One after the other: nodes that start at once on one machine would choose the same sockets.
    """
    own = "--node-ip-address=$(echo $SSH_CONNECTION | cut -d' ' -f3) --min-worker-port=0 --max-worker-port=0"
    own += " --dashboard-agent-listen-port=0 --object-store-memory=100000000"
    if "--head" in line:
        own += f" --dashboard-port={ports['dashboard']} --ray-client-server-port={ports['client']}"
    else:
        own += " --num-cpus=1 --num-gpus=0"
    return line.replace("6379", str(ports["gcs"])).replace(
        "ray start", f"flock --close ~/../start.lock ray start {own}"
    )
