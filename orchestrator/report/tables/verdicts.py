"""The paper's two claims, tested on a study's results and said in words.

A claim holds, or is contradicted, where a two-sided test at level 0.05 says so; else the
results cannot tell. A claim that the study does not test (one patch size, no cell without
pretraining) gets no verdict.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.records.collect import Records
from orchestrator.report.tables.claim_data import Blocks, loss_blocks, masked_pairs
from orchestrator.report.tables.fill import FilledTable, Value, fill_table
from orchestrator.report.tables.statistics import (
    ALPHA,
    Difference,
    binomial_error,
    one_more,
    paired,
    trend,
)
from orchestrator.study.spec import StudySpec
from orchestrator.study.stages import sinks
from orchestrator.study.tables import TABLE_1, TABLE_2, Table

Pair = tuple[Value, Value]
"""A pretrained cell, and the same network finetuned alike without pretraining."""


@dataclass(frozen=True)
class Verdict:
    """One claim of the paper against one study's results."""

    claim: str
    """The claim, in a sentence."""
    holds: bool | None
    """Whether our results support it; None where they cannot tell."""
    words: str
    """The verdict in a sentence."""
    statistic: str
    """Test, statistic, p value and n behind it."""

    @property
    def outcome(self) -> str:
        """`holds`, `contradicted` or `cannot tell`."""
        return {True: "holds", False: "contradicted", None: "cannot tell"}[self.holds]


TITLE = "The paper's claims on these results"
LOSS_GROWS = "Reconstruction loss grows with the patch size at every mask ratio."
PRETRAINING_HELPS = "Pretraining on masked images raises the accuracy."


def verdicts(study: StudySpec, records: Records) -> list[Verdict]:
    """The paper's claims that the study asks about, each with its verdict."""
    losses = fill_table(_table(study, TABLE_1), records)
    accuracies = fill_table(_table(study, TABLE_2), records)
    judgements = []
    if blocks := loss_blocks(losses, records):
        judgements.append(loss_grows(blocks))
    if pairs := masked_pairs(accuracies, records):
        judgements.append(pretraining_helps(accuracies, pairs))
    return judgements


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """One paragraph a verdict; one that says so where there is none."""
    if not verdicts:
        return ["This study tests none of the paper's claims."]
    return [f"{v.outcome}: {v.claim} {v.words} ({v.statistic})" for v in verdicts]


def to_markdown(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a Markdown list."""
    paragraphs = "".join(f"- {line}\n" for line in lines(verdicts))
    return f"**{TITLE}**\n\n{paragraphs}"


def loss_grows(blocks: Blocks) -> Verdict:
    """Page's trend test (1963): the order of the patch sizes within each seed.

    Without an effect every order within a block is as likely as any other. The blocks are the
    seeds, each the mean over mask ratios, since only seeds are independent of each other. `At
    every ratio` takes more: that the mean over seeds grows at every step. A fall that seeds
    confirm between two sizes (paired t, Holm) contradicts it whatever the trend.
    """
    sizes = ", ".join(f"{size}x{size}" for size in blocks.sizes)
    seeds = blocks.by_seed
    behind = (
        f"{_count(len(seeds), 'block')}, one per seed, mean over mask ratios; patch sizes {sizes}"
    )
    if words := _untested(len(blocks.sizes), len(seeds)):
        return Verdict(LOSS_GROWS, None, f"{_steps(blocks)} {words}", f"no test; {behind}")
    statistic, grows, falls = trend(seeds)
    p = min(1.0, 2 * min(grows, falls))
    holds, words = _loss_verdict(blocks, p, grows < falls)
    behind = f"Page's L = {statistic:g}, two-sided p = {p:.2g}; {behind}"
    return Verdict(LOSS_GROWS, holds, f"{_steps(blocks)} {words}", behind)


def _untested(sizes: int, seeds: int) -> str:
    """Reason why there is no test; empty where there is one."""
    if sizes < 3:
        return "A test needs three patch sizes."
    if seeds == 0:
        return "A test needs two seeds with a result at every patch size."
    return "One seed cannot separate that from the noise between seeds." if seeds == 1 else ""


def _steps(blocks: Blocks) -> str:
    up = sum(change > 0 for change in blocks.rises)
    return f"It grows at {up} of {len(blocks.rises)} steps from one patch size to the next."


def _loss_verdict(blocks: Blocks, p: float, grows: bool) -> tuple[bool | None, str]:
    if falls := blocks.confirmed_falls():
        return False, f"The seeds confirm that it falls at {falls[0]}."
    if p >= ALPHA:
        return None, "Noise could explain this order."
    if not grows:
        return False, "Noise does not explain the fall."
    if min(blocks.rises) <= 0 or not blocks.all_known:
        return None, "Noise does not explain the trend; growth at every ratio is not shown."
    return True, "Noise does not explain this order."


def pretraining_helps(filled: FilledTable, pairs: Sequence[Pair]) -> Verdict:
    """Each masked pretraining against the same network, finetuned alike, without one.

    Several seeds: a paired t-test of the mean gain of each seed. One seed: the t-test of one case
    (Crawford & Howell 1998), in which the spread of the pretrained cells stands for the noise of
    the one without; they differ in their masks too, so that it is too wide rather than too narrow.
    """
    complete = [pair for pair in pairs if all(value.by_seed for value in pair)]
    seeds = _shared(complete)
    if not seeds:
        return Verdict(PRETRAINING_HELPS, None, "Too few cells have a result yet.", "n = 0")
    gains = [statistics.fmean(_gains(complete, seed)) for seed in seeds]
    change = paired(gains) if len(seeds) > 1 else _by_cells(complete, seeds[0])
    holds = None if change.p is None or change.p >= ALPHA else change.mean > 0
    above = sum(statistics.fmean(_gains([pair], *seeds)) > 0 for pair in complete)
    words = (
        f"The mean change is {100 * change.mean:+.1f} points; {above} of {len(complete)} "
        f"cells are above the same network without pretraining. {_MEANING[holds]}"
    )
    if missing := len(pairs) - len(complete):
        words += f" Without a result: {_count(missing, 'cell')} more."
    return Verdict(PRETRAINING_HELPS, holds, words, _behind(filled, change, len(seeds), complete))


_MEANING = {
    True: "Noise does not explain that.",
    False: "Noise does not explain that.",
    None: "Noise could explain that.",
}


def _shared(pairs: Sequence[Pair]) -> list[int]:
    """Seeds at which every cell of the pairs has a result."""
    seeds = [set(value.by_seed) for pair in pairs for value in pair]
    return sorted(set.intersection(*seeds)) if seeds else []


def _gains(pairs: Sequence[Pair], *seeds: int) -> list[float]:
    return [ours.by_seed[seed] - alone.by_seed[seed] for ours, alone in pairs for seed in seeds]


def _by_cells(pairs: Sequence[Pair], seed: int) -> Difference:
    """One seed: the pretrained cells against the one cell without, if it is one."""
    alone = {each.cell: each.by_seed[seed] for _, each in pairs}
    if len(alone) > 1 or len(pairs) < 3:
        return Difference(statistics.fmean(_gains(pairs, seed)))
    return one_more([ours.by_seed[seed] for ours, _ in pairs], *alone.values())


def _behind(filled: FilledTable, change: Difference, seeds: int, pairs: Sequence[Pair]) -> str:
    parts = [f"{_count(seeds, 'seed')}, {_count(len(pairs), 'cell')}"]
    if change.p is None:
        parts.insert(0, "no test: one seed and too few cells, or no spread")
    elif change.low is not None and change.high is not None:
        ends = f"{100 * change.low:+.1f} to {100 * change.high:+.1f} points"
        test = "paired t" if seeds > 1 else "t of one case"
        parts.insert(0, f"{test}, two-sided p = {change.p:.2g}, 95 % interval {ends}")
    else:
        parts.insert(0, f"sign flips, two-sided p = {change.p:.2g}")
    if filled.val_images:
        error = binomial_error(statistics.fmean(pairs[0][1].results), filled.val_images)
        parts.append(f"binomial standard error of one accuracy {100 * error:.1f} points")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _table(study: StudySpec, default: Table) -> Table:
    """The study's own table of the default's task and metric, for its rule of selection."""
    wanted = (default.task, default.metric)
    last = sinks(study.inputs)  # of several that classify, a teacher is not what is asked about
    found = [each for each in study.tables if (each.task, each.metric) == wanted]
    return next(iter(sorted(found, key=lambda each: each.stage not in last)), default)
