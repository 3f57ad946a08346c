"""Verdicts on what could keep a study from running on a cluster, each with its fix."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.doctor.node_facts import Facts

# An image set of the paper's size is 1 GiB decoded; checkpoints and logs want room too.
ENOUGH_GIB = 5.0
OWNER_ONLY = 0o600
HTTP_OK = 200
# Ray refuses 500 MiB; long before that every `ray job submit` waits for it.
LIGHT_MIB = 50.0


@dataclass(frozen=True)
class Check:
    """One thing that was examined."""

    name: str
    where: str
    """A node, or `cluster`."""
    found: str
    fix: str | None = None
    """What to do about it; None if all is well."""

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return self.fix is None


@dataclass(frozen=True)
class Kind:
    """Nodes that offer the same."""

    cpus: int
    gpus: int
    gpu_name: str | None

    def __str__(self) -> str:
        gpus = f", {self.gpus} x {self.gpu_name or 'GPU'}" if self.gpus else ""
        return f"{self.cpus} CPUs{gpus}"


def judge(
    here: Mapping[str, str], nodes: Mapping[str, Facts | str], marks: set[str]
) -> Iterator[Check]:
    """Judge what the nodes said of themselves.

    Args:
        here: versions on the machine of the doctor.
        nodes: by name, their facts, or why there are none.
        marks: nodes whose file in the store arrived.
    """
    for name, facts in nodes.items():
        if isinstance(facts, str):
            fix = "look at the node with `ray status` and in Ray's dashboard"
            yield Check("answer", name, facts, fix)
            continue
        yield _versions(name, here, facts)
        yield _store(name, facts, name in marks)
        yield _data(name, facts)
        yield _disk(name, facts)
        yield _token_file(name, facts)


def _versions(name: str, here: Mapping[str, str], facts: Facts) -> Check:
    other = [
        f"{package} {version} (here {here.get(package)})"
        for package, version in facts.versions.items()
        if here.get(package) != version
    ]
    if other:
        fix = "run the set-up commands of cluster.yaml again: `ray up cluster.yaml`"
        return Check("versions", name, ", ".join(other), fix)
    shown = ("python", "ray", "torch", "maskgrid")
    return Check("versions", name, ", ".join(f"{part} {here[part]}" for part in shown))


def _store(name: str, facts: Facts, arrived: bool) -> Check:
    if facts.store or not arrived:
        reason = facts.store or "what it wrote did not arrive"
        fix = "--store: a bucket, or a folder on a network mount that every node has"
        return Check("store", name, reason, fix)
    return Check("store", name, "reads and writes it")


def _data(name: str, facts: Facts) -> Check:
    if facts.data:
        fix = "put the images there, such as by a set-up command of cluster.yaml; or --data"
        return Check("images", name, facts.data, fix)
    return Check("images", name, "there, or can be decoded there")


def _disk(name: str, facts: Facts) -> Check:
    free = f"{facts.free_gib:.1f} GiB free"
    if facts.free_gib < ENOUGH_GIB:
        fix = f"make room for {ENOUGH_GIB:g} GiB of decoded images and checkpoints; or --cache"
        return Check("disk", name, free, fix)
    return Check("disk", name, free)


def _token_file(name: str, facts: Facts) -> Check:
    if facts.token_mode is not None and facts.token_mode & ~OWNER_ONLY:
        mode = f"~/.ray/auth_token has mode {facts.token_mode:04o}"
        return Check("token file", name, mode, "chmod 600 ~/.ray/auth_token")
    return Check("token file", name, "for its owner alone" if facts.token_mode else "none")


def same_gpus(kinds: Mapping[str, Kind]) -> Check:
    """Whether all GPUs are of one kind: a trial's seconds, and its last digits, depend on it."""
    names = Counter(kind.gpu_name or "unknown" for kind in kinds.values() if kind.gpus)
    if not names:
        return Check("GPUs", "cluster", "none: trials train on CPUs")
    counts = ", ".join(f"{name} on {count} nodes" for name, count in sorted(names.items()))
    if "unknown" in names:
        fix = "Ray counts GPUs that PyTorch does not see: check NVIDIA's driver with nvidia-smi"
        return Check("GPUs", "cluster", counts, fix)
    if len(names) > 1:
        return Check("GPUs", "cluster", counts, "leave one kind in the cluster")
    return Check("GPUs", "cluster", counts)


def authentication(nodes: Mapping[str, Facts | str], unauthorised: int | None) -> Check:
    """Whether whoever reaches the cluster may run code on it.

    Args:
        unauthorised: HTTP status of a dashboard asked without a token; None without a dashboard.
    """
    fix = "RAY_AUTH_MODE=token on every node before `ray start`, and a token file of mode 600"
    answers = {name: facts for name, facts in nodes.items() if isinstance(facts, Facts)}
    off = [name for name, facts in answers.items() if facts.authentication != "token"]
    if off:
        return Check("authentication", "cluster", f"off on {', '.join(off)}", fix)
    if unauthorised == HTTP_OK:
        return Check("authentication", "cluster", "the dashboard answers without a token", fix)
    status = f"; the dashboard without it: {unauthorised}" if unauthorised else ""
    return Check("authentication", "cluster", f"token{status}")


def working_directory(size: int | None) -> Check:
    """Whether what `ray job submit --working-dir .` would send from here is small.

    Args:
        size: bytes; None if unknown.
    """
    if size is None:
        return Check("working directory", "here", "size unknown to this version of Ray")
    travels = f"{size / 2**20:.1f} MiB would travel with ray job submit"
    if size > LIGHT_MIB * 2**20:
        fix = "list what a run does not need in .rayignore; submit from the project's folder"
        return Check("working directory", "here", travels, fix)
    return Check("working directory", "here", travels)
