"""All figures of a study: which there are, and their files."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import figure_records as hand
import matplotlib
import pytest
from checkout import ROOT
from figure_records import BASE, EPOCHS_ASKED, GRID, cell, drawn, recorded, samples, study
from matplotlib.text import Text
from PIL import Image

from orchestrator.report.figures.all_figures import figures
from orchestrator.report.figures.style import COLUMN, DPI, PAGE
from orchestrator.report.records.collect import Records
from orchestrator.report.tables.fill import fill_table
from orchestrator.study.spec import StudySpec

RECORDS = recorded([BASE, *GRID], seeds=(0, 1))
OF_GRID = {
    "figure_2_masking", "figure_3_patch_2x2", "figure_4_patch_4x4", "figure_5_patch_8x8",
    "reconstructions_1_patch_2x2", "reconstructions_2_patch_4x4", "reconstructions_3_patch_8x8",
    "heatmap_table_1", "heatmap_table_2", "loss_pretrain", "loss_finetune", "learning_rate",
}  # fmt: skip


def made(spec: StudySpec, records: Records, **pictures: Any) -> dict[str, bytes]:
    filled = [fill_table(table, records) for table in spec.tables]
    return dict(figures(spec, records, filled, pictures.get("samples")))


def small() -> dict[str, bytes]:
    """Every kind of figure of the smallest study that has them all but dots."""
    records = recorded([BASE, *GRID[:2]], seeds=(0, 1))
    return made(study(), records, samples=samples(records))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return small()


def test_the_papers_grid_has_the_papers_figures() -> None:
    assert drawn(study(), RECORDS, samples(RECORDS)).keys() == OF_GRID


def test_every_figure_comes_in_both_formats(files: dict[str, bytes]) -> None:
    names = {name for name in OF_GRID if not name.endswith(("4x4", "8x8"))}
    assert files.keys() == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}


def test_pictures_are_for_print(files: dict[str, bytes]) -> None:
    for content in (content for name, content in files.items() if name.endswith("png")):
        picture = Image.open(io.BytesIO(content))
        picture.load()
        # One column or up to a page wide, not higher than a page.
        assert COLUMN - 0.01 <= picture.width / DPI <= PAGE + 0.01
        assert picture.height / DPI < 9.5
        assert {round(dots) for dots in picture.info["dpi"]} == {DPI}


def test_drawings_say_what_they_are_and_nothing_about_when(files: dict[str, bytes]) -> None:
    titles = {drawing.title for drawing in drawn(study(), RECORDS, samples(RECORDS)).values()}
    assert len(titles) == len(OF_GRID)
    for name, content in files.items():
        assert b"Matplotlib" not in content
        if name.endswith("svg"):
            root = ElementTree.fromstring(content)
            space = root.tag.partition("}")[0] + "}"
            assert root.findtext(f"{space}title") in titles
            assert b"dc:date" not in content
            assert b"<dc:creator>" not in content


def test_another_process_of_another_user_makes_the_same_bytes(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 20\nsvg.hashsalt: x\n")
    program = (
        "import hashlib, json, test_all_figures as t\n"
        "sums = {name: hashlib.sha256(c).hexdigest() for name, c in t.small().items()}\n"
        "print(json.dumps(sums))\n"
    )
    root = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=root, capture_output=True, text=True,
        check=True, timeout=300, env={"PYTHONPATH": f"{ROOT}:{ROOT}/tests/support", "MPLCONFIGDIR": str(tmp_path),
                         "MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    # Whatever that user's own settings are.
    assert json.loads(done.stdout) == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }


def test_settings_of_the_caller_stay_as_they_were(files: dict[str, bytes]) -> None:
    assert matplotlib.rcParams["svg.hashsalt"] is None
    assert files


STATES = [("done", EPOCHS_ASKED), ("running", 2), ("failed", 1), ("skipped", 0), ("waiting", 0)]
NAMES = ["baseline", *(name for name, _ in GRID)]


def test_a_study_that_has_begun_shows_what_is_there() -> None:
    records = recorded([BASE, *GRID], ended=lambda name, *_: STATES[NAMES.index(name) % 5])
    found = drawn(study(), records, samples(records))
    for drawing in found.values():
        drawing.draw()
    # Of one finished pretraining alone there is no comparison of masks.
    assert found.keys() == OF_GRID - {
        "figure_2_masking", "reconstructions_2_patch_4x4", "reconstructions_3_patch_8x8",
        "reconstructions_1_patch_2x2",
    } | {"reconstructions_1_patch_4x4"}  # fmt: skip


@pytest.mark.parametrize(
    "records", [recorded([]), recorded([BASE, *GRID], ended=lambda *_: ("waiting", 0))]
)
def test_before_anything_is_recorded_there_is_no_figure(records: Records) -> None:
    assert made(study(), records, samples=samples(records)) == {}


def test_a_baseline_alone_has_curves_only() -> None:
    assert drawn(study(), recorded([BASE])).keys() == {
        "accuracy_1_baseline", "loss_finetune", "learning_rate",
    }  # fmt: skip


def test_arms_alone_have_no_grid() -> None:
    cells = [BASE, ("arm", {"model.init": "he"}), ("baseline-he", {"model.init": "he"})]
    assert drawn(study(), recorded(cells, seeds=(0, 1, 2))).keys() == {
        "accuracy_1_arms", "arms_table_1", "arms_table_2", "loss_pretrain", "loss_finetune",
        "learning_rate",
    }  # fmt: skip


def test_random_axes_are_drawn_along_themselves() -> None:
    cells = [cell(patch_size=2 + 2 * (n % 2), mask_ratio=0.1 + n / 19) for n in range(8)]
    names = drawn(study(), recorded([BASE, *cells])).keys()
    assert {"along_table_1", "along_table_2", "figure_3_patch_2x2"} <= names
    # A heat map would be empty for the most part.
    assert not any(name.startswith("heatmap") for name in names)


def test_other_axes_and_several_tables_get_figures_of_their_own() -> None:
    table = {
        "title": "T", "stage": "finetune", "metric": "val_accuracy", "rows": "model.init",
        "columns": "finetune.optim.lr",
    }  # fmt: skip
    tables = [
        {"name": "last", **table},
        {"name": "best", **table, "select": "best_on_dev"},
        {"name": "turned", **table, "rows": table["columns"], "columns": table["rows"]},
    ]
    rates = (0.001, 0.01)
    cells = [
        cell(**{"model.init": init, "finetune.optim.lr": rate})
        for init in ("he", "a b/c") for rate in rates
    ]  # fmt: skip
    names = drawn(study(tables=tables), recorded([BASE, *cells])).keys()
    # The same curves are not drawn again for another choice of epoch; file names are safe.
    assert {name for name in names if "accuracy" in name} == {
        "accuracy_1_model.init_he", "accuracy_2_model.init_a_b_c",
        "turned_accuracy_1_finetune.optim.lr_0.001", "turned_accuracy_2_finetune.optim.lr_0.01",
    }  # fmt: skip
    assert {"heatmap_last", "heatmap_best", "heatmap_turned", "loss_pretrain"} <= names


def test_each_stage_of_a_graph_gets_figures_of_its_own() -> None:
    tasks = {"pretrain": "restore", "again": "restore", "teacher": "classify", "finetune": "classify"}  # fmt: skip
    tables = [
        {"name": stage, "title": "T", "stage": stage, "metric": "val_accuracy"}
        for stage in ("finetune", "teacher")
    ]
    records = recorded([BASE, *GRID], stages=tasks)
    assert records.stages == tasks
    found = drawn(study(tables=tables), records, samples(records)).keys()
    assert {f"loss_{stage}" for stage in tasks} <= found
    # None takes the place of another stage's.
    assert {"figure_2_masking", "again_figure_2_masking"} <= found
    assert {"reconstructions_1_patch_2x2", "again_reconstructions_1_patch_2x2"} <= found
    assert {"figure_3_patch_2x2", "teacher_figure_3_patch_2x2"} <= found


def test_no_markup_is_shown() -> None:
    for drawing in drawn(study(), RECORDS, samples(RECORDS)).values():
        figure = drawing.draw()
        figure.draw_without_rendering()
        shown = [text.get_text() for text in figure.findobj(Text)]
        assert not any(mark in words for words in shown for mark in "$\\_")


def test_any_words_of_a_study_can_be_drawn() -> None:
    odd = "5 $ and 6 $ \\frac < & > " + "long " * 12
    table = {
        "name": "t", "title": f"{odd} 漢字", "stage": "finetune", "metric": "val_accuracy",
        "rows": "model.init",
    }  # fmt: skip
    cells = [cell(**{"model.init": init, "mask_ratio": 0.2}) for init in (odd, "he")]
    spec, records = study(tables=[table]), recorded([BASE, *cells], seeds=(0, 1))
    found = made(spec, records)
    # Dollars are no formula, and nothing is wider than its figure.
    assert f"{odd} 漢字, as a heat map" in str(
        ElementTree.fromstring(found["heatmap_t.svg"])[0].text
    )
    for name, drawing in drawn(spec, records).items():
        figure = drawing.draw()
        figure.draw_without_rendering()
        for axes in figure.axes:
            box = axes.get_tightbbox()
            assert box.x0 > -1 and box.x1 < figure.bbox.width + 1, name


def test_the_hand_made_numbers_all_differ() -> None:
    numbers = [
        hand.number(name, seed, stage, epoch)
        for name, _ in [BASE, *GRID] for seed in (0, 1) for stage in ("pretrain", "finetune")
        for epoch in range(1, EPOCHS_ASKED + 1)
    ]  # fmt: skip
    # Or a figure could show one for another.
    assert len(set(numbers)) > 0.85 * len(numbers)
