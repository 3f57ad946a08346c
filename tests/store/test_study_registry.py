"""What a store remembers of a study: what it asks for, nothing about who asked, and no mix-ups."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hand_ledger import planned
from image_files import jpeg, write_folder

from model.errors import InputError
from orchestrator.plan.plan import Plan
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.store.study_registry import (
    Slot,
    StudyRecord,
    forget_study,
    load_record,
    load_records,
    record_of,
    save_record,
    slot_for,
    study_labels,
)
from studies import StudyWriter


def note(plan: Plan) -> StudyRecord:
    return record_of(plan.study, plan.graph)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that lies on no disk."""
    return Store(f"fsspec+memory://{tmp_path}")


def test_a_note_comes_back_as_it_was_and_the_last_one_counts(
    write_study: StudyWriter, store: Store
) -> None:
    first, second = note(planned(write_study())), note(planned(write_study(seeds=[0, 1])))
    save_record(store, slot_for(store, first))
    assert load_records(store) == {"tiny": first}
    save_record(store, slot_for(store, second))
    assert load_records(store) == {"tiny": second}
    # Every trial that the graph has, parents included: twice the baseline and two cells of two.
    assert len(second.trials) == 10
    assert {trial.parent for trial in second.trials.values()} - {None} <= second.trials.keys()


def test_a_note_says_nothing_of_places_people_or_machines(
    write_study: StudyWriter, store: Store, tmp_path: Path
) -> None:
    images = {f"{split}/{name}/{i}.jpg": jpeg(i) for split in ("train", "val")
              for name in "ab" for i in range(3)}  # fmt: skip
    data: dict[str, Any] = {"source": "folder", "path": str(write_folder(tmp_path / "img", images))}
    data |= dict.fromkeys(("num_classes", "train_per_class", "val_per_class"))
    record = note(planned(write_study(data=data, description="by me")))
    save_record(store, slot_for(store, record))
    content = (store.read(Paths.study("tiny")) or b"").decode()
    assert json.loads(content)["trials"]
    words = (str(tmp_path), "img", "by me", socket.gethostname(), os.environ.get("USER", "/root/"))
    assert [word for word in words if word in content] == []


def test_another_study_of_the_same_name_keeps_its_note(
    write_study: StudyWriter, store: Store
) -> None:
    ours = note(planned(write_study()))
    space = {"patch_size": None, "mask_ratio": None, "finetune.optim.lr": {"grid": [0.5]}}
    theirs = note(planned(write_study(space=space, finetune={"epochs": 3})))
    for run in (ours, theirs, ours, theirs):
        save_record(store, slot_for(store, run))
    # Neither takes the other's place, however often they run in turn.
    assert load_records(store) == {"tiny": ours, "tiny~2": theirs}
    forget_study(store, "tiny")
    # A number is not needed for one alone; what was the second stays where it is.
    assert slot_for(store, theirs) == Slot("tiny~2", theirs, theirs)
    assert slot_for(store, ours) == Slot("tiny", None, ours)


def test_an_edited_study_is_the_same_study(write_study: StudyWriter) -> None:
    base = note(planned(write_study()))
    # Every key is another, the cells are the same.
    longer = note(planned(write_study(pretrain={"epochs": 3}, finetune={"epochs": 3})))
    assert not base.trials.keys() & longer.trials.keys()
    assert base.shares_trials_with(longer)
    # Every cell but the baseline is another, the baseline's trial is the same.
    assert base.shares_trials_with(note(planned(write_study(space={"patch_size": {"grid": [8]}}))))


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"name": "tiny"}', b"\xff"])
def test_a_note_that_cannot_be_read_stops_deleting_but_no_run(
    write_study: StudyWriter, store: Store, content: bytes
) -> None:
    store.write(Paths.study("tiny"), content)
    with pytest.raises(InputError, match=r"studies/tiny\.json cannot be read.*forget tiny"):
        load_records(store)
    now = note(planned(write_study()))
    save_record(store, slot_for(store, now))
    assert load_record(store, "tiny") == now


def test_forgetting_removes_the_note_alone(write_study: StudyWriter, store: Store) -> None:
    now = note(planned(write_study()))
    save_record(store, slot_for(store, now))
    store.write("trials/x", b"1")
    with pytest.raises(InputError, match=r"no study 'tony'; recorded: tiny$"):
        forget_study(store, "tony")
    assert forget_study(store, "tiny") == now
    assert study_labels(store) == []
    assert store.read("trials/x") == b"1"
