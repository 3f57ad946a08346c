"""Studies whose results are kept in the repository, as they were read from there."""

import json
from pathlib import Path

import yaml

from orchestrator.records import CELLS, EPOCHS, TRIALS, from_parquet
from orchestrator.report.collect import Records
from orchestrator.study import StudySpec

RESULTS = Path(__file__).parent.parent / "results"
NAMES = ("controls", "tiny10")


def records(name: str) -> Records:
    """The records of one of the studies."""
    schemas = {"trials": TRIALS, "epochs": EPOCHS, "cells": CELLS}
    read = {
        part: from_parquet((RESULTS / name / f"{part}.parquet").read_bytes(), schema)
        for part, schema in schemas.items()
    }
    return Records(**read)


def study(name: str) -> StudySpec:
    """The study itself; its images lie nowhere."""
    written = yaml.safe_load((RESULTS / name / "study.yaml").read_text())
    written["data"]["path"] = "anywhere"  # a place on one machine is not recorded
    return StudySpec.model_validate_json(json.dumps(written), strict=True)
