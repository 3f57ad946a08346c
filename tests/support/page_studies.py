"""Studies made by hand for the report page: failed, large, and hostile ones."""

import json
from typing import Any

from hand_records import EPOCH, TRIAL, asked_for

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.page.page import page
from orchestrator.report.records.collect import Records
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.study.spec import StudySpec

HOSTILE = "</style></pre><script>alert('a')</script>\"'><img src=http://127.0.0.1/x onerror=1>"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
    b'<title>Loss &amp; accuracy</title><rect width="200" height="100" fill="#0072B2"/></svg>'
)
PROVENANCE: dict[str, Any] = {
    "commit": "c" * 40, "dirty": False, "workers": 1, "cpu": "Some CPU", "gpu": None,
    "versions": {"torch": "2"},
}  # fmt: skip


def study(**change: Any) -> StudySpec:
    spec = {"name": "made", "space": {"patch_size": {"grid": [2, 4]}}, **change}
    return StudySpec.model_validate_json(json.dumps(spec), strict=True)


def made(
    parents: int, children: int = 2, reason: str = "val_loss is nan", **origin: Any
) -> Records:
    """Pretrainings with finetunings, all done but the last of three parents, which failed."""
    trials: list[dict[str, Any]] = []
    cells: list[dict[str, Any]] = []
    for number in range(parents):
        failed = parents == 3 and number == 2
        key = f"restore-{number}"
        state = {"state": "failed", "reason": reason} if failed else {}
        trials.append(_trial(key, "restore", number, origin) | state)
        if not children:
            cells += asked_for(f"arm-{number}", 0, {}, {"pretrain": key})
        for child in range(number * children, (number + 1) * children):
            after = {"state": "skipped", "reason": f"{key} failed"} if failed else {}
            trial = _trial(f"classify-{child}", "classify", number, origin)
            trials.append(trial | {"inputs": {"weights": key}} | after)
            keys = {"pretrain": key, "finetune": trial["trial_key"]}
            cells += asked_for(f"arm-{child}", 0, {}, keys)
    epochs = [{**EPOCH, "trial_key": trial["trial_key"]} for trial in trials]
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, cells))


def _trial(key: str, task: str, number: int, origin: dict[str, Any]) -> dict[str, Any]:
    provenance = json.dumps(PROVENANCE | origin)
    recipe = json.dumps({"task": task, "seed": number})
    return TRIAL | {"trial_key": key, "task": task, "recipe": recipe, "provenance": provenance}


def hostile_page() -> bytes:
    """A page of a study that tries to be more than text wherever it may say something."""
    spec = study(
        description=HOSTILE,
        tables=[{"name": "t", "title": HOSTILE, "stage": "finetune", "metric": "val_accuracy"}],
        arms=[{"name": "arm", "set": {"model.init": HOSTILE}}],
    )
    found = made(3, reason=HOSTILE, cpu=HOSTILE, new={HOSTILE: 1})
    verdict = Verdict(HOSTILE, None, HOSTILE, HOSTILE)
    tables = [arrange(fill_table(table, found)) for table in spec.tables]
    return page(spec, found, tables, [verdict], {f"{HOSTILE.replace('/', '')}.svg": SVG})
