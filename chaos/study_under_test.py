"""A small study on real Ray that faults are injected into, and what became of it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chaos.processes import wait_for
from orchestrator.plan.plan import make_plan
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.provenance import utc_now
from orchestrator.store.store import Store

ROOT = Path(__file__).parent.parent
# Epochs of about a second: long enough to be hit in the middle, short enough to hit many.
STAGE: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 8,
    "optim": {"lr": 0.003},
    "schedule": {"warmup_epochs": 1, "decay_epochs": 1},
}
STUDY: dict[str, Any] = {
    "name": "chaos",
    "data": {
        "source": "synthetic", "image_size": 16, "num_classes": 4, "train_per_class": 240,
        "val_per_class": 20,
    },
    "model": {
        "channels": [8, 16], "features": 16, "embed": 16, "heads": 2, "blocks": 2, "ffn": 32,
        "init": "he",
    },
    "pretrain": STAGE,
    "finetune": STAGE,
    "space": {"patch_size": {"grid": [2, 4]}, "mask_ratio": {"grid": [0.5]}},
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """The record right before a fault."""

    at: str
    """ISO 8601, UTC."""
    rows: dict[str, int]
    """Epochs of each trial."""


@dataclass
class StudyUnderTest:
    """One study in one folder, run by processes of its own."""

    folder: Path
    runtime: dict[str, Any]
    address: str = "local"
    store: Path = field(init=False)
    change: dict[str, Any] = field(default_factory=dict)
    """Fields of the study that are other than `STUDY`'s."""
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.folder / "store"
        self.folder.mkdir(parents=True)
        self.write_study()

    def write_study(self, **change: Any) -> None:
        """Write the study file, some of its top-level fields changed."""
        text = yaml.safe_dump({**STUDY, "runtime": self.runtime, **self.change, **change})
        (self.folder / "study.yaml").write_text(text)

    @property
    def ledger(self) -> Ledger:
        """The store's ledger."""
        return Ledger(Store(str(self.store)))

    @property
    def keys(self) -> list[str]:
        """The study's trials in order: baseline first, each parent before its child."""
        return list(make_plan(self.folder / "study.yaml", str(self.store)).graph.trials)

    def start(self, results: str = "results") -> subprocess.Popen[str]:
        """`maskgrid run`, in a process and a session of its own."""
        arguments = [
            *("run", str(self.folder / "study.yaml"), "--store", str(self.store)),
            *("--results", str(self.folder / results), "--cache", str(self.folder / "cache")),
            *("--address", self.address, "--no-dashboard"),
        ]
        with (self.folder / "log.txt").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *arguments], cwd=ROOT, text=True,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def log(self) -> str:
        """Everything that the study's processes printed."""
        return (self.folder / "log.txt").read_text()

    def says(self, words: str) -> bool:
        """Whether they have printed this."""
        return words in self.log()

    def until_epoch(self, key: str, epoch: int) -> None:
        """Wait until a trial is in the middle of the epoch after this one."""
        wait_for(f"epoch {epoch} of {key}", lambda: len(self.ledger.peek_rows(key)) >= epoch)
        time.sleep(0.3)  # into the next one: nobody tells when half of it is over
        self.marks.append(Mark(utc_now(), self.rows()))

    def rows(self) -> dict[str, int]:
        """Epochs on record of each trial."""
        return {key: len(self.ledger.peek_rows(key)) for key in self.keys}

    def outcomes(self) -> dict[str, bytes]:
        """Outcomes on record, byte for byte."""
        outcomes = {key: self.ledger.store.read(Paths.outcome(key)) for key in self.keys}
        return {key: content for key, content in outcomes.items() if content}

    def tables(self, results: str = "results") -> dict[str, bytes]:
        """The study's tables, byte for byte, and its weights' checksums."""
        names = ("table_1.parquet", "table_2.parquet")
        tables = {name: (self.folder / results / name).read_bytes() for name in names}
        for key in self.keys:
            outcome = self.ledger.outcome(key)
            tables[key] = str(outcome and outcome.weights_sha256).encode()
        return tables
