"""Notes that a table needs to be read right: epoch, seeds, noise, and whether the best is best."""

from orchestrator.report.formats.grid import name_of, references, show_difference
from orchestrator.report.tables import statistics
from orchestrator.report.tables.comparisons import Comparison, against_best, best_of
from orchestrator.report.tables.fill import FilledTable
from orchestrator.report.tables.published import TABLES


def notes(filled: FilledTable) -> list[str]:
    """Sentences to stand below a table; none below a table without a result."""
    if not any(value.by_seed for value in filled.values):
        return []
    sentences = [
        _reading(filled), _halves(filled), _guessing(filled), _binomial(filled), _best(filled),
    ]  # fmt: skip
    return [sentence for sentence in sentences if sentence]


def _reading(filled: FilledTable) -> str:
    epoch = "Read at the last epoch"
    if filled.table.select == "best_on_dev":
        epoch = "Read at the epoch that is best on the dev images (the last where there are none)"
    seeds = max(value.requested for value in filled.values)
    if seeds == 1:
        return f"{epoch}; one seed, so the noise between seeds is unknown."
    return f"{epoch}; mean ± standard deviation (ddof 1) of {seeds} seeds."


def _halves(filled: FilledTable) -> str:
    """The meaning of the ± after differences; empty where there are none."""
    paper = TABLES[filled.table.published] if filled.table.published else None
    compared = any(references(filled))
    if not (paper and filled.shows_published) and not compared:
        return ""
    head = "± after a difference is half its 95 % interval"
    if max(len(value.results) for value in filled.values) > 1:
        parts = ["one more run, t over our seeds (minus the paper's)"] if paper else []
        parts += ["paired t over seeds (minus another cell)"] if compared else []
        star = "; * holds after Holm's correction" if compared else ""
        return f"{head}: {', '.join(parts)}{star}."
    if not (filled.is_accuracy and filled.val_images):
        return "Differences have no interval: the noise of a single seed's loss is unknown."
    theirs = f", the paper's of {paper.images:,}" if paper else ""
    images = f"the binomial noise of {filled.val_images:,} images{theirs}"
    return f"{head}, by {images}; it leaves out the noise between seeds."


def _guessing(filled: FilledTable) -> str:
    """What no network is needed for, where the classes are of unequal size."""
    guess = filled.guess
    if not filled.is_accuracy or guess.chance is None or guess.largest_class is None:
        return ""
    return (
        f"Guessing at random is right for {guess.chance:.1%} of the validation images, always "
        f"answering with their largest class for {guess.largest_class:.1%}."
    )


def _binomial(filled: FilledTable) -> str:
    if not filled.is_accuracy:
        return ""
    if not filled.val_images:
        return "Binomial error of the accuracies: unknown, as the records do not count the images."
    shares = [value.mean for value in filled.values if value.mean is not None]
    most = max(statistics.binomial_error(share, filled.val_images) for share in shares)
    return (
        f"Binomial standard error of one accuracy on {filled.val_images:,} validation images: "
        f"up to {100 * most:.1f} points."
    )


def _best(filled: FilledTable) -> str:
    comparisons, best = against_best(filled), best_of(filled)
    if best is None or not comparisons:
        return ""
    head = f"Best: {name_of(filled, best)}"
    if any(each.difference.n == 1 for each in comparisons):
        return f"{head}, on one seed, which cannot separate cells from the noise between seeds."
    closest = max(
        comparisons, key=lambda each: 1.0 if each.difference.p is None else each.difference.p
    )
    if closest.holds:
        worst = f"paired t, Holm over all pairs, largest p {closest.p_holm:.2g}"
        return f"{head}, separated from every other cell ({worst})."
    return f"{head}, not separated from {_versus(filled, closest)}"


def _versus(filled: FilledTable, comparison: Comparison) -> str:
    [other] = [value for value in filled.values if value.cell == comparison.cell]
    points = " points" if filled.is_accuracy else ""
    p = "" if comparison.p_holm is None else f", p {comparison.p_holm:.2g} by Holm over all pairs"
    head = (
        f"{name_of(filled, other)} ({show_difference(filled, comparison.difference)}{points}{p}): "
    )
    if comparison.seeds_needed is None:
        return f"{head}even {statistics.MOST_SEEDS} seeds might not separate them."
    more = max(1, comparison.seeds_needed - comparison.difference.n)
    return f"{head}about {more} more seeds would separate them (power {statistics.POWER:g})."
