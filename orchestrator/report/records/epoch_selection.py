"""The epoch of each trial that counts; on whole columns, as a ledger may have millions of rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestrator.study.tables import Table

Row = dict[str, Any]
Positions = npt.NDArray[np.int64]


def chosen_rows(table: Table, epochs: pa.Table) -> dict[str, Row]:
    """The epoch of each trial that the table reads its metric at; only trials that have epochs."""
    keys, codes = _trials(epochs)
    chosen = _last(codes, len(keys))
    if table.select == "best_on_dev":
        metric = table.measure.on("dev")
        dev = epochs[metric.name].to_numpy().astype(np.float64)  # null is NaN
        order = _worst_to_best(metric.sign * dev)
        chosen[codes[order]] = order  # where a trial has several, the best of them stays
    return dict(zip(keys, epochs.take(chosen).to_pylist(), strict=True))


def last_rows(epochs: pa.Table) -> dict[str, Row]:
    """Each trial's last epoch."""
    keys, codes = _trials(epochs)
    return dict(zip(keys, epochs.take(_last(codes, len(keys))).to_pylist(), strict=True))


def row_numbers(epochs: pa.Table) -> dict[str, Positions]:
    """Positions of each trial's rows, in order."""
    keys, codes = _trials(epochs)
    order, ends = codes.argsort(kind="stable"), np.bincount(codes, minlength=len(keys)).cumsum()
    return dict(zip(keys, np.split(order, ends[:-1]) if keys else [], strict=True))


def _trials(epochs: pa.Table) -> tuple[list[str], Positions]:
    """The trials that have epochs, and for each row which of them it belongs to."""
    encoded = epochs["trial_key"].combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _last(codes: Positions, trials: int) -> Positions:
    """Position of each trial's last row."""
    last = np.zeros(trials, dtype=np.int64)
    last[codes] = np.arange(len(codes))  # of several assignments to one place the last stays
    return last


def _worst_to_best(measure: npt.NDArray[np.float64]) -> Positions:
    """Positions of the rows that have a measure, rising; of equal ones the first comes last."""
    measured = np.flatnonzero(~np.isnan(measure))
    return measured[np.lexsort((-measured, measure[measured]))]
