"""Trials laid into a store by hand, as training would leave them."""

import datetime
from pathlib import Path

from ledger_entries import DONE, FAILED, checkpoint, rows

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.study_registry import save_record
from orchestrator.study.graph import TrialGraph


def lay(ledger: Ledger, graph: TrialGraph, key: str, state: str = "done") -> None:
    """One trial of two epochs: done, failed, unfinished or running (unfinished, with a lease)."""
    ledger.store.prepare()
    ledger.write_spec(graph.trials[key])
    ledger.begin_attempt(key, {"started_at": "2026-01-01T00:00:00+00:00"})
    for epoch in (1, 2):
        ledger.save_epoch(key, rows(epoch), checkpoint(epoch))
    if state == "done":
        ledger.finish(key, b"weights of " + key.encode(), DONE)
    elif state == "failed":
        ledger.fail(key, FAILED)
    elif state == "running":
        lease(ledger, key, age=5)


def lease(ledger: Ledger, key: str, age: float) -> None:
    """A lease that some other machine renewed so many seconds ago."""
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    name = f"{Paths.leases(key)}/0001.json"
    ledger.store.write_json(name, {"owner": "0123456789ab", "beat": 1, "at": at.isoformat()})


def planned(study: Path) -> Plan:
    """The plan of a study in the store beside it."""
    return make_plan(study, str(study.parent / "store"))


def ran(study: Path) -> Plan:
    """As if the study had been run: all trials done, the study remembered."""
    plan = planned(study)
    for key in plan.graph.trials:
        if not plan.ledger.outcome(key):
            lay(plan.ledger, plan.graph, key)
    save_record(plan.ledger.store, plan.slot)
    return planned(study)
