"""Exported folders: the card's own lines load them and compute what the trial's network does."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tiny_trials
import torch
import yaml
from checkout import ROOT
from safetensors import safe_open

from model.config.masking import MaskConfig
from model.config.recipe import Recipe
from model.data.decode import decode
from model.errors import InputError
from model.objectives.objectives import build_objective
from model.pretrained import load
from model.training.context import LocalContext, TrainedInput
from orchestrator.export.export import export
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec, trial_key

ORIGIN = {
    "commit": "0123abcd",
    "dirty": True,
    "versions": {"torch": "2.99"},
    "cpu": "Some CPU",
    "gpu": None,
    "largest_class_share": 0.9,
}
# What is put behind the card's lines, to hand their results over.
HAND_OVER = """
import sys
from safetensors.torch import save_file
images = trained.preprocess(pictures)
save_file({"outputs": outputs, "images": images, **({"inputs": masked} if "masked" in dir() else {})}, sys.argv[1])
assert not {"ray", "pyarrow", "orchestrator"} & set(sys.modules)
"""

# The same for the lines that need torch alone, run in several folders by a process that has none
# of our packages.
ALONE = """
import os, re, sys
sys.modules.update(dict.fromkeys(("model", "orchestrator", "ray", "pydantic", "safetensors")))
for folder in sys.argv[1:]:
    os.chdir(folder)
    names = {}
    exec(re.findall(r"```python\\n(.*?)```", open("README.md").read(), re.DOTALL)[1], names)
    names["torch"].save(names["output"], "output.pt")
    names["picture"].save("picture.png")
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(str(tmp_path / "store")))


def train(ledger: Ledger, recipe: Recipe, parent: str | None = None) -> str:
    """Train a trial and leave in the ledger what a run leaves."""
    inputs = {"weights": parent} if parent else {}
    key = trial_key(recipe, inputs)
    context = LocalContext(
        inputs={
            role: TrainedInput(ledger.spec(k).recipe, safetensors.torch.load(ledger.weights(k)))
            for role, k in inputs.items()
        }
    )
    weights = tiny_trials.train(recipe, context)
    ledger.write_spec(TrialSpec(key=key, recipe=recipe, inputs=inputs))
    ledger.begin_attempt(key, {"started_at": "2026-01-01"})
    ledger.save_epoch(key, context.rows, SavedCheckpoint(3, b"w", b"o"))
    ended = Outcome(state="done", finished_at="2026-01-01", wall_seconds=9.0, provenance=ORIGIN)
    ledger.finish(key, safetensors.torch.save(weights), ended)
    return key


def run_card(folder: Path, to: Path) -> dict[str, torch.Tensor]:
    """Run the lines that the card shows, as they are, in a fresh process in the folder."""
    lines = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert len(lines) == 2
    done = subprocess.run(
        [sys.executable, "-c", lines[0] + HAND_OVER, str(to)],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return safetensors.torch.load_file(to)


def network_of(ledger: Ledger, key: str) -> torch.nn.Module:
    """The trial's own network, as a resumed or a dependent trial builds it."""
    objective = build_objective(ledger.spec(key).recipe, num_classes=2)
    objective.load_state_dict(safetensors.torch.load(ledger.weights(key)))
    return objective.eval().network


def assert_computes_the_same(
    folder: Path, network: torch.nn.Module, found: dict[str, torch.Tensor], inputs: torch.Tensor
) -> None:
    """The exported network is the trial's to the bit, and the card's outputs are to rounding.

    Both networks are built outside inference mode, as the card builds its own: of two tensors of
    which none wants a gradient torch.matmul makes a batch of products, not one, and rounds otherwise.
    """
    exported = load(folder).network
    weights = exported.state_dict()
    assert weights.keys() == network.state_dict().keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in network.state_dict().items())
    with torch.inference_mode():
        outputs = network(inputs)
        assert torch.equal(exported(inputs), outputs)
    torch.testing.assert_close(found["outputs"], outputs)


def test_the_card_of_a_classifier_computes_its_logits(ledger: Ledger, tmp_path: Path) -> None:
    parent = train(ledger, tiny_trials.pretrain())
    key = train(ledger, tiny_trials.finetune(), parent)
    assert export(ledger, key, tmp_path / "out", tmp_path / "cache") == key
    found = run_card(tmp_path / "out", tmp_path / "found")
    assert found["outputs"].shape == (2, 2)
    assert_computes_the_same(tmp_path / "out", network_of(ledger, key), found, found["images"])


def test_torch_alone_computes_the_same(ledger: Ledger, tmp_path: Path) -> None:
    folders = {}
    for recipe in (tiny_trials.pretrain(), tiny_trials.finetune()):
        folders[train(ledger, recipe)] = folder = tmp_path / recipe.task
        export(ledger, recipe.task, folder, tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, folders.values())],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for key, folder in folders.items():
        # The card's picture, decoded as images to train on are, through the trial's own network.
        pixels = decode((folder / "picture.png").read_bytes(), 16).pixels
        with torch.inference_mode():
            expected = network_of(ledger, key)(torch.from_numpy(pixels)[None] / 255)
        torch.testing.assert_close(torch.load(folder / "output.pt"), expected)


def test_the_program_names_no_path_of_this_machine(ledger: Ledger, tmp_path: Path) -> None:
    key = train(ledger, tiny_trials.finetune())
    export(ledger, key, tmp_path / "out", tmp_path / "cache")
    with zipfile.ZipFile(tmp_path / "out" / "model.pt2") as file:
        contents = [file.read(name) for name in file.namelist()]
    for path in (ROOT, tmp_path, Path(torch.__file__).parent):
        assert not any(str(path).encode() in content for content in contents)


def test_how_images_were_prepared_and_measured_is_written_down(
    ledger: Ledger, tmp_path: Path
) -> None:
    key = train(ledger, tiny_trials.finetune(precision="bf16"))
    export(ledger, key, tmp_path / "out", tmp_path / "cache")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["precision"], config["image_size"]) == ("bf16", 16)
    assert config["preprocessing"] == {
        "crop": "central square", "resize": "bicubic, antialiased",
        "mean": [0, 0, 0], "std": [1, 1, 1],
    }  # fmt: skip
    text = (tmp_path / "out/README.md").read_text()
    for words in ("central square", "16 x 16 pixels (bicubic, antialiased)", "bf16 (autocast)"):
        assert words in text, words


@pytest.mark.parametrize("fill", ["zero", "learned"])
def test_the_card_of_a_pretraining_restores_its_pixels(
    ledger: Ledger, tmp_path: Path, fill: Any
) -> None:
    mask = MaskConfig(patch_size=4, ratio=0.5, mode="exact", fill=fill)
    key = train(ledger, tiny_trials.pretrain(mask=mask))
    export(ledger, key, tmp_path / "out", tmp_path / "cache")
    found = run_card(tmp_path / "out", tmp_path / "found")
    assert_computes_the_same(tmp_path / "out", network_of(ledger, key), found, found["inputs"])
    # Half of each image is hidden, and what stands there is what stood there in training.
    hidden = (found["inputs"] != found["images"]).any(dim=1)
    assert hidden.float().mean() == pytest.approx(0.5)
    learned = safetensors.torch.load(ledger.weights(key)).get("colour", torch.zeros(3))
    assert torch.equal(found["inputs"].permute(0, 2, 3, 1)[hidden].unique(dim=0), learned[None])


def test_the_weights_are_the_network_alone_by_name(ledger: Ledger, tmp_path: Path) -> None:
    key = train(ledger, tiny_trials.pretrain(mask=MaskConfig(fill="learned")))
    export(ledger, key, tmp_path / "out", tmp_path / "cache")
    with safe_open(tmp_path / "out" / "model.safetensors", "pt") as file:  # type: ignore[no-untyped-call]
        assert file.metadata() == {"format": "pt"}
        assert set(file.keys()) == set(network_of(ledger, key).state_dict())


def test_the_card_is_filled_from_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    parent = train(ledger, tiny_trials.pretrain())
    key = train(ledger, tiny_trials.finetune(), parent)
    export(ledger, key, tmp_path / "out", tmp_path / "cache")
    text = (tmp_path / "out" / "README.md").read_text()
    head = yaml.safe_load(text.split("---\n")[1])
    last = ledger.rows(key)[-1]
    metric = head["model-index"][0]["results"][0]["metrics"][0]
    assert (metric["type"], metric["value"]) == ("accuracy", last.val_accuracy)
    assert head["pipeline_tag"] == "image-classification"
    assert "license" not in head
    outcome = ledger.outcome(key)
    assert outcome is not None
    for words in (
        f"{last.val_loss:.4f}", f"{last.val_accuracy:.1%}", parent, "0123abcd, with uncommitted changes", "torch 2.99",
        "Some CPU", "lr: 0.01", str(outcome.weights_sha256), "guessing | 50.0%",
        "always the largest class | 90.0%",
    ):  # fmt: skip
        assert words in text, words
    # Where it lay, and where its images lay, stays here.
    assert str(tmp_path) not in text + (tmp_path / "out" / "config.json").read_text()


def test_class_names_come_from_the_cache(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model.data.load import load as load_images
    from model.data.load import resolve

    data: Any = resolve(tiny_trials.IMAGES)
    key = train(ledger, tiny_trials.finetune(data))
    export(ledger, key, tmp_path / "unknown", tmp_path / "cache")
    names = load_images(data, tmp_path / "cache").class_names
    export(ledger, key, tmp_path / "known", tmp_path / "cache")
    assert json.loads((tmp_path / "unknown/config.json").read_text())["class_names"] is None
    assert json.loads((tmp_path / "known/config.json").read_text())["class_names"] == list(names)
    assert set(run_card(tmp_path / "known", tmp_path / "found")) == {"outputs", "images"}
    # The cache's default place is below whoever's home it is.
    monkeypatch.setenv("HOME", str(tmp_path))
    export(ledger, key, tmp_path / "by-home", Path("~/cache"))
    assert json.loads((tmp_path / "by-home/config.json").read_text())["class_names"] == list(names)


def test_a_beginning_names_a_trial_where_it_is_the_only_one(ledger: Ledger, tmp_path: Path) -> None:
    first, second = (
        train(ledger, tiny_trials.finetune()),
        train(ledger, tiny_trials.finetune(seed=1)),
    )
    assert export(ledger, first[:-2], tmp_path / "a", tmp_path) == first
    assert export(ledger, second.partition("-")[2][:8], tmp_path / "b", tmp_path) == second
    with pytest.raises(InputError, match=f"matches several trials: .*{second}"):
        export(ledger, "classify-", tmp_path / "c", tmp_path)
    with pytest.raises(InputError, match=f"no trial in the store matches; it has: .*{first}"):
        export(ledger, "nothing", tmp_path / "c", tmp_path)
    with pytest.raises(InputError, match="it has: none"):
        export(Ledger(Store(str(tmp_path / "empty"))), "f", tmp_path / "c", tmp_path)
    assert not (tmp_path / "c").exists()


def test_a_trial_that_is_not_done_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    key = train(ledger, tiny_trials.finetune())
    ledger.forget_outcome(key)
    with pytest.raises(InputError, match=f"{key}: it is not done"):
        export(ledger, key, tmp_path / "out", tmp_path)
    ledger.fail(key, Outcome(state="failed", reason="Diverged: nan", finished_at="2026"))
    with pytest.raises(InputError, match="it failed: Diverged"):
        export(ledger, key, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_anything_in_it_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    key = train(ledger, tiny_trials.finetune())
    full = tmp_path / "full"
    full.mkdir()
    (full / "README.md").write_text("mine")
    for folder in (full, full / "README.md"):
        with pytest.raises(InputError, match="new or empty"):
            export(ledger, key, folder, tmp_path)
    assert [path.read_text() for path in full.iterdir()] == ["mine"]
    (tmp_path / "void").mkdir()
    export(ledger, key, tmp_path / "void", tmp_path)
    assert len(list((tmp_path / "void").iterdir())) == 4
    with pytest.raises(InputError, match="cannot be written"):
        export(ledger, key, full / "README.md" / "below", tmp_path)


def test_changed_weights_are_never_exported(ledger: Ledger, tmp_path: Path) -> None:
    from orchestrator.store.ledger import DamagedError

    key = train(ledger, tiny_trials.finetune())
    ledger.store.write(Paths.weights(key), b"other")
    with pytest.raises(DamagedError, match="not what was written"):
        export(ledger, key, tmp_path / "out", tmp_path)
    ledger.store.delete(Paths.weights(key))
    with pytest.raises(InputError, match=r"no longer in the store.*keep_weights"):
        export(ledger, key, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
