"""Pictures of what each pretraining restores, drawn once from the store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny_trials import images_of, train

from model.analysis.reconstructions import COUNT, chosen_positions
from model.config.recipe import RestoreRecipe
from model.data.image_set import ImageSet, split
from model.objectives.objectives import Reconstruction
from model.rng import Stream, uniform
from model.training.batches import BatchLoader
from orchestrator.analysis.reconstructions import save_missing_pictures
from orchestrator.plan.board import board_of
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.report.records.collect import collect
from orchestrator.store.ledger import Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.schemas import SAMPLES, to_parquet
from studies import StudyWriter

DONE = Outcome(state="done", finished_at="2026-01-01")


def plan_of(path: Path, store: Path) -> Plan:
    return make_plan(path, str(store))


def finish(plan: Plan, number: int = 1) -> list[str]:
    """Train the first pretrainings of a plan, as quickly as can be, and note that they are done."""
    keys = [key for key, trial in plan.graph.trials.items() if trial.task == "restore"][:number]
    for key in keys:
        weights = train(plan.graph.trials[key].recipe)
        plan.ledger.finish(key, safetensors.torch.save(weights), DONE)
    return keys


def drawn(
    write_study: StudyWriter, folder: Path, **change: Any
) -> tuple[Plan, str, list[dict[str, Any]]]:
    path = write_study(**change)
    (key,) = finish(plan_of(path, folder / "store"))
    plan = plan_of(path, folder / "store")
    assert save_missing_pictures(plan, folder / "cache") == []
    table = plan.ledger.samples(key)
    assert table is not None and table.schema.equals(SAMPLES, check_metadata=True)
    return plan, key, table.to_pylist()


def recipe_of(plan: Plan, key: str) -> tuple[RestoreRecipe, ImageSet]:
    recipe = plan.graph.trials[key].recipe
    assert isinstance(recipe, RestoreRecipe)
    return recipe, images_of(recipe.data)


def pixels(row: dict[str, Any], kind: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(row[kind], np.uint8).reshape(row["side"], row["side"], 3)


def test_masked_pictures_are_hidden_square_by_square(
    write_study: StudyWriter, tmp_path: Path
) -> None:
    plan, key, rows = drawn(write_study, tmp_path)
    recipe, image_set = recipe_of(plan, key)
    patch, ratio = recipe.train.mask.patch_size, recipe.train.mask.ratio
    assert len({row["sample"] for row in rows}) == COUNT
    for row in rows:
        image = image_set.images[row["sample"]].transpose(1, 2, 0)
        assert image_set.is_val[row["sample"]]
        assert row["label"] == image_set.class_names[image_set.labels[row["sample"]]]
        np.testing.assert_array_equal(pixels(row, "original"), image)
        expected, side = image.copy(), row["side"] // patch
        ids = torch.tensor([row["sample"]])
        numbers = uniform(recipe.seed, Stream.VALIDATION_MASK, 0, ids, side**2)[0].tolist()
        for place, number in enumerate(numbers):
            top, left = patch * (place // side), patch * (place % side)
            if number <= ratio:
                expected[top : top + patch, left : left + patch] = 0
        np.testing.assert_array_equal(pixels(row, "masked"), expected)


@pytest.mark.parametrize(
    "mask",
    [
        {"mode": "bernoulli"},
        {"mode": "uvcgan2"},
        {"fill": "learned"},
        {"mode": "exact", "fill": "noise"},
    ],
)
def test_pictures_are_what_went_through_the_network_in_validation(
    mask: dict[str, str], write_study: StudyWriter, tmp_path: Path
) -> None:
    plan, key, rows = drawn(write_study, tmp_path, pretrain={"mask": mask})
    recipe, image_set = recipe_of(plan, key)
    objective = Reconstruction(recipe, 2).eval()
    objective.load_state_dict(safetensors.torch.load(plan.ledger.weights(key)))
    seen: dict[int, tuple[Any, Any]] = {}
    passing: list[tuple[Any, Any]] = []
    objective.network.register_forward_hook(lambda _, given, made: passing.append((given[0], made)))
    # The validation pass itself, over all of its images.
    feed = BatchLoader(image_set, recipe, 0, 1, torch.device("cpu"))
    with torch.inference_mode():
        for share in feed.held_out(split(image_set, recipe.data).val):
            objective(share.batch)
            for number, sample in enumerate(share.batch.sample_ids.tolist()):
                seen[sample] = (passing[-1][0][number], passing[-1][1][number])
    for row in rows:
        for kind, tensor in zip(("masked", "restored"), seen[row["sample"]], strict=True):
            found = pixels(row, kind).transpose(2, 0, 1) / 255
            # To half of one of 256 levels.
            np.testing.assert_allclose(found, tensor.numpy(), atol=0.5 / 255 + 1e-5)


def test_pictures_are_drawn_once(write_study: StudyWriter, tmp_path: Path) -> None:
    plan, key, rows = drawn(write_study, tmp_path)
    # Without the weights: nothing is worked out again.
    plan.ledger.store.delete(Paths.weights(key))
    assert save_missing_pictures(plan, tmp_path / "cache") == []
    # Damaged ones are drawn again, if they can be.
    plan.ledger.store.write(Paths.samples(key), b"half a fi")
    assert plan.ledger.samples(key) is None
    (reason,) = save_missing_pictures(plan, tmp_path / "cache")
    assert f"trial {key}" in reason and "weights" in reason
    assert rows


def test_only_finished_pretrainings_have_pictures(write_study: StudyWriter, tmp_path: Path) -> None:
    path = write_study()
    plan = plan_of(path, tmp_path / "store")
    assert save_missing_pictures(plan, tmp_path / "cache") == []
    assert collect(plan.board, plan.ledger).samples is None
    keys = finish(plan)
    plan = plan_of(path, tmp_path / "store")
    save_missing_pictures(plan, tmp_path / "cache")
    assert [key for key in plan.graph.trials if plan.ledger.samples(key)] == keys


def test_records_gather_all_pictures_and_keep_originals_once(
    write_study: StudyWriter, tmp_path: Path
) -> None:
    path = write_study()
    keys = finish(plan_of(path, tmp_path / "store"), 2)
    plan = plan_of(path, tmp_path / "store")
    save_missing_pictures(plan, tmp_path / "cache")
    found = collect(board_of(plan.graph, plan.ledger), plan.ledger).samples
    assert found is not None
    assert found["trial_key"].to_pylist() == [key for key in keys for _ in range(COUNT)]
    # The same images in every trial, so that they compare; they cost their bytes once.
    once = to_parquet(found.select(["original"]).slice(0, COUNT))
    assert len(to_parquet(found.select(["original"]))) < 1.1 * len(once)


def test_images_are_spread_over_the_classes() -> None:
    labels = np.arange(40) % 10
    found = chosen_positions(labels)
    assert len(set(labels[found])) == COUNT
    assert (np.diff(found) > 0).all()
    # As many as there are.
    assert chosen_positions(np.zeros(2, np.int64)).tolist() == [0, 1]
