"""Final weights in the ledger: who may rely on them."""

from pathlib import Path

import pytest

from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store

KEY = "pretrain-0123456789ab"
DONE = Outcome(state="done", finished_at="2026-01-01", wall_seconds=1.5)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(str(tmp_path / "store")))


def test_the_first_to_finish_wins(ledger: Ledger) -> None:
    ledger.finish(KEY, b"first", DONE)
    # A second run of the same trial, bits apart: children may already have the first's weights.
    ledger.finish(KEY, b"second", DONE)
    assert ledger.weights(KEY) == b"first"
    assert ledger.has_weights(KEY)


def test_weights_that_changed_are_no_weights(ledger: Ledger) -> None:
    ledger.finish(KEY, b"final", DONE)
    ledger.store.write(Paths.weights(KEY), b"other")
    assert not ledger.has_weights(KEY)
