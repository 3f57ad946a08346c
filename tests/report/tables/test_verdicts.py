"""The paper's two claims on results made by hand."""

import json
from typing import Any

import pytest
from hand_records import both_stages
from scipy import stats

from orchestrator.report.records.collect import Records
from orchestrator.report.tables.published import TABLES
from orchestrator.report.tables.verdicts import (
    LOSS_GROWS,
    PRETRAINING_HELPS,
    Verdict,
    lines,
    to_markdown,
    verdicts,
)
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

RATIOS = (0.2, 0.4, 0.6)
LOSSES = TABLES["terentiev-2024/table-1"].cells
ACCURACIES = TABLES["terentiev-2024/table-2"].cells


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def name(size: int, ratio: float) -> tuple[str, dict[str, Any]]:
    return f"patch_size={size},mask_ratio={ratio}", {"patch_size": size, "mask_ratio": ratio}


def grid(
    losses: dict[Any, list[Any]], accuracies: dict[Any, list[Any]], alone: list[Any], **mask: Any
) -> Records:
    """A grid's losses and accuracies, one a seed, and the accuracies without pretraining."""
    cells: list[Any] = [("baseline", {}, [("", value) for value in alone])] if alone else []
    return both_stages(cells + asked(losses, accuracies), **mask)


def asked(
    losses: dict[Any, list[Any]], accuracies: dict[Any, list[Any]] | None = None
) -> list[Any]:
    found = {**losses, **(accuracies or {})}
    return [(*name(*at), list(zip(row, found[at], strict=True))) for at, row in losses.items()]


def verdict(claim: str, found: Records) -> Verdict | None:
    return next((each for each in verdicts(study(), found) if each.claim == claim), None)


def loss(losses: dict[Any, list[Any]], **mask: Any) -> Verdict | None:
    return verdict(LOSS_GROWS, grid(losses, {}, [], **mask))


def ordered(*rows: list[list[Any]]) -> dict[Any, list[Any]]:
    """Losses by ratio: for each, a list a patch size (2, 4, 8)."""
    return {
        (size, ratio): found
        for ratio, row in zip(RATIOS, rows, strict=False)
        for size, found in zip((2, 4, 8), row, strict=True)
    }


UP = [[0.1], [0.2], [0.3]]
THREE_UP = [[0.10, 0.11, 0.10], [0.20, 0.21, 0.19], [0.30, 0.31, 0.32]]
THREE_DOWN = THREE_UP[::-1]


# --- the loss grows with the patch size -------------------------------------------------------


def test_on_the_papers_own_numbers_and_three_seeds_its_first_claim_holds() -> None:
    found = loss({at: [value, 1.01 * value, 0.98 * value] for at, value in LOSSES.items()})
    # Three seeds in order: one of 6 ** 3 arrangements, counted on both sides.
    assert found and found.holds is True
    assert "6 of 6 steps" in found.words
    assert "L = 42, two-sided p = 0.0093; 3 blocks, one per seed" in found.statistic


@pytest.mark.parametrize(
    ("losses", "holds", "words"),
    [
        (ordered(THREE_DOWN, THREE_DOWN, THREE_DOWN), False, "0 of 6"),
        (ordered(THREE_UP), True, "2 of 2"),
        (ordered([[0.1, 0.3, 0.2], [0.2, 0.1, 0.3], [0.3, 0.2, 0.1]]), None, "could explain"),
        # Two seeds: one of 6 ** 2 arrangements on each side is p = 0.056.
        (ordered([row[:2] for row in THREE_UP]), None, "2 of 2 steps from one patch size to the next. Noise could explain"),
        (ordered(UP, UP, UP), None, "6 of 6 steps from one patch size to the next. One seed cannot separate"),
        (ordered(UP[::-1], UP[::-1]), None, "0 of 4 steps from one patch size to the next. One seed cannot separate"),
        (ordered(UP, UP, [["waiting"], [0.1], [0.2]]), None, "4 of 4"),
        (ordered([["running"], [0.1], [0.2]]), None, "needs two seeds with a result at every patch size"),
        ({(2, 0.2): ["running"], (4, 0.2): ["waiting"]}, None, "needs three patch sizes"),
    ],
)  # fmt: skip
def test_the_order_must_stand_out_of_the_noise_between_seeds(
    losses: dict[Any, list[Any]], holds: bool | None, words: str
) -> None:
    found = loss(losses)
    assert found and found.holds is holds
    assert words in found.words


def test_a_seed_is_one_block_however_many_ratios_it_has() -> None:
    many, few = ordered(THREE_UP, THREE_UP, THREE_UP), ordered(THREE_UP)
    # Not L = 126 of nine blocks: what one seed does by chance, it does at all of its ratios.
    assert {found.statistic for losses in (many, few) if (found := loss(losses))} == {
        "Page's L = 42, two-sided p = 0.0093; 3 blocks, one per seed, mean over mask ratios; "
        "patch sizes 2x2, 4x4, 8x8"
    }
    # Two ratios that grow by less than the third falls: the mean falls.
    small = [[value / 10 for value in row] for row in THREE_UP]
    found = loss(ordered(small, small, THREE_DOWN))
    assert found and "Page's L = 30" in found.statistic


def test_a_control_at_one_patch_size_takes_nothing_from_what_holds() -> None:
    losses = ordered(THREE_UP, THREE_UP, THREE_UP)
    he = ("he", {"patch_size": 4, "mask_ratio": 0.4, "model.init": "he"}, [(0.05, 0.5)] * 3)
    alone = loss(losses)
    assert alone and alone.holds is True
    assert verdict(LOSS_GROWS, both_stages([*asked(losses), he])) == alone
    # At two sizes it has a step of its own: it counts if it is known, and lacks if it is not.
    for more, holds, steps in (([(0.06, 0.5)] * 3, True, "7 of 7"), ([("failed", 0.5)] * 3, None, "6 of 6")):  # fmt: skip
        large = ("he-8", {**he[1], "patch_size": 8}, more)
        found = verdict(LOSS_GROWS, both_stages([*asked(losses), he, large]))
        assert found and found.holds is holds
        assert steps in found.words


def test_a_ratio_whose_results_are_missing_is_not_shown() -> None:
    missing = [["failed"] * 3, *THREE_UP[1:]]
    found = loss(ordered(THREE_UP, THREE_UP, missing))
    assert found and found.holds is None
    assert "4 of 4 steps" in found.words and "growth at every ratio is not shown" in found.words


def test_a_trend_with_a_step_back_is_not_growth_at_every_ratio() -> None:
    wavy = [THREE_UP[0], THREE_UP[2], [0.29, 0.32, 0.30]]  # back by less than its noise
    found = loss(ordered(THREE_UP, THREE_UP, wavy))
    assert found and found.holds is None
    assert "growth at every ratio is not shown" in found.words


def test_a_fall_that_seeds_confirm_contradicts_the_claim() -> None:
    back = [THREE_UP[0], THREE_UP[2], [0.200, 0.211, 0.221]]
    found = loss(ordered(THREE_UP, THREE_UP, back))
    # The trend over all blocks grows none the less.
    assert found and found.holds is False
    assert "it falls at 60 %, 4x4 to 8x8" in found.words


def test_equal_trials_count_once() -> None:
    once = grid(ordered(UP), {}, [])
    # Two finetunings of each pretraining are no second ratio.
    cells = once.cells.to_pylist() + [{**row, "cell": f"{row['cell']},lr=1"} for row in once.cells.to_pylist()]  # fmt: skip
    twice = Records(once.trials, once.epochs, once.cells.from_pylist(cells))
    found = verdict(LOSS_GROWS, twice)
    assert found and "2 of 2 steps" in found.words
    assert "1 block," in found.statistic


def test_without_patches_of_two_sizes_there_is_no_such_claim() -> None:
    assert loss({(2, 0.2): [0.1], (2, 0.4): [0.2]}) is None
    # Nothing is hidden where nothing is masked.
    assert loss(ordered(UP, UP), mode="none") is None


# --- pretraining raises the accuracy ----------------------------------------------------------


def gain(accuracies: dict[Any, list[Any]], alone: list[Any], **mask: Any) -> Verdict | None:
    losses = {at: [0.1] * len(found) for at, found in accuracies.items()}
    return verdict(PRETRAINING_HELPS, grid(losses, accuracies, alone, **mask))


def test_on_the_papers_own_numbers_its_second_claim_holds() -> None:
    found = gain({at: [value] for at, value in ACCURACIES.items()}, [0.40])
    assert found and found.holds is True
    # The independent source: a t-test of two samples, one of which has one value.
    p = stats.ttest_ind([*ACCURACIES.values()], [0.40]).pvalue
    assert f"two-sided p = {p:.2g}" in found.statistic
    assert "+4.0 points; 9 of 9 cells" in found.words
    # By hand: sqrt(.446 .554 / 500).
    assert "binomial standard error of one accuracy 2.2 points" in found.statistic


@pytest.mark.parametrize(
    ("alone", "holds"),
    [([0.60], False), ([0.445], None), ([0.40, 0.41], True), ([0.50, 0.51], False), ([0.40, 0.50], None)],
)  # fmt: skip
def test_a_gain_must_stand_out_of_its_noise(alone: list[float], holds: bool | None) -> None:
    accuracies = {at: [value, value + 0.005][: len(alone)] for at, value in ACCURACIES.items()}
    found = gain(accuracies, alone)
    assert found and found.holds is holds


def test_seeds_are_paired() -> None:
    # Seeds differ by 20 points, the gain in each is 2 to 3.
    found = gain({(2, 0.2): [0.32, 0.53, 0.725]}, [0.30, 0.50, 0.70])
    p = stats.ttest_rel([0.32, 0.53, 0.725], [0.30, 0.50, 0.70]).pvalue
    assert found and found.holds is True
    assert f"paired t, two-sided p = {p:.2g}" in found.statistic


@pytest.mark.parametrize(
    ("accuracies", "alone", "words"),
    [
        ({(2, 0.2): [0.9]}, [0.1], "could explain"),
        ({(2, 0.2): ["waiting"]}, [0.1], "Too few"),
        ({(2, 0.2): [0.3]}, ["running"], "Too few"),
        ({(2, 0.2): [0.3, "failed"]}, ["failed", 0.1], "Too few"),
        ({(2, 0.2): [0.3], (4, 0.2): ["failed"]}, [0.2], "Without a result: 1 cell more"),
        ({(size, 0.2): [0.1] for size in (2, 4, 8)}, [0.1], "could explain"),
    ],
)
def test_what_cannot_be_told_is_said(
    accuracies: dict[Any, list[Any]], alone: list[Any], words: str
) -> None:
    found = gain(accuracies, alone)
    assert found and found.holds is None
    assert words in found.words


def test_without_a_masked_pretraining_or_a_cell_alone_there_is_no_such_claim() -> None:
    assert gain({(2, 0.2): [0.5]}, []) is None
    assert gain({(2, 0.2): [0.5]}, [0.4], mode="none") is None


# --- in words ---------------------------------------------------------------------------------


def test_verdicts_are_written_one_a_paragraph() -> None:
    found = [Verdict("It is.", holds, "Why.", "t = 1") for holds in (True, False, None)]
    assert lines(found) == [
        "holds: It is. Why. (t = 1)",
        "contradicted: It is. Why. (t = 1)",
        "cannot tell: It is. Why. (t = 1)",
    ]
    assert to_markdown(found[:1]).endswith("\n\n- holds: It is. Why. (t = 1)\n")
    # A study that asks neither is told so rather than nothing.
    assert "none of the paper's claims" in to_markdown([])
