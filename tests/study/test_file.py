"""The study file: what is accepted, and how mistakes are told."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from checkout import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.study.file import read_study
from orchestrator.study.spec import StudyError, StudySpec
from orchestrator.study.yaml_loader import load_yaml
from studies import TINY, StudyWriter, merged

STUDIES = sorted(ROOT.glob("studies/*.yaml"))


def mistakes(path: Path) -> list[str]:
    with pytest.raises(StudyError) as caught:
        read_study(path)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_valid(path: Path) -> None:
    # Each study is named after its file, so that its results are found where one looks.
    assert read_study(path).name == path.stem


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: s\n")
    study = read_study(path)
    # Adam (0.9, 0.99), batch 128, 50 epochs, 1e-9 -> 1e-4 in 5, -> 5e-5 in the last 15.
    for stage in (study.pretrain, study.finetune):
        assert (stage.epochs, stage.batch_size) == (50, 128)
        assert (stage.optim.name, stage.optim.betas, stage.optim.lr) == ("adam", (0.9, 0.99), 1e-4)
        schedule = stage.schedule
        assert (schedule.start_lr, schedule.warmup_length(50)) == (1e-9, 5)
        assert (schedule.final_lr, schedule.decay_length(50)) == (5e-5, 15)


def test_every_mistake_is_told_at_once_with_path_value_and_expectation(
    write_study: StudyWriter,
) -> None:
    found = mistakes(
        write_study(
            pretrain={"epochs": 0, "optim": {"lr": "fast"}},
            model={"headz": 3},
            seeds=[-1],
        )
    )
    assert len(found) == 4
    assert any(line.startswith("pretrain.epochs: 0: ") for line in found)
    assert any(line.startswith("pretrain.optim.lr: 'fast': ") for line in found)
    assert any(line.startswith("seeds[0]: -1: ") for line in found)
    # An unknown key names the near one and the choices.
    assert any("model.headz: 3: unknown key; did you mean 'heads'? choices: " in s for s in found)


def test_mistakes_of_form_do_not_hide_others(write_study: StudyWriter) -> None:
    found = mistakes(
        write_study(pretrain={"epoch": 3}, space={"patch_size": {"grid": [4, 5]}}, seeds=[-1])
    )
    # Two of form, and one that only the recipes show.
    assert [line.split(":")[0] for line in found] == [
        "pretrain.epoch", "seeds[0]", "space.patch_size.grid[1]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"space": {"patch_size": {"grid": [4, 5]}}}, "space.patch_size.grid[1]: 5: patch_size 5 does not divide the 16-pixel image; choices: 1, 2, 4, 8, 16"),
        ({"space": {"mask_ratio": {"grid": [0.0]}}}, "space.mask_ratio.grid[0]: 0.0: Input should be greater than 0"),
        ({"space": {"mask_ratio": {"grid": None, "uniform": [0.2, 1.0]}}}, "space.mask_ratio.uniform[1]: 1.0: Input should be less than 1"),
        ({"space": {"patch_size": {"grid": None, "choice": [4], "uniform": [1, 2]}}}, "space.patch_size: {'choice': [4], 'uniform': [1, 2]}: give exactly one of grid, choice"),
        ({"space": {"patch_size": {"grid": [2, 2]}}}, "duplicate value in [2, 2]"),
        ({"space": {"mask_ratio": {"grid": None, "loguniform": [0.6, 0.2]}}}, "low 0.6 must be below high 0.2"),
        ({"space": {"mask_ratio": {"grid": None, "quniform": [0.2, 0.6, 0.15]}}}, "must be multiples of the step"),
        ({"space": {"mask_ratio": {"grid": None, "quniform": [0.2, 0.6, 0]}}}, "must be multiples of the step"),
        ({"tables": [{"name": "t", "title": "T", "kind": "pretrain", "metric": "val_accuracy"}]}, "trials of task restore have none; choices: train_loss, val_loss"),
        ({"space": {"pretrain.mask.ratio": {"grid": [0.5]}}}, "space.pretrain.mask.ratio: {'grid': [0.5]}: duplicate of space.mask_ratio"),
        ({"space": {"model.hedas": {"grid": [2]}}}, "space.model.hedas.grid[0]: 2: 'model.hedas' is not a recipe field; nearest: model.heads"),
        ({"seeds": [1, 1]}, "seeds[1]: 1: duplicate of seeds[0]"),
        ({"arms": [{"name": "baseline"}]}, "arms[0].name: 'baseline': duplicate of the study's baseline"),
        ({"arms": [{"name": "he", "set": {"model.init": "hee"}}]}, "arms[0].set: {'model.init': 'hee'}: Input should be 'uvcgan2', 'pytorch' or 'he'"),
        ({"arms": [{"name": "a", "pretrain": False, "set": {"mask_ratio": 0.5}}]}, "arms[0].set.mask_ratio: 0.5: this arm has no pretraining to change"),
        ({"pretrain": {"epochs": 1}}, "pretrain: "),
        ({"data": {"image_size": 18}}, "image_size 18 must be a multiple of 4"),
        ({"model": {"heads": 3}}, "heads 3 must divide features 8"),
        ({"data": {"source": "imagenet"}}, "data: "),
        ({"seeds": ["1"]}, "seeds[0]: '1': Input should be a valid integer"),
        ({"baseline": 1}, "baseline: 1: Input should be a valid boolean"),
        ({"tables": [{"name": "t", "title": "T", "kind": "pretrain", "metric": "val_loss", "rows": "patch"}]}, "tables[0].rows: 'patch': no such axis; the space has: "),
        ({"tables": [{"name": "trials", "title": "T", "kind": "pretrain", "metric": "val_loss"}]}, "tables[0].name: 'trials': the results folder has its own trials.parquet; choose another name"),
        ({"name": "../up"}, "name: '../up': "),
        ({"pretrain": {"optim": {"lr": float("nan")}}}, "pretrain.optim.lr: nan: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(
    write_study: StudyWriter, change: dict[str, object], expected: str
) -> None:
    found = mistakes(write_study(**change))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nname: b\n", "line 2: duplicate key 'name'"),
        ("name: a\nspace:\n  patch_size: {grid: [2]}\n  patch_size: {grid: [4]}\n", "line 4: duplicate key 'patch_size'"),
        ("name: [a\n", "expected"),
        ("- a\n", "a mapping of study fields was expected"),
        ("", "a mapping of study fields was expected"),
        ("name: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("? [a, b]\n: 1\n", "line 1: a key must be a plain word"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_study_is_one_clear_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    found = mistakes(path)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "study.yaml"
    text = "# Größe\nname: a\ndescription: größer\nseeds: [0, 1]\n"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    study = read_study(path)
    assert (study.name, study.description, study.seeds) == ("a", "größer", (0, 1))


@pytest.mark.parametrize("content", ["name: a\n# Größe\n".encode("latin-1"), b"\nname: \xff\xfe\n"])
def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    assert mistakes(path) == ["line 2: not UTF-8 text; save the file as UTF-8"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "none.yaml") == ["No such file or directory"]


def test_a_learning_rate_without_a_dot_is_a_number(tmp_path: Path) -> None:
    # YAML 1.1 reads 1e-4 as a word.
    path = tmp_path / "study.yaml"
    path.write_text("name: a\npretrain: {optim: {lr: 1e-4}}\n")
    assert read_study(path).pretrain.optim.lr == 1e-4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELD = st.sampled_from([*StudySpec.model_fields, "spcae"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(change=st.dictionaries(FIELD, JSON, min_size=1, max_size=3))
def test_no_value_of_any_field_gets_another_error(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**TINY, **change}))
    try:
        study = read_study(path)
    except StudyError as error:
        # Wrong input is told in lines that begin with the file.
        assert all(line.startswith(f"{path}: ") for line in str(error).splitlines())
    else:
        assert isinstance(study, StudySpec)


def test_merge_helper_removes_what_is_none() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"c": 2}}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({}, "L1, all pixels"),
        ({"pretrain": {"loss_region": "masked"}}, "L1, hidden pixels"),
        ({"space": {"pretrain.loss_region": {"grid": ["all", "masked"]}}}, "L1"),
        ({"arms": [{"name": "hidden", "set": {"pretrain.loss_region": "masked"}}]}, "L1"),
    ],
)
def test_the_first_tables_title_says_which_pixels_count(change: dict[str, Any], what: str) -> None:
    study = StudySpec.model_validate({"name": "x", **change})
    assert study.tables[0].title.startswith(f"Reconstruction loss ({what})")


@pytest.mark.parametrize(
    ("space", "arranged", "by"),
    [
        ({}, ("patch_size", "mask_ratio"), " by patch size and mask ratio"),
        (
            {"mask_ratio": {"uniform": [0.2, 0.8]}, "patch_size": {"grid": [2, 4]}},
            ("patch_size", "mask_ratio"),
            " by patch size and mask ratio",
        ),
        (
            {"model.init": {"grid": ["he", "uvcgan2"]}, "finetune.optim.lr": {"grid": [0.1, 0.2]}},
            ("model.init", "finetune.optim.lr"),
            " by model.init and finetune.optim.lr",
        ),
        # Draws are no grid: each cell has a row of its own, whatever the arrangement.
        (
            {"mask_ratio": {"uniform": [0.2, 0.8]}, "finetune.optim.lr": {"uniform": [0.1, 0.2]}},
            ("patch_size", "mask_ratio"),
            "",
        ),
    ],
)
def test_tables_are_arranged_by_the_axes_there_are(
    space: dict[str, Any], arranged: tuple[str, str], by: str
) -> None:
    study = StudySpec.model_validate({"name": "x", "space": space})
    for table, what in zip(
        study.tables,
        ("Reconstruction loss (L1, all pixels)", "Classification accuracy"),
        strict=True,
    ):
        assert (table.rows, table.columns) == arranged
        assert table.title.removesuffix(" of the pretraining") == what + by


@pytest.mark.parametrize(
    ("text", "value"),
    [("012", 12), ("-7", -7), ("0o10", 8), ("0x1F", 31), ("1:30", "1:30"), ("1_000", "1_000"),
     ("0b11", "0b11"), ("1e-4", 1e-4), ("0.5", 0.5), ("0", 0), ("true", True), ("'1'", "1"),
     ("1:30.5", "1:30.5"), ("1_0.5", "1_0.5"), ("1.", 1.0), (".5", 0.5), ("-1.5E+3", -1500.0), ("1e", "1e"),
     ("-.Inf", -float("inf")), (".", "."), ("False", False), ("on", "on"), ("off", "off"), ("no", "no"),
     ("~", None), ("", None)],
)  # fmt: skip
def test_numbers_are_yaml_1_2s(text: str, value: Any) -> None:
    # YAML 1.1 would read 012 as ten, 1:30 as ninety and 1_000 as a thousand.
    found = load_yaml(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_off_is_a_word_where_a_word_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: a\nruntime: {compile: off}\n")
    assert read_study(path).runtime.compile == "off"
    path.write_text("name: a\nbaseline: off\n")
    assert mistakes(path) == ["baseline: 'off': Input should be a valid boolean"]


def test_a_number_too_long_for_python_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: a\nnum_samples: {'9' * 5000}\n")
    assert mistakes(path) == [f"line 2: {'9' * 40!r} is not a whole number"]


@pytest.mark.parametrize("value", [[8, 16], {"a": 1}, None])
def test_an_axis_value_that_is_none_is_one_mistake(write_study: StudyWriter, value: Any) -> None:
    (line,) = mistakes(write_study(space={"model.blocks": {"grid": [1, value]}}))
    assert (
        line == f"space.model.blocks.grid[1]: {value!r}: expected a number, a word, true or false"
    )


def test_a_section_that_contradicts_itself_is_not_printed_in_full(
    write_study: StudyWriter,
) -> None:
    arms = [{"name": "a"}, {"name": "a"}]
    assert mistakes(write_study(arms=arms)) == ["arms[1].name: 'a': duplicate of arms[0].name"]
