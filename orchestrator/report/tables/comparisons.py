"""Cells of a table against each other, and against the paper's values.

Pairs are seeds: two cells at one seed have the same order of images and the same augmentation, and
two finetunings that differ in nothing before them the same parent too, so that what is left in
their difference is what the cells differ in, and noise. All cells share the validation images.
"""

import math
from dataclasses import dataclass
from typing import Literal

from orchestrator.report.tables import statistics
from orchestrator.report.tables.fill import FilledTable, Value
from orchestrator.report.tables.published import TABLES
from orchestrator.report.tables.statistics import ALPHA, Difference

Against = Literal["scratch", "best", "row above"]


@dataclass(frozen=True)
class Comparison:
    """One cell minus a reference."""

    cell: str
    reference: str
    against: Against
    """`scratch`: the same finetuning without pretraining. `best`: the table's best cell.
    `row above`: the next smaller value of the row axis, all else equal."""
    difference: Difference
    p_holm: float | None
    """p by Holm among the comparisons of this table against the same kind of reference. Against
    the best, among all pairs of cells: which is best is known only after looking."""
    p_sign_flips: float | None
    """p without the assumption of normal differences; None for one seed."""
    seeds_needed: int | None
    """Seeds that would tell the two apart, corrected as p; see `statistics.seeds_needed`."""
    shared_parent: bool
    """Whether each pair was finetuned from the same pretraining."""

    @property
    def holds(self) -> bool:
        """Whether seeds tell the two apart, Holm's correction made."""
        return self.difference.n > 1 and self.p_holm is not None and self.p_holm < ALPHA


def against_scratch(filled: FilledTable) -> list[Comparison]:
    """Each pretrained cell minus the same network, finetuned alike, without pretraining."""
    by_name = {value.cell: value for value in filled.values}
    pairs = [(value, by_name[value.scratch]) for value in filled.values if value.scratch]
    return _compare(filled, pairs, "scratch")


def against_row_above(filled: FilledTable) -> list[Comparison]:
    """Each cell of a numeric grid minus the one above it: what a larger patch does."""
    inside = [value for value in filled.values if isinstance(value.row, int | float)]
    pairs = []
    for value in inside:
        alike = [v for v in inside if (v.column, v.variant) == (value.column, value.variant)]
        above = [each for each in alike if _row(each) < _row(value)]
        pairs += [(value, max(above, key=_row))] if above else []
    return _compare(filled, pairs, "row above")


def against_best(filled: FilledTable) -> list[Comparison]:
    """Each cell minus the best, by the mean over seeds; the first of equals is the best.

    Of k cells that differ in nothing one is the best all the same, and looks it. Any of the
    k (k - 1) / 2 pairs could have become a comparison with the best, so that p is corrected for
    all of them. For the k - 1 alone, 13 % of tables of ten equal cells showed one that is none
    (ten seeds, by simulation; 3 % so).
    """
    if (best := best_of(filled)) is None:
        return []
    pairs = math.comb(sum(value.mean is not None for value in filled.values), 2)
    others = [(value, best) for value in filled.values if value is not best]
    return _compare(filled, others, "best", pairs)


def best_of(filled: FilledTable) -> Value | None:
    """The cell of the highest accuracy or lowest loss; None for reconstruction losses.

    Those are no contest: with less to restore the loss is lower.
    """
    if filled.table.task == "restore":
        return None
    sign = filled.table.measure.sign
    values = [value for value in filled.values if value.mean is not None]
    return max(values, key=lambda value: sign * (value.mean or 0.0), default=None)


def outstanding(filled: FilledTable) -> str | None:
    """The best cell's name if seeds tell it apart from every other cell; else None.

    A cell without a result might yet be better: then there is none.
    """
    comparisons, best = against_best(filled), best_of(filled)
    complete = best is not None and len(comparisons) == len(filled.values) - 1 > 0
    return best.cell if complete and best and all(each.holds for each in comparisons) else None


def beside_paper(filled: FilledTable, value: Value) -> Difference | None:
    """Ours minus the published value, which is one run's.

    Several seeds: would one run more of ours land there (t with the deviation of our seeds)? One
    seed: the binomial noise of both sides' images, for accuracies; nothing is known for losses.
    """
    if value.mean is None or value.published is None or filled.table.published is None:
        return None
    if len(value.results) > 1:
        return statistics.one_more(value.results, value.published)
    images = TABLES[filled.table.published].images
    if filled.is_accuracy and filled.val_images:
        return statistics.proportions(value.mean, filled.val_images, value.published, images)
    return Difference(value.mean - value.published)


def _compare(
    filled: FilledTable, pairs: list[tuple[Value, Value]], against: Against, family: int = 0
) -> list[Comparison]:
    """Comparisons of the pairs that share a seed, corrected for their number or the family's."""
    shared = [(ours, theirs, _differences(ours, theirs)) for ours, theirs in pairs]
    shared = [pair for pair in shared if pair[2]]
    tested = [_test(filled, *pair) for pair in shared]
    adjusted = statistics.holm([difference.p for difference in tested], family)
    return [
        Comparison(
            cell=ours.cell,
            reference=theirs.cell,
            against=against,
            difference=difference,
            p_holm=p_holm,
            p_sign_flips=statistics.sign_flips(each) if len(each) > 1 else None,
            seeds_needed=statistics.seeds_needed(each, tests=max(family, len(shared))),
            shared_parent=bool(ours.parents) and ours.parents == theirs.parents,
        )
        for (ours, theirs, each), difference, p_holm in zip(shared, tested, adjusted, strict=True)
    ]


def all_comparisons(filled: FilledTable) -> list[Comparison]:
    """Those that the task of a table's stage allows."""
    if filled.table.task == "restore":
        return against_row_above(filled)
    return against_scratch(filled) + against_best(filled)


def _row(value: Value) -> float:
    return float(value.row or 0)


def _differences(ours: Value, theirs: Value) -> list[float]:
    return [
        result - theirs.by_seed[seed]
        for seed, result in ours.by_seed.items()
        if seed in theirs.by_seed
    ]


def _test(filled: FilledTable, ours: Value, theirs: Value, differences: list[float]) -> Difference:
    if len(differences) > 1:
        return statistics.paired(differences)
    if filled.is_accuracy and filled.val_images:
        [seed] = ours.by_seed.keys() & theirs.by_seed.keys()
        images = filled.val_images
        return statistics.proportions(ours.by_seed[seed], images, theirs.by_seed[seed], images)
    return Difference(differences[0])
