"""What would keep Ray from starting or answering is told before it is tried."""

import os
import tempfile
from pathlib import Path

import pytest

from model.errors import InputError
from orchestrator.cluster.connection import configure


def refusal(address: str = "local") -> str:
    with pytest.raises(InputError) as caught:
        configure(address)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "https://ray.example"])
def test_the_dashboards_address_is_told_from_the_clusters(address: str) -> None:
    line = refusal(address)
    assert line.startswith(f"--address {address}: this is where Ray's dashboard takes jobs; ")
    # What to give instead.
    assert "HOST:6379" in line
    assert line.endswith(f"`ray job submit --address {address}`")


def test_a_ray_client_cannot_drive_a_study() -> None:
    assert refusal("ray://head:10001").startswith("--address ray://head:10001: a Ray Client")


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_folder_that_ray_cannot_use_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    assert refusal() == (
        f"{variable} {tmp_path}/none: no such folder; create it or unset {variable}"
    )
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv(variable, str(long))
    assert refusal().startswith(f"{variable} {long}: too long by ")
    # A cluster that is there already has sockets of its own.
    configure("auto")


def test_the_longest_folder_that_is_taken_leaves_room_for_rays_sockets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray._private.utils import validate_socket_filepath

    session = "ray/session_2026-11-25_03-33-40_123456_4194304/sockets/plasma_store"
    private = f"maskgrid-{os.getuid()}"
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        for length in range(1, 60):
            folder = Path(base, "y" * length)
            folder.mkdir()
            monkeypatch.setenv("RAY_TMPDIR", str(folder))
            try:
                configure("local")
            except InputError:
                with pytest.raises(OSError, match="AF_UNIX"):
                    validate_socket_filepath(str(folder / private / session))
            else:
                validate_socket_filepath(str(folder / private / session))
