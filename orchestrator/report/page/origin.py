"""The origin of a study's numbers: recipes, provenance, and the way to reproduce them."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.report.page.recipe_diff import Compared, compare
from orchestrator.report.page.trials import ShownTrial
from orchestrator.study.dotted_paths import unflatten
from orchestrator.study.spec import StudySpec
from orchestrator.study.yaml_text import to_yaml

# Where `maskgrid data fetch` puts the images; a folder's place is the reader's own.
_PLACES = {"tiny-imagenet": "data/tiny-imagenet-200.zip", "folder": "data/images"}

# Provenance in a reader's order and words; what else was recorded follows under its own name.
LABELS = {
    "commit": "Commit",
    "dirty": "Uncommitted changes",
    "workers": "Workers of a trial",
    "cpu": "Processor",
    "cpu_kernels": "CPU kernels",
    "gpu": "GPU",
    "compiled": "Compiled",
    "machine": "Architecture",
    "system": "System",
    "python": "Python",
}

# Kernels for another kind of processor add up in another order.
_ROUNDING = {"cpu", "cpu_kernels", "gpu", "machine"}


@dataclass(frozen=True)
class Recipes:
    """All recipes of one stage."""

    stage: str
    common: str
    """Fields that all of them share, as YAML."""
    compared: Compared
    trials: tuple[ShownTrial, ...]
    """One for each of the compared rows."""


@dataclass(frozen=True)
class Origins:
    """Provenance of the trials: what all share, and a row for each set of those that differ."""

    compared: Compared
    counts: tuple[int, ...]
    """Trials of each row."""
    unknown: int
    """Trials that have not ended, so that nothing is recorded of them."""

    @property
    def round_differently(self) -> bool:
        """Whether trials ran on kinds of processor whose sums round differently."""
        return bool(_ROUNDING & set(self.compared.differing))


@dataclass(frozen=True)
class Code:
    """One state of the code."""

    commit: str
    dirty: bool
    """Whether files differed from the commit."""
    others: int
    """Number of other states that some trials ran on."""


def recipes(trials: Sequence[ShownTrial], stages: Iterable[str]) -> list[Recipes]:
    """The recipes of each stage, inputs first: the common part once, then what differs."""
    groups = []
    for stage in stages:
        some = tuple(trial for trial in trials if stage in trial.stages)
        compared = compare([json.loads(trial.record["recipe"]) for trial in some])
        groups.append(Recipes(stage, to_yaml(unflatten(compared.common)), compared, some))
    return groups


def origins(trials: Sequence[ShownTrial]) -> Origins:
    """The provenance of all trials that ended, grouped."""
    texts = [trial.record["provenance"] for trial in trials]
    counted = Counter(text for text in texts if text)
    compared = compare([_in_order(json.loads(text)) for text in counted])
    return Origins(compared, tuple(counted.values()), texts.count(None))


def _in_order(provenance: dict[str, Any]) -> dict[str, Any]:
    first = {name: provenance[name] for name in LABELS if name in provenance}
    return first | provenance


def code(trials: Sequence[ShownTrial]) -> Code | None:
    """The state of the code that most trials ran on; None where no trial recorded a commit."""
    origins = [json.loads(trial.record["provenance"] or "{}") for trial in trials]
    states = Counter((each["commit"], each.get("dirty")) for each in origins if each.get("commit"))
    if not states:
        return None
    (commit, dirty), _ = states.most_common(1)[0]
    return Code(commit, bool(dirty), len(states) - 1)


def study_yaml(study: StudySpec) -> str:
    """The study as a file that runs: what it was given, with a place for the images."""
    spec: dict[str, Any] = study.model_dump(
        mode="json", exclude={"data": {"path"}}, exclude_unset=True
    )
    place = _PLACES.get(study.data.source)
    if "data" in spec:
        path = {"path": place} if place else {}
        spec["data"] = {"source": study.data.source, **path, **spec["data"]}
    for stage in spec.get("stages", {}).values():
        if "path" in stage.get("data", {}):
            stage["data"]["path"] = _PLACES[stage["data"].get("source", study.data.source)]
    return to_yaml(spec)
