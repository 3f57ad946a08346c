"""Losses by patch size as blocks: one a seed, since only seeds are independent."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hand_records import both_stages

from orchestrator.report.tables.claim_data import Blocks, ControlValues, masked_pairs
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.tables.verdicts import loss_grows
from orchestrator.store.schemas import TRIALS, table_of
from orchestrator.study.tables import TABLE_2

TABLES = 600


def setting(ratio: str, *losses: tuple[float, ...]) -> ControlValues:
    """Losses of the sizes 2, 4, 8..., a tuple a seed."""
    sizes = tuple(2 ** (index + 1) for index in range(len(losses[0])))
    return ControlValues(ratio, sizes, dict(enumerate(losses)))


def test_a_seeds_block_is_its_mean_over_the_ratios_that_have_every_size() -> None:
    whole = setting("20 %", (1.0, 2.0, 3.0), (2.0, 4.0, 6.0))
    one_seed = ControlValues("40 %", (2, 4, 8), {1: (4.0, 4.0, 4.0)})
    two_sizes = setting("60 %", (9.0, 9.0), (9.0, 9.0))
    blocks = Blocks((whole, one_seed, two_sizes))
    assert blocks.sizes == (2, 4, 8)
    assert blocks.by_seed == [(1.0, 2.0, 3.0), (3.0, 4.0, 5.0)]
    # Steps are counted wherever there are two sizes.
    assert blocks.rises == [1.5, 1.5, 0.0, 0.0, 0.0]
    assert blocks.all_known and not Blocks((whole, ControlValues("40 %", (2, 4, 8), {}))).all_known


def test_noise_that_ratios_share_is_no_trend() -> None:
    random = np.random.default_rng(0)
    ps = []
    for _ in range(TABLES):
        # No effect at all; correlation 0.8 between the ratios of one seed, as was measured.
        shared, own = random.normal(0, 0.8**0.5, (3, 3)), random.normal(0, 0.2**0.5, (3, 3, 3))
        ps.append(p_of(Blocks(tuple(setting("", *map(tuple, shared + each)) for each in own))))
    # As often as the level says, or less. With each ratio a block of its own it is one in five.
    assert np.mean(np.array(ps) < 0.05) < 0.06


def p_of(blocks: Blocks) -> float:
    [p] = re.findall(r"two-sided p = ([\d.e-]+)", loss_grows(blocks).statistic)
    return float(p)


@pytest.mark.parametrize(
    ("sizes", "seeds", "words"),
    [
        (2, 3, "needs three patch sizes."),
        (3, 0, "needs two seeds with a result at every patch size."),
        (3, 1, "One seed cannot separate that from the noise between seeds."),
    ],
)
def test_what_cannot_be_tested_says_why(sizes: int, seeds: int, words: str) -> None:
    each = ControlValues(
        "20 %", (2, 4, 8)[:sizes], {seed: (0.1, 0.2, 0.3)[:sizes] for seed in range(seeds)}
    )
    found = loss_grows(Blocks((each, each)))
    assert found.holds is None
    # What is seen is told all the same.
    steps = 2 * (sizes - 1) if seeds else 0
    assert found.words.startswith(f"It grows at {steps} of {steps} steps")
    assert found.words.endswith(words) and found.statistic.startswith("no test; ")


def test_what_a_teacher_may_have_done_is_no_gain_of_pretraining() -> None:
    values = {"patch_size": 2, "mask_ratio": 0.2}
    found = both_stages([("baseline", {}, [("", 0.1)]), ("a", values, [(0.1, 0.3)])])
    rows = [
        row | ({"inputs": [*row["inputs"], ("teacher", "t")]} if row["inputs"] else {})
        for row in found.trials.to_pylist()
    ]
    taught = replace(found, trials=table_of(TRIALS, rows))
    pairs = masked_pairs(fill_table(TABLE_2, found), found)
    assert [(one.cell, other.cell) for one, other in pairs] == [("a", "baseline")]
    assert masked_pairs(fill_table(TABLE_2, taught), taught) == []
