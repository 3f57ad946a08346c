"""Jobs of trials, as a driver would make them for one worker on a CPU."""

from orchestrator.cluster.allotment import Allotment
from orchestrator.run.job import TrialJob


def job_of(store: str, key: str, cache: str = "") -> TrialJob:
    return TrialJob(
        study="tiny", store=store, cache=cache, allotment=Allotment("inline", 1, 1, 1, 0.0),
        compiled=False, max_restarts=0, provenance={}, trial_key=key, run_name="tiny",
    )  # fmt: skip
