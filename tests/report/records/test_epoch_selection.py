"""Which epoch counts: against a loop over the rows, on ledgers at random."""

from typing import Any

import pytest
from hand_records import EPOCH
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.records.epoch_selection import chosen_rows, last_rows, row_numbers
from orchestrator.store.schemas import EPOCHS, table_of
from orchestrator.study.tables import Table

Row = dict[str, Any]
NUMBER = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0])  # so few that many are equal
ROWS = st.lists(st.tuples(st.sampled_from("abc"), NUMBER, NUMBER, NUMBER, NUMBER))
NAMES = ("trial_key", "val_accuracy", "dev_accuracy", "dev_loss", "train_accuracy")


def by_trial(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["trial_key"], []).append(row)
    return found


def slowly(table: Table, rows: list[Row]) -> int:
    """The epoch of a trial by its definition: the last, or the first of the best on dev."""
    measured = []
    if table.select == "best_on_dev":
        measure = "dev_accuracy" if table.metric.endswith("accuracy") else "dev_loss"
        measured = [row for row in rows if row[measure] is not None]
        if measured:
            pick = max if measure == "dev_accuracy" else min
            best = pick(row[measure] for row in measured)
            measured = [row for row in measured if row[measure] == best]
    epoch: int = (measured or rows[-1:])[0]["epoch"]
    return epoch


@pytest.mark.parametrize("select", ["last", "best_on_dev"])
@pytest.mark.parametrize("metric", ["val_accuracy", "train_accuracy", "val_loss"])
@given(drawn=ROWS)
def test_the_epoch_that_counts(select: Any, metric: Any, drawn: list[tuple[Any, ...]]) -> None:
    table = Table(name="t", title="T", stage="finetune", metric=metric, select=select)
    rows = [
        {
            **EPOCH, **dict(zip(NAMES, values, strict=True)), "epoch": number,
            "val_loss": number / 8, "measures": [("a", number / 4)] if number % 2 else None,
        }
        for number, values in enumerate(drawn, 1)
    ]  # fmt: skip
    epochs = table_of(EPOCHS, rows)
    # Rows of a trial need not lie side by side.
    expected = {key: slowly(table, found) for key, found in by_trial(rows).items()}
    found_rows = chosen_rows(table, epochs)
    assert {key: row["epoch"] for key, row in found_rows.items()} == expected
    # A row is whole.
    assert all(
        row == rows[row["epoch"] - 1] | {"trial_key": key} for key, row in found_rows.items()
    )
    last = {key: found[-1]["epoch"] for key, found in by_trial(rows).items()}
    assert {key: row["epoch"] for key, row in last_rows(epochs).items()} == last
    all_epochs = epochs["epoch"].to_numpy()
    assert {key: all_epochs[at].tolist() for key, at in row_numbers(epochs).items()} == {
        key: [row["epoch"] for row in found] for key, found in by_trial(rows).items()
    }
