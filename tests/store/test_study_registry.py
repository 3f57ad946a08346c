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
    inputs = {key for trial in second.trials.values() for key in trial.inputs.values()}
    assert inputs <= second.trials.keys()


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
    assert longer.is_edit_of(base)
    # Every cell but the baseline is another, the baseline's trial is the same.
    assert note(planned(write_study(space={"patch_size": {"grid": [8]}}))).is_edit_of(base)


NO_AXES = {"patch_size": None, "mask_ratio": None}
EDITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a grid": ({}, {"space": {"patch_size": {"grid": [8]}}}),
    "arms alone": (
        {"space": NO_AXES, "arms": [{"name": "slow", "set": {"finetune.optim.lr": 0.001}}]},
        {"space": NO_AXES, "arms": [{"name": "fast", "set": {"finetune.optim.lr": 0.1}}]},
    ),
    "no baseline": (
        {"space": NO_AXES, "baseline": False, "arms": [{"name": "a", "set": {"model.ffn": 8}}]},
        {"space": NO_AXES, "baseline": False,
         "arms": [{"name": "b", "set": {"model.ffn": 8, "pretrain.mask.ratio": 0.1}}]},
    ),
    "the baseline alone": ({"space": NO_AXES}, {"space": NO_AXES}),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_images_epochs_and_arms_may_change_at_once(write_study: StudyWriter, edit: str) -> None:
    before, change = EDITS[edit]
    old = note(planned(write_study(**before)))
    longer = {"epochs": 3, "schedule": {"warmup_epochs": 0.5}}
    images = {"image_seed": 3, "num_classes": 3}
    new = note(planned(write_study(**change, data=images, pretrain=longer, finetune=longer)))
    # No trial is the same, and no cell but the baseline.
    assert old.trials.keys().isdisjoint(new.trials)
    assert not {c.cell for c in old.cells} & {c.cell for c in new.cells} - {"baseline"}
    assert new.is_edit_of(old)
    assert old.is_edit_of(new)


@pytest.mark.parametrize(
    "change",
    [
        {"space": {**NO_AXES, "finetune.optim.lr": {"grid": [0.5]}}},
        {"space": NO_AXES, "arms": [{"name": "wide", "set": {"model.ffn": 32}}]},
        {"space": {"patch_size": {"grid": [1]}}, "model": {"ffn": 32}, "finetune": {"batch_size": 4}},
    ],
    ids=["other axes", "arms instead of axes", "another network"],
)  # fmt: skip
def test_another_study_is_none_of_its_edits(
    write_study: StudyWriter, change: dict[str, Any]
) -> None:
    ours = note(planned(write_study()))
    theirs = note(planned(write_study(**{"data": {"image_seed": 3}, **change})))
    # The same name and the same defaults do not make it the same study.
    assert not theirs.is_edit_of(ours)
    assert not ours.is_edit_of(theirs)


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
