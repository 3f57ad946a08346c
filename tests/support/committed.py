"""Studies whose results are kept in the repository, as they were read from there."""

from checkout import ROOT

from orchestrator.report.records.collect import Records
from orchestrator.report.records.results_folder import records_of, study_of
from orchestrator.study.spec import StudySpec

RESULTS = ROOT / "results"
NAMES = ("controls", "tiny10")


def records(name: str) -> Records:
    """The records of one of the studies."""
    return records_of(RESULTS / name)


def study(name: str) -> StudySpec:
    """The study itself; its images lie nowhere."""
    return study_of(RESULTS / name)
