"""This machine as a cluster of several: an ssh server of the tests' own, and homes for its users.

Everything lies in one folder and carries that folder's name in its environment, so that what is
left of it at the end can be found and ended without touching any other Ray on the machine.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# Not 127.0.0.1, which Ray replaces with the machine's address in the network.
HEAD, *WORKERS = ADDRESSES = "127.0.0.11", "127.0.0.12", "127.0.0.13"
ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys.executable)
SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
MISSING = [
    name for name, found in (("sshd", SSHD), ("rsync", shutil.which("rsync"))) if not found
]  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A folder that stands for a machine's disk, with what is needed to reach it."""

    folder: Path
    ssh_port: int

    def home(self, address: str) -> Path:
        """The home folder of whoever logs in at an address."""
        return self.folder / address

    @property
    def key(self) -> Path:
        """The private key that opens the ssh server."""
        return self.folder / "key"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a client of the cluster: nothing of the user's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        return kept | {
            "HOME": str(self.folder / "client"),
            "PATH": f"{self.folder / 'client' / 'bin'}:{PYTHON.parent}:{os.environ['PATH']}",
            "RAY_TMPDIR": str(
                self.folder / "client"
            ),  # another than the nodes': `ray stop` spares it
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(ROOT),
        }


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def home_of_a_client(folder: Path) -> Machine:
    """A home with a token that only its owner reads."""
    made = Machine(folder, free_ports(1)[0])
    token = folder / "client" / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    return made


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A machine for as long as the context lasts; its ssh server and all it started end with it."""
    made = home_of_a_client(folder)
    for address in ADDRESSES:
        _environment(made.home(address))
    for home in [folder / "client", *map(made.home, ADDRESSES)]:
        _command(home / "bin" / "ssh", _SSH.format(port=made.ssh_port, key=made.key))
    with ExitStack() as stack:
        for place in ("client", *ADDRESSES):
            stack.enter_context(end_whatever_carries(folder / place))
        server = _start_sshd(made)
        try:
            yield made
        finally:
            server.terminate()
            server.wait(timeout=20)


# Ray's launcher has no field for ssh's port, and looks for its key in the home of /etc/passwd.
_SSH = 'exec /usr/bin/ssh -p {port} -o IdentityFile={key} "$@"'
# `ray down` says `ray stop` to every node, and that would end every Ray of this machine.
_RAY = """if [ "$1" = stop ]; then exec {python} {here} {folder}; fi
exec {python} -m ray.scripts.scripts "$@\""""


def _command(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _environment(home: Path) -> None:
    """What stands for an installed environment in the home: this one, with another `ray stop`."""
    programs = home / "venv" / "bin"
    _command(programs / "python", f'exec {PYTHON} "$@"')
    _command(programs / "maskgrid", f'exec {PYTHON} -m orchestrator "$@"')
    ray = _RAY.format(python=PYTHON, here=Path(__file__).resolve(), folder=home)
    _command(programs / "ray", ray)
    # A login starts elsewhere, since the ssh server knows another home.
    (home / ".bashrc").write_text(f"cd\nexport PATH={home}/bin:{programs}:$PATH\n")


@contextmanager
def end_whatever_carries(folder: Path) -> Iterator[None]:
    """Kills, at the end, the processes with this folder as RAY_TMPDIR: these and no others."""
    try:
        yield
    finally:
        end_processes(folder)


def end_processes(folder: Path) -> None:
    """Kill the processes with this folder as RAY_TMPDIR, but not the ssh sessions of this one."""
    for _ in range(20):
        if not (pids := processes_of(folder)):
            break
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


def processes_of(folder: Path) -> list[int]:
    """Processes that were started with this folder as RAY_TMPDIR."""
    mark = f"RAY_TMPDIR={folder}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
    return [pid for pid in found if pid not in _ancestors()]


def _ancestors() -> list[int]:
    """This process and those that started it."""
    found = [os.getpid()]
    while found[-1] > 1:
        status = Path(f"/proc/{found[-1]}/stat").read_text()
        found.append(int(status.rpartition(")")[2].split()[1]))
    return found


def _start_sshd(made: Machine) -> subprocess.Popen[bytes]:
    assert SSHD
    folder = made.folder
    for name in ("key", "host_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=60)
    if os.getuid() == 0:  # where a root's sshd confines itself; packages create it at boot
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = folder / "sshd_config"
    config.write_text(_sshd_config(made))
    log = ["-E", str(folder / "sshd.log")]
    server = subprocess.Popen([SSHD, "-D", "-f", str(config), *log])
    _wait_for_port(made.ssh_port)
    return server


def _sshd_config(made: Machine) -> str:
    lines = [
        f"Port {made.ssh_port}",
        "ListenAddress 127.0.0.1",
        *(f"ListenAddress {address}" for address in ADDRESSES),
        f"HostKey {made.folder / 'host_key'}",
        f"AuthorizedKeysFile {made.folder / 'key.pub'}",
        f"AllowUsers {getpass.getuser()}",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "StrictModes no",
        "UsePAM no",
        f"PidFile {made.folder / 'sshd.pid'}",
    ]
    for address in ADDRESSES:
        home = made.home(address)
        lines.append(f"Match LocalAddress {address}")
        lines.append(f"  SetEnv HOME={home} RAY_TMPDIR={home} PYTHONPATH={home}/maskgrid")
    return "\n".join(lines) + "\n"


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    end_processes(Path(sys.argv[1]))
