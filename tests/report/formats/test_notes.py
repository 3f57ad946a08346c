"""What stands below a table."""

import json

import pytest
from hand_records import BASELINE, cell, records

from orchestrator.report.formats.notes import notes
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.tables.statistics import seeds_needed
from orchestrator.study.tables import TABLE_1, TABLE_2, Table

SEEDS = [("baseline", {}, [0.30, 0.31, 0.32]), cell(2, 0.2, 0.40, 0.42, 0.41)]


def below(cells: object, table: Table = TABLE_2, **trial: object) -> str:
    metric = table.metric
    return "\n".join(notes(fill_table(table, records(cells, metric, **trial))))  # type: ignore[arg-type]


def test_a_table_without_a_result_has_nothing_to_say() -> None:
    assert below([cell(2, 0.2, "waiting")]) == ""


def test_the_epoch_and_the_seeds_are_told() -> None:
    assert "Read at the last epoch; one seed" in below([BASELINE])
    assert "mean ± standard deviation (ddof 1) of 3 seeds." in below(SEEDS)
    best = TABLE_2.model_copy(update={"select": "best_on_dev"})
    assert "best on the dev images" in below(SEEDS, best)


def test_the_binomial_error_is_that_of_the_studys_own_images() -> None:
    # By hand: sqrt(.25 .75 / 500) = 1.94 points.
    assert "on 500 validation images: up to 1.9 points" in below([BASELINE], val_images=500)
    assert "unknown" in below([BASELINE])
    assert "Binomial" not in below([cell(2, 0.2, 0.1)], TABLE_1)


def test_unequal_classes_are_told_beside_chance() -> None:
    origin = json.dumps({"num_classes": 2, "largest_class_share": 0.95})
    told = "Guessing at random is right for 50.0% of the validation images, always answering with "
    assert f"{told}their largest class for 95.0%." in below([BASELINE], provenance=origin)
    # A loss is no share of images, and equal classes have no largest.
    assert "largest" not in below([cell(2, 0.2, 0.1)], TABLE_1, provenance=origin)
    equal = json.dumps({"num_classes": 2, "largest_class_share": 0.5})
    assert "largest" not in below([BASELINE], provenance=equal)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (SEEDS, "Best: 2x2 at 20 %, separated from every other cell (paired t, Holm over all pairs, largest p 0.0033)."),
        ([*SEEDS, cell(4, 0.2, 0.40, 0.41, 0.43)], "Best: 4x4 at 20 %, not separated from 2x2 at 20 % (-0.3 ± 3.8 points, p 1 by Holm over all pairs): about "),
        ([*SEEDS, cell(4, 0.2, 0.41, 0.41, 0.41)], "even 1000 seeds might not separate them"),
        ([BASELINE, cell(2, 0.2, 0.9)], "on one seed, which cannot separate"),
    ],
)  # fmt: skip
def test_the_best_is_named_with_what_its_lead_rests_on(cells: object, words: str) -> None:
    assert words in below(cells)


def test_how_many_more_seeds_would_tell_is_said() -> None:
    close = cell(4, 0.2, 0.39, 0.42, 0.40)
    # Beyond the three there are; all three pairs share the level.
    more = (seeds_needed([-0.01, 0.0, -0.01], tests=3) or 0) - 3
    assert f"about {more} more seeds would separate them (power 0.8)" in below([*SEEDS, close])


def test_what_half_an_interval_is_made_of_is_told() -> None:
    published = TABLE_2.model_copy(update={"published": "terentiev-2024/table-2"})
    assert "binomial noise of 500 images, the paper's of 10,000" in below([cell(2, 0.2, 0.4)], published, val_images=500)  # fmt: skip
    assert "paired t over seeds (minus another cell)" in below(SEEDS)
    assert "one more run, t over our seeds (minus the paper's)" in below(SEEDS, published)
    losses = TABLE_1.model_copy(update={"published": "terentiev-2024/table-1"})
    assert "the noise of a single seed's loss is unknown" in below([cell(2, 0.2, 0.02)], losses)
