"""Where a study's numbers come from, as its page tells it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from markup import by_id, parse, rows, text
from page_studies import PROVENANCE, made, study

from orchestrator.report.page.origin import study_yaml
from orchestrator.report.page.page import page
from orchestrator.report.records.collect import Records
from orchestrator.store.schemas import TRIALS, table_of
from orchestrator.study.file import read_study

OTHER = PROVENANCE | {"commit": "d" * 40, "dirty": True, "workers": 4, "gpu": "NVIDIA H200"}


def with_provenance(*found: dict[str, Any] | None) -> bytes:
    """The page of a study of one trial for each provenance."""
    records = made(len(found), 0)
    texts: Iterator[str | None] = (json.dumps(each) if each else None for each in found)
    rows = [
        {**row, "provenance": text, "state": "done" if text else "waiting"}
        for row, text in zip(records.trials.to_pylist(), texts, strict=True)
    ]
    return page(study(), Records(table_of(TRIALS, rows), records.epochs, records.cells), [], [], {})


def section(content: bytes, name: str) -> str:
    return text(by_id(parse(content), name))


def test_what_all_trials_share_is_told_once() -> None:
    found = section(with_provenance(PROVENANCE, PROVENANCE), "provenance")
    assert "The same for every trial:" in found
    assert found.count("c" * 40) == 1
    for words in ("Uncommitted changes no", "Processor Some CPU", "GPU none", "torch 2"):
        assert words in found
    assert "differs" not in found


def test_what_differs_is_told_for_each_group_with_its_size() -> None:
    root = parse(with_provenance(PROVENANCE, OTHER, PROVENANCE))
    table = by_id(root, "provenance").find(".//table")
    assert table is not None
    assert rows(table) == [
        ["Trials", "Commit", "Uncommitted changes", "Workers of a trial", "GPU"],
        ["2", "c" * 40, "no", "1", "none"],
        ["1", "d" * 40, "yes", "4", "NVIDIA H200"],
    ]


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        ({"cpu": "Another CPU"}, True), ({"cpu_kernels": "DEFAULT"}, True), ({"gpu": "a GPU"}, True),
        ({"workers": 4}, False), ({}, False),
    ],
)  # fmt: skip
def test_processors_that_round_differently_are_pointed_out(
    change: dict[str, Any], warned: bool
) -> None:
    words = section(with_provenance(PROVENANCE, PROVENANCE | change), "provenance")
    assert ("different kinds of processor" in words) is warned


def test_what_records_of_later_versions_add_is_told_too() -> None:
    found = section(
        with_provenance(PROVENANCE | {"val_images": 500, "a": {"b": "c"}}), "provenance"
    )
    assert "val images 500" in found
    assert "a: b c" in found


def test_trials_that_have_not_ended_are_counted() -> None:
    assert "for 2 trials that have not ended" in section(
        with_provenance(PROVENANCE, None, None), "provenance"
    )
    assert "no trial has ended" in section(with_provenance(None), "provenance")


def test_the_commit_that_most_trials_ran_on_is_the_one_to_take() -> None:
    found = section(with_provenance(OTHER, PROVENANCE, PROVENANCE), "reproduce")
    assert f"git checkout {'c' * 40}" in found
    # The others are not hushed up.
    assert "most trials ran on" in found
    assert "differed" not in found


def test_uncommitted_changes_and_an_unknown_commit_are_warned_of() -> None:
    assert "Files differed from the commit" in section(with_provenance(OTHER), "reproduce")
    nowhere = section(with_provenance(PROVENANCE | {"commit": None, "dirty": None}), "reproduce")
    assert "No commit was recorded" in nowhere
    assert "git checkout" not in nowhere


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"source": "synthetic", "num_classes": 3}, None),
        ({"source": "folder", "path": "/home/somebody/pictures"}, "data/images"),
        ({"source": "tiny-imagenet", "path": "/home/somebody/x.zip"}, "data/tiny-imagenet-200.zip"),
    ],
)
def test_the_study_runs_and_tells_no_place_on_a_machine(
    data: dict[str, Any], place: str | None, tmp_path: Path
) -> None:
    spec = study(data={**data, "fingerprint": "ab"}, seeds=[3, 4])
    written = study_yaml(spec)
    assert "somebody" not in written
    (tmp_path / "study.yaml").write_text(written)
    found = read_study(tmp_path / "study.yaml")
    assert yaml.safe_load(written)["data"].get("path") == place
    moved = {} if place is None else {"path": Path(place)}
    assert found == spec.model_copy(update={"data": spec.data.model_copy(update=moved)})


def test_a_folder_of_images_is_the_readers_to_find() -> None:
    spec = study(data={"source": "folder", "path": "/home/somebody/pictures"})
    content = page(spec, made(1), [], [], {})
    assert b"somebody" not in content
    assert "Put the images where the study\u2019s data.path points" in section(content, "reproduce")


def test_recipes_of_a_stage_stand_once_with_what_differs() -> None:
    root = parse(page(study(), made(2, 1), [], [], {}))
    recipes = by_id(root, "recipes")
    assert [text(heading) for heading in recipes.iter("h3")] == [
        "Pretraining, 2 trials", "Finetuning, 2 trials",
    ]  # fmt: skip
    common = [yaml.safe_load("".join(part.itertext())) for part in recipes.iter("pre")]
    assert common == [{"task": "restore"}, {"task": "classify"}]
    assert [rows(table) for table in recipes.iter("table")] == [
        [["Trial", "seed"], ["arm-0 restore-0", "0"], ["arm-1 restore-1", "1"]],
        [["Trial", "seed"], ["arm-0 classify-0", "0"], ["arm-1 classify-1", "1"]],
    ]
