"""Studies whose results are kept in the repository, as they were read from there."""

from pathlib import Path

from orchestrator.report.collect import Records
from orchestrator.report.kept import records_of, study_of
from orchestrator.study import StudySpec

RESULTS = Path(__file__).parent.parent / "results"
NAMES = ("controls", "tiny10")


def records(name: str) -> Records:
    """The records of one of the studies."""
    return records_of(RESULTS / name)


def study(name: str) -> StudySpec:
    """The study itself; its images lie nowhere."""
    return study_of(RESULTS / name)
