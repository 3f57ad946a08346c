"""A local cluster: loopback alone, its token on, nothing of the user's overwritten."""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import ROOT

from model.errors import InputError
from orchestrator.cluster.connection import _reach, configure, connected

RAY = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and no Ray settings in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in list(os.environ):
        if name in RAY:
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture(autouse=True)
def _restore_environment() -> object:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_local_cluster_gets_a_token_that_only_its_owner_reads(home: Path) -> None:
    configure("local")
    token = home / ".ray" / "auth_token"
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    # 256 random bits.
    assert re.fullmatch("[0-9a-f]{64}", token.read_text())


def test_a_token_that_is_there_is_kept(home: Path) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("mine")
    configure("local")
    assert (home / ".ray" / "auth_token").read_text() == "mine"


def test_a_token_that_others_could_read_is_closed(home: Path) -> None:
    (home / ".ray").mkdir()
    token = home / ".ray" / "auth_token"
    token.write_text("mine")
    token.chmod(0o644)
    configure("local")
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_an_empty_token_is_no_token(home: Path) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("")
    configure("local")
    assert len((home / ".ray" / "auth_token").read_text()) == 64


def test_a_ray_client_is_refused() -> None:
    with (
        pytest.raises(InputError, match="a Ray Client cannot drive a study"),
        connected("ray://h:1"),
    ):
        pass


def test_a_home_that_cannot_be_written_still_has_a_token(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("HOME", str(home / "file"))
    configure("local")
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_telemetry_is_off_unless_the_user_turns_it_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("local")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    configure("local")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"


@pytest.mark.ray
def test_the_dashboard_wants_the_token(ray_cluster: str) -> None:
    url = f"http://{ray_cluster}/api/jobs/"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    # Without a token nobody is let in.
    assert refused.value.code in (401, 403)
    refused.value.close()
    token = os.environ.get("RAY_AUTH_TOKEN") or (Path.home() / ".ray/auth_token").read_text()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def listening(pids: set[int]) -> set[str]:
    """Addresses (hex, as the kernel lists them) on which processes listen."""
    sockets = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(handle.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state, inode = (line.split()[index] for index in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(local.split(":")[0])
    return found


def session_processes() -> set[int]:
    """Processes of this test run's own Ray session."""
    import ray

    session = Path(ray._private.worker._global_node.get_session_dir_path()).name
    pids = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if session in (process / "cmdline").read_text():
                pids.add(int(process.name))
        except OSError:
            continue
    return pids


@pytest.mark.ray
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_local_cluster_listens_on_loopback_alone(ray_cluster: str) -> None:
    found = listening(session_processes())
    # Something listens, and every address is 127.0.0.1 or ::1, mapped or not.
    assert found
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}
    assert found <= loopback


def test_an_address_without_a_cluster_is_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def absent(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", absent)
    # One line, that names the option.
    with (
        pytest.raises(InputError, match="--address auto: no Ray cluster answered: Could not"),
        connected("auto"),
    ):
        pass


def test_nobody_waits_for_a_port_that_nothing_listens_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: connections are refused
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"--address {address}: no .* answered: .*refused"):
            _reach(address)


def test_ray_is_imported_only_after_its_settings_are_made() -> None:
    # It reads them as it is imported; these modules are, before anybody connects.
    program = (
        "import sys, orchestrator.run.driver, orchestrator.doctor.diagnose\n"
        "assert 'ray' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=300)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path that is short enough for Ray's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="mg-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_rays_folder_is_its_owners_alone(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    for mode in (0o700, 0o777):
        # Another call, in a process that the first one's starts, means the same folder.
        configure("local")
        folder = Path(os.environ["RAY_TMPDIR"])
        assert folder == short / f"maskgrid-{os.getuid()}"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(mode)


def test_a_folder_of_somebody_elses_is_not_used(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    (short / "elsewhere").mkdir()
    (short / f"maskgrid-{os.getuid()}").symlink_to("elsewhere")
    with pytest.raises(InputError, match="it belongs to somebody else; set RAY_TMPDIR"):
        configure("local")
