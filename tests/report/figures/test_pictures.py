"""Pictures: the recorded ones, each where it says."""

import numpy as np
import pyarrow as pa
from figure_records import BASE, EPOCHS_ASKED, GRID, drawn, recorded, samples, study
from matplotlib.figure import Figure

from orchestrator.store.schemas import SAMPLES, table_of

RECORDS = recorded([BASE, *GRID], seeds=(0, 1))


def pictures(figure: Figure, rows: int) -> list[list[bytes | None]]:
    """Bytes of the pictures by row; columns without any are gaps and left out."""
    found = [
        np.asarray(axes.images[0].get_array()).tobytes() if axes.images else None
        for axes in figure.axes
    ]
    columns = [found[place :: len(found) // rows] for place in range(len(found) // rows)]
    return [list(row) for row in zip(*(column for column in columns if any(column)), strict=True)]


def sample(table: pa.Table, name: str, number: int, kind: str) -> bytes:
    key = f"restore-pretrain-{name}-0"
    (found,) = [
        row[kind] for row in table.to_pylist()
        if (row["trial_key"], row["sample"]) == (key, number)
    ]  # fmt: skip
    return bytes(found)


def test_figure_2_is_one_image_under_every_mask() -> None:
    table = samples(RECORDS)
    figure = drawn(study(), RECORDS, table)["figure_2_masking"].draw()
    # Black shows best on the brightest of the images.
    bright = max((0, 1), key=lambda n: sum(sample(table, GRID[0][0], n, "original")))
    assert pictures(figure, 3) == [
        [
            sample(table, f"patch_size={size},mask_ratio=0.2", bright, "original"),
            *(
                sample(table, f"patch_size={size},mask_ratio={ratio}", bright, "masked")
                for ratio in (0.2, 0.4, 0.6)
            ),
        ]
        for size in (2, 4, 8)
    ]
    assert [axes.get_title() for axes in figure.axes[:4]] == ["input", "20 %", "40 %", "60 %"]
    assert [axes.get_ylabel() for axes in figure.axes[::4]] == ["2x2", "4x4", "8x8"]


def test_reconstructions_stand_between_masked_and_original() -> None:
    table = samples(RECORDS)
    figure = drawn(study(), RECORDS, table)["reconstructions_2_patch_4x4"].draw()
    names = [f"patch_size=4,mask_ratio={ratio}" for ratio in (0.2, 0.4, 0.6)]
    assert pictures(figure, 2) == [
        [
            *(
                sample(table, name, number, kind)
                for name in names
                for kind in ("masked", "restored")
            ),
            sample(table, names[0], number, "original"),
        ]
        for number in (0, 1)
    ]


def test_pixels_are_shown_as_they_are() -> None:
    for drawing in drawn(study(), RECORDS, samples(RECORDS)).values():
        for axes in drawing.draw().axes:
            assert all(image.get_interpolation() == "none" for image in axes.images)


def test_a_mask_that_is_not_there_yet_leaves_a_gap() -> None:
    def ended(name: str, *_: object) -> tuple[str, int]:
        return ("running", 1) if "patch_size=4" in name else ("done", EPOCHS_ASKED)

    records = recorded([BASE, *GRID], ended=ended)
    made = drawn(study(), records, samples(records))
    assert [len(axes.images) for axes in made["figure_2_masking"].draw().axes] == [
        1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1,
    ]  # fmt: skip
    assert [name for name in made if name.startswith("reconstructions")] == [
        "reconstructions_1_patch_2x2", "reconstructions_2_patch_8x8",
    ]  # fmt: skip


def test_axes_that_do_not_change_the_mask_have_no_figure_2() -> None:
    rows = [{**row, "masked": row["original"]} for row in samples(RECORDS).to_pylist()]
    made = drawn(study(), RECORDS, table_of(SAMPLES, rows))
    assert "figure_2_masking" not in made
    assert "reconstructions_1_patch_2x2" in made


def test_many_cells_go_on_in_another_figure() -> None:
    arms = [BASE, *((f"arm-{n}", {"model.init": "he"}) for n in range(5))]
    records = recorded(arms)
    made = drawn(study(), records, samples(records))
    widths = [
        len(pictures(made[name].draw(), 2)[0])
        for name in made
        if name.startswith("reconstructions")
    ]
    # Three pairs and the originals, two pairs and the originals.
    assert widths == [7, 5]
