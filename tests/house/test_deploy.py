"""The files that describe clusters: they fit their schemas, and what they call exists."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "live_cluster"))
from launcher import ROOT, base, documented_edit, edited

RAY_VERSION = re.search(r"^ray\S*==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
EDITS = ["none", "on-premise", "gcp"]


def cluster(edit: str) -> dict[str, Any]:
    return base() if edit == "none" else edited(base(), documented_edit(edit))


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.filterwarnings("default")
def test_the_cluster_file_passes_rays_own_check(edit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    monkeypatch.chdir(ROOT)
    validate_config(prepare_config(cluster(edit)))


@pytest.mark.filterwarnings("default")
def test_rays_check_would_find_a_wrong_field() -> None:
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(ValidationError):
        validate_config(prepare_config(cluster("none") | {"max_worker": 4}))


@pytest.mark.parametrize("edit", EDITS)
def test_a_cluster_is_safe_by_default(edit: str) -> None:
    config = cluster(edit)
    start = " ".join(config["head_start_ray_commands"] + config["worker_start_ray_commands"])
    setup = " ".join(config["setup_commands"])
    assert "--dashboard-host=127.0.0.1" in start
    assert "RAY_AUTH_MODE=token" in setup and "chmod 600 ~/.ray/auth_token" in setup
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert start.count("--disable-usage-stats") == 2


@pytest.mark.parametrize("edit", EDITS)
def test_the_head_trains_nothing(edit: str) -> None:
    head = cluster(edit)["head_start_ray_commands"][-1]
    assert "--num-cpus=0" in head and "--num-gpus=0" in head


def test_gpu_workers_come_and_go() -> None:
    for edit in ("none", "gcp"):
        config = cluster(edit)
        types = config["available_node_types"]
        head = types.pop(config["head_node_type"])
        assert head["resources"]["CPU"] == 0
        assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in types.values())
        assert all(kind["resources"]["GPU"] == 1 for kind in types.values())


def test_what_travels_to_the_nodes_exists_and_is_enough() -> None:
    mounts = base()["file_mounts"]
    ours = {source for source in mounts.values() if not source.startswith("~")}
    assert all((ROOT / source).exists() for source in ours)
    # All that an installation needs: what pyproject.toml packs, and what the Makefile reads.
    needed = {
        "orchestrator",
        "model",
        "pyproject.toml",
        "requirements.lock",
        "README.md",
        "Makefile",
    }
    assert needed <= ours
    assert ".venv/ready:" in (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")


def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kuberay.yaml").read_text())
    return found


def test_the_rayjob_has_the_form_of_one() -> None:
    spec = job()["spec"]
    assert (job()["apiVersion"], job()["kind"]) == ("ray.io/v1", "RayJob")
    cluster = spec["rayClusterSpec"]
    assert RAY_VERSION and cluster["rayVersion"] == RAY_VERSION[1]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            # What a container may use is what it was promised: nothing is evicted.
            assert container["resources"]["requests"] == container["resources"]["limits"]
            # Ray's start parameters and environment are strings, or Kubernetes refuses them.
            assert all(isinstance(entry["value"], str) for entry in container["env"])


def test_the_rayjob_runs_what_exists() -> None:
    import typer

    from orchestrator.cli.app import app

    words = job()["spec"]["entrypoint"].split()
    assert words[:2] == ["maskgrid", "run"]
    assert (ROOT / words[2].removeprefix("/home/ray/maskgrid/")).exists()
    run = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    known = {name for option in run.params for name in option.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_image_is_of_rays_version_and_has_what_an_installation_needs() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    assert RAY_VERSION and f"FROM rayproject/ray:{RAY_VERSION[1]}-py311" in text
    for name in ("orchestrator", "model", "studies", "requirements.lock", "pyproject.toml"):
        assert name in text and (ROOT / name).exists()


def test_the_batch_script_is_sound() -> None:
    script = ROOT / "deploy" / "slurm.sh"
    assert subprocess.run(["bash", "-n", script], check=False, timeout=60).returncode == 0
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    command = ["shellcheck", script]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert checked.stdout == ""


def test_what_was_not_run_says_so() -> None:
    for name in ("kuberay.yaml", "slurm.sh"):
        assert "NOT RUN YET" in (ROOT / "deploy" / name).read_text()
