"""Cells against each other: who is paired with whom, and what is said to hold."""

import itertools
from dataclasses import replace

import pytest
from hand_records import BASELINE, both_stages, cell, records
from scipy import stats

from orchestrator.report.tables.comparisons import (
    against_best,
    against_row_above,
    against_scratch,
    beside_paper,
    best_of,
    outstanding,
)
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.tables.statistics import IMAGES, holm, seeds_needed
from orchestrator.store.schemas import TRIALS, table_of
from orchestrator.study.tables import TABLE_1, TABLE_2, Table

ALONE = ("baseline", {}, [0.30, 0.31, 0.33])
SMALL, LARGE = cell(2, 0.2, 0.40, 0.42, 0.41), cell(4, 0.2, 0.29, 0.33, 0.35)


def test_each_cell_is_paired_with_its_own_seed_without_pretraining() -> None:
    found = against_scratch(fill_table(TABLE_2, records([ALONE, SMALL, LARGE])))
    ps = [stats.ttest_rel(other[2], ALONE[2]).pvalue for other in (SMALL, LARGE)]
    assert [each.difference.p for each in found] == pytest.approx(ps)
    # Corrected for their number.
    assert [each.p_holm for each in found] == pytest.approx(holm(ps))
    assert [each.holds for each in found] == [True, False]
    assert {each.reference for each in found} == {"baseline"}


def test_only_seeds_that_both_have_are_pairs() -> None:
    cells = [ALONE, cell(2, 0.2, 0.40, "failed", 0.42)]
    [found] = against_scratch(fill_table(TABLE_2, records(cells)))
    assert (found.difference.n, found.difference.mean) == (2, pytest.approx(0.095))
    # None shared: nothing to compare.
    apart = [("baseline", {}, [0.3, "failed"]), cell(2, 0.2, "failed", 0.4)]
    assert against_scratch(fill_table(TABLE_2, records(apart))) == []


def test_one_seed_is_compared_by_its_images_and_holds_nothing() -> None:
    found = records([("baseline", {}, [0.3]), cell(2, 0.2, 0.9)], val_images=500)
    [each] = against_scratch(fill_table(TABLE_2, found))
    # However far: the noise between seeds is not known.
    assert (each.difference.test, each.holds) == (IMAGES, False)
    assert each.difference.p is not None and each.difference.p < 1e-6
    assert (each.p_sign_flips, each.seeds_needed) == (None, None)
    # Without the number of images not even that is known.
    [each] = against_scratch(fill_table(TABLE_2, records([BASELINE, cell(2, 0.2, 0.9)])))
    assert (each.difference.p, each.p_holm) == (None, None)


def test_pairs_that_share_their_parent_are_told() -> None:
    values = {"patch_size": 2, "mask_ratio": 0.2}
    found = both_stages([(name, values, [(0.1, 0.3), (0.1, 0.4)]) for name in ("a", "b")])
    rows = found.trials.to_pylist()
    for row in rows:
        if row["inputs"]:
            row["inputs"] = {"weights": f"pretrain/a/{row['seed']}"}
    shared = replace(found, trials=table_of(TRIALS, rows))
    assert [each.shared_parent for each in against_best(fill_table(TABLE_2, shared))] == [True]
    assert [each.shared_parent for each in against_best(fill_table(TABLE_2, found))] == [False]


def test_the_best_stands_out_only_if_every_other_is_apart_and_known() -> None:
    clear = [ALONE, SMALL]
    assert outstanding(fill_table(TABLE_2, records(clear))) == SMALL[0]
    # One that is close, or not known yet, or has one seed in common.
    for other in (cell(8, 0.2, 0.40, 0.43, 0.40), cell(8, 0.2, "waiting"), cell(8, 0.2, 0.1)):
        assert outstanding(fill_table(TABLE_2, records([*clear, other]))) is None
    # Nor does one alone.
    assert outstanding(fill_table(TABLE_2, records([SMALL]))) is None


def test_a_comparison_with_the_best_counts_as_one_of_all_pairs() -> None:
    cells = [ALONE, SMALL, LARGE, cell(8, 0.2, 0.20, 0.26, 0.21)]
    found = {each.cell: each for each in against_best(fill_table(TABLE_2, records(cells)))}
    # The slow obvious version: six pairs, each of which could have been one with the best.
    ps = {
        frozenset((one[0], other[0])): stats.ttest_rel(one[2], other[2]).pvalue
        for one, other in itertools.combinations(cells, 2)
    }
    with_best = sorted((p, *(pair - {SMALL[0]})) for pair, p in ps.items() if SMALL[0] in pair)
    expected = [p * left for (p, _), left in zip(with_best, (6, 5, 4), strict=True)]
    shown = [found[name].p_holm for _, name in with_best]
    assert shown == pytest.approx([min(1, max(expected[: i + 1])) for i in range(3)])
    # Holm over all six, of which the other three are small too, is never above it.
    full = dict(zip(ps, holm([*ps.values()]), strict=True))
    for (_, name), ours in zip(with_best, shown, strict=True):
        assert (full[frozenset((SMALL[0], name))] or 0) <= (ours or 0) + 1e-12
    # Seeds that would be needed share the level among the six too.
    seeds = [one - other for one, other in zip(LARGE[2], SMALL[2], strict=True)]
    assert found[LARGE[0]].seeds_needed == seeds_needed(seeds, tests=6)


def test_only_cells_with_a_result_could_have_been_the_best() -> None:
    waiting = [cell(size, 0.2, "waiting") for size in (8, 16)]
    [found] = against_best(fill_table(TABLE_2, records([ALONE, SMALL, *waiting])))
    # One pair: nothing to correct for.
    assert found.p_holm == found.difference.p


def test_the_best_loss_is_the_lowest_and_of_reconstructions_there_is_none() -> None:
    nats = Table(name="t", title="t", stage="finetune", metric="val_loss")
    best = best_of(fill_table(nats, records([SMALL, LARGE], "val_loss")))
    assert best and best.cell == LARGE[0]
    # Whoever hides less has less to restore.
    assert best_of(fill_table(TABLE_1, records([SMALL, LARGE], "val_loss"))) is None


def test_a_loss_is_compared_with_the_patch_size_above_at_its_ratio() -> None:
    cells = [cell(size, ratio, size / 100) for size in (8, 2, 4) for ratio in (0.2, 0.6)]
    found = against_row_above(fill_table(TABLE_1, records(cells, "val_loss")))
    pairs = {(each.cell.replace("patch_size=", "p"), each.reference[11]) for each in found}
    assert pairs == {(f"p{size},mask_ratio={r}", above) for size, above in ((4, "2"), (8, "4")) for r in (0.2, 0.6)}  # fmt: skip


@pytest.mark.parametrize(("seeds", "p"), [([0.45], None), ([0.45, 0.46, 0.43], 0.75)])
def test_the_papers_one_run_is_one_more_of_ours(seeds: list[float], p: float | None) -> None:
    table = TABLE_2.model_copy(update={"published": "terentiev-2024/table-2"})
    filled = fill_table(table, records([cell(4, 0.2, *seeds), cell(4, 0.3, *seeds)]))
    found, none = (beside_paper(filled, value) for value in filled.values)
    # 44.7 % at 20 %, and nothing at 30 %.
    assert found and none is None
    assert found.mean == pytest.approx(sum(seeds) / len(seeds) - 0.447)
    if p is None:
        assert found.half is None
    else:
        assert found.p == pytest.approx(stats.ttest_ind(seeds, [0.447]).pvalue)
