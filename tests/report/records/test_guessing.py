"""Accuracies that need no network, read off a study's records."""

import json
from typing import Any

import pytest
from hand_records import BASELINE, records

from orchestrator.report.records.guessing import Guessing, guessing

COUNTED = {"num_classes": 4, "largest_class_share": 0.7}


@pytest.mark.parametrize(
    ("provenance", "data", "expected"),
    [
        # Counted by the trial: folders too, whose recipe does not say how many classes they have.
        (COUNTED, {"source": "folder", "classes": None}, Guessing(0.25, 0.7)),
        # Of four classes of equal size, each is the largest.
        ({**COUNTED, "largest_class_share": 0.25}, {}, Guessing(0.25)),
        # Records from before: by the recipe, or unknown.
        ({}, {"source": "synthetic", "num_classes": 5}, Guessing(0.2)),
        ({}, {"source": "folder", "classes": ["a", "b"]}, Guessing(0.5)),
        ({}, {"source": "tiny-imagenet", "classes": None}, Guessing(1 / 200)),
        ({}, {"source": "folder", "classes": None}, Guessing()),
        (None, {}, Guessing()),
    ],
)
def test_counted_classes_come_before_those_of_the_recipe(
    provenance: dict[str, Any] | None, data: dict[str, Any], expected: Guessing
) -> None:
    text = None if provenance is None else json.dumps(provenance)
    made = records([BASELINE], provenance=text, recipe=json.dumps({"data": data}))
    assert guessing(made.trial_rows.values()) == expected


def test_a_study_without_trials_has_nothing_to_guess() -> None:
    assert guessing([]) == Guessing()
