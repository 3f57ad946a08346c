"""The command line: exit codes and one-line errors."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import call, run_arguments
from image_files import write_folder

from orchestrator.store.store import Store
from studies import StudyWriter


def tiny_imagenet(folder: Path, content: bytes) -> Path:
    """A Tiny ImageNet of two classes with one image a split, whose bytes are given."""
    for name in ("n1", "n2"):
        for part in (f"train/{name}/images/{name}_0.JPEG", f"val/images/{name}.JPEG"):
            path = folder / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (folder / "wnids.txt").write_text("n1\nn2\n")
    rows = [f"{name}.JPEG\t{name}\t0\t0\t1\t1\n" for name in ("n1", "n2")]
    (folder / "val/val_annotations.txt").write_text("".join(rows))
    return folder


def data_of(path: Path, **change: Any) -> dict[str, Any]:
    return {"source": "tiny-imagenet", "path": str(path), "num_classes": None,
            "train_per_class": None, "val_per_class": None, **change}  # fmt: skip


Refused = Callable[[Path, str], None]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Asserts exit code 2, one line that says so, and nothing written."""

    def check(study: Path, expected: str) -> None:
        assert_refused(monkeypatch, capsys, study, expected)

    return check


def assert_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], study: Path, expected: str
) -> None:
    """Exit code 2, one line that says so, and nothing written."""
    before = sorted(study.parent.rglob("*"))
    assert call(monkeypatch, *run_arguments(study)) == 2
    error = capsys.readouterr().err.strip()
    assert expected in error
    assert "\n" not in error
    assert "Traceback" not in error
    left = [path for path in study.parent.rglob("*") if path not in before]
    assert not [path for path in left if "trials" in path.parts], left


def test_a_wrong_study_is_refused(
    refused: Refused,
    write_study: StudyWriter,
) -> None:
    study = write_study(pretrain={"epoch": 3})
    refused(study, "did you mean 'epochs'?")


def test_missing_images_are_refused(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    study = write_study(data=data_of(tmp_path / "none.zip"))
    refused(study, "none.zip")


def test_a_zip_that_is_none_is_refused(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    (tmp_path / "fake.zip").write_bytes(b"<html>not found</html>")
    study = write_study(data=data_of(tmp_path / "fake.zip"))
    refused(study, "fake.zip")


def test_a_truncated_zip_is_refused(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("wnids.txt", "n1\n" * 1000)
    whole = (tmp_path / "cut.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    study = write_study(data=data_of(tmp_path / "cut.zip"))
    refused(study, "cut.zip")


def test_a_jpeg_that_does_not_decode_is_refused(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    study = write_study(data=data_of(tiny_imagenet(tmp_path / "set", b"\xff\xd8 no jpeg")))
    refused(study, "n1_0.JPEG")


def test_a_store_of_a_newer_schema_is_refused_and_kept(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    Store(str(tmp_path / "store")).write_json("maskgrid.json", {"schema": 99})
    refused(write_study(), "written with schema 99")
    # The newer store is as it was.
    assert Store(str(tmp_path / "store")).read_json("maskgrid.json") == {"schema": 99}


def test_a_store_that_cannot_be_written_is_refused(
    refused: Refused,
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    refused(write_study(), "store")


def test_plan_says_what_would_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    study = write_study()
    assert call(monkeypatch, "plan", str(study), "--store", str(tmp_path / "store")) == 0
    printed = capsys.readouterr().out
    # Baseline, and two cells of two trials each.
    assert "5 trials requested, 5 unique, 0 cached, 5 to run" in printed
    # Planning writes nothing.
    assert not (tmp_path / "store").exists()


def test_plan_without_images_says_that_keys_are_provisional(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    # A name that a terminal library could take for markup.
    study = write_study(data=data_of(tmp_path / "[/none].zip"))
    assert call(monkeypatch, "plan", str(study), "--store", str(tmp_path / "store")) == 0
    printed = capsys.readouterr().out
    assert "all keys are provisional: " in printed
    assert f"{tmp_path}/[/none].zip" in printed


def test_plan_refuses_images_that_run_would_refuse(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    (tmp_path / "fake.zip").write_bytes(b"<html>not found</html>")
    study = write_study(data=data_of(tmp_path / "fake.zip"))
    assert call(monkeypatch, "plan", str(study), "--store", str(tmp_path / "store")) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {tmp_path / 'fake.zip'} is not a zip")
    # The same words.
    assert call(monkeypatch, *run_arguments(study)) == 2
    assert capsys.readouterr().err == printed.err


def test_plan_and_run_tell_images_that_nobody_reads(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: StudyWriter,
    tmp_path: Path,
) -> None:
    names = ("a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/deep/3.png")
    write_folder(tmp_path / "set", dict.fromkeys(names, b"no image"))
    data = {"source": "folder", "val_fraction": 0.5}
    study = write_study(data=data_of(tmp_path / "set", **data))
    told = "class b: 1 subfolder with 1 image is not read"
    assert call(monkeypatch, "plan", str(study), "--store", str(tmp_path / "store")) == 0
    assert told in capsys.readouterr().out
    # The run ends at what does not decode.
    assert call(monkeypatch, *run_arguments(study)) == 2
    assert told in capsys.readouterr().out


def test_an_unknown_data_set_is_refused_with_the_choices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "data", "fetch", "imagenet") == 2
    assert "choices: tiny-imagenet" in capsys.readouterr().err


def test_a_download_that_is_no_data_set_is_refused_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text("<html>moved</html>")
    fetch = ["data", "fetch", "tiny-imagenet", "--from", str(tmp_path / "page.html")]
    assert call(monkeypatch, *fetch, "--to", str(tmp_path / "data")) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert not list((tmp_path / "data").glob("*.zip"))
