"""The report page: all it must say, nothing that acts, and the same bytes for the same study."""

import base64
import fnmatch
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import committed
import pytest
from checkout import ROOT
from markup import by_id, parse, rows, text
from page_studies import HOSTILE, SVG, hostile_page, made, study

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.formats.grid import sections
from orchestrator.report.page.page import page
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.study.file import read_study


@pytest.fixture(scope="module", params=committed.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def of(name: str, **more: Any) -> bytes:
    spec, found = committed.study(name), committed.records(name)
    tables = [arrange(fill_table(table, found)) for table in spec.tables]
    return page(spec, found, tables, more.get("verdicts", []), more.get("figures", {}))


def inside(root: Element, section: str) -> str:
    return text(by_id(root, section))


# --- what it says -----------------------------------------------------------------------------


def test_every_trial_is_listed_as_it_was_recorded(name: str) -> None:
    root, found = parse(of(name)), committed.records(name)
    epochs = found.epochs.to_pylist()
    for trial in found.trials.to_pylist():
        row = [text(cell) for cell in by_id(root, f"trial-{trial['trial_key']}")]
        last = max(
            (each for each in epochs if each["trial_key"] == trial["trial_key"]),
            key=lambda each: each["epoch"],
        )
        accuracy = last["val_accuracy"]
        assert row[1:] == [
            {"restore": "pretrain", "classify": "finetune"}[trial["task"]], "✓ done", str(trial["seed"]), f"{trial['epochs_done']}/{trial['epochs']}",
            f"{trial['train_seconds']:,.1f}", f"{trial['wall_seconds']:,.1f}", str(trial["restarts"]),
            f"{last['val_loss']:.4f}", "—" if accuracy is None else f"{accuracy:.1%}",
        ]  # fmt: skip
        for cell in found.cells.to_pylist():
            if trial["trial_key"] == cell["trial_key"]:
                assert cell["cell"] in row[0]


def test_tables_stand_there_as_in_the_terminal(name: str) -> None:
    spec, found = committed.study(name), committed.records(name)
    expected = [
        [part.header, *part.body]
        for table in spec.tables
        for part in sections(fill_table(table, found))
    ]
    assert [rows(table) for table in by_id(parse(of(name)), "tables").iter("table")] == expected


def test_the_summary_counts_and_adds_up(name: str) -> None:
    found = committed.records(name)
    summary = inside(parse(of(name)), "summary")
    seconds = round(sum(found.trials["train_seconds"].to_pylist()))
    assert f"{found.trials.num_rows} ✓ done" in summary
    assert f"{seconds // 60} min {seconds % 60} s of training steps" in summary
    assert max(found.trials["finished_at"].to_pylist())[:10] in summary
    assert "Not complete" not in summary


def test_each_finetuning_stands_below_its_weights_in_the_graph(name: str) -> None:
    graph = by_id(parse(of(name)), "graph")
    drawn = {}
    for item in graph.iter("li"):
        box, below = item.find("a"), item.findall("ul/li/a")
        if box is not None:
            drawn |= {child.get("href"): box.get("href") for child in below}
    expected = {
        f"#trial-{trial['trial_key']}": f"#trial-{dict(trial['inputs'])['weights']}"
        for trial in committed.records(name).trials.to_pylist()
        if trial["inputs"]
    }
    assert drawn == expected


def test_the_study_on_the_page_runs_again(name: str, tmp_path: Path) -> None:
    spec, written = committed.study(name), tmp_path / "study.yaml"
    written.write_text("".join(by_id(parse(of(name)), "study").itertext()))
    found = read_study(written)
    # Where the images lie is no part of the study; the page names the place of a download.
    assert str(found.data.path) == "data/tiny-imagenet-200.zip"  # type: ignore[union-attr]
    assert found.model_copy(update={"data": spec.data}) == spec
    assert found.data.fingerprint == spec.data.fingerprint


def test_commands_name_the_commit_of_the_records(name: str) -> None:
    reproduce = inside(parse(of(name)), "reproduce")
    commit = {"controls": "6b7923a68208", "tiny10": "e08cc954f5e8"}[name]
    assert f"git checkout {commit}" in reproduce
    assert "data fetch tiny-imagenet" in reproduce
    assert "uncommitted" not in reproduce and "differed" not in reproduce


def test_verdicts_are_told_in_words() -> None:
    found = [
        Verdict("It grows.", True, "It does.", "p = 0.01"),
        Verdict("It helps.", False, "It does not.", "p = 0.02"),
        Verdict("It depends.", None, "Too few seeds.", "n = 1"),
    ]
    summary = inside(parse(of("tiny10", verdicts=found)), "summary")
    assert "✓ holds It grows. It does. p = 0.01" in summary
    assert "✕ contradicted It helps. It does not. p = 0.02" in summary
    assert "? cannot tell It depends. Too few seeds. n = 1" in summary


def test_of_each_figure_the_svg_stands_there_under_its_title() -> None:
    files = {
        "one.png": b"png", "one.svg": SVG, "two_parts.png": b"other", "three.pdf": b"no picture",
    }  # fmt: skip
    figures = list(by_id(parse(of("tiny10", figures=files)), "figures").iter("figure"))
    assert [text(figure) for figure in figures] == [
        "Figure 1. Loss & accuracy", "Figure 2. Two parts",
    ]  # fmt: skip
    images = [figure.find("img") for figure in figures]
    for image, kind, content in zip(images, ("svg+xml", "png"), (SVG, b"other"), strict=True):
        assert image is not None
        head, _, data = image.attrib["src"].partition(",")
        assert head == f"data:image/{kind};base64"
        assert base64.b64decode(data) == content
        assert image.attrib["alt"]


def test_what_did_not_end_well_says_so_without_colour() -> None:
    root = parse(page(study(), made(3), [], [], {}))
    failed, skipped = by_id(root, "trial-restore-2"), by_id(root, "trial-classify-4")
    assert "✕ failed val_loss is nan" in text(failed)
    assert "⊘ skipped restore-2 failed" in text(skipped)
    summary = inside(root, "summary")
    assert "3 of 9 trials are not done" in summary
    # The reason stands at the top already.
    assert "restore-2: val_loss is nan" in summary


def test_trials_are_listed_as_the_graph_has_them() -> None:
    body = by_id(parse(page(study(), made(2), [], [], {})), "trials").find(".//tbody")
    assert body is not None
    assert [row.get("id") for row in body] == [
        "trial-restore-0", "trial-classify-0", "trial-classify-1",
        "trial-restore-1", "trial-classify-2", "trial-classify-3",
    ]  # fmt: skip


@pytest.mark.parametrize(("parents", "each", "folds"), [(40, 2, 0), (500, 1, 13), (1, 999, 1)])
def test_a_large_graph_is_folded(parents: int, each: int, folds: int) -> None:
    root = parse(page(study(), made(parents, each), [], [], {}))
    found = list(by_id(root, "graph").iter("details"))
    assert len(found) == folds
    assert not any("open" in fold.attrib for fold in found)
    # Nothing is left out, and what is folded says how it stands.
    total = parents * (1 + each)
    assert sum(1 for _ in by_id(root, "graph").iter("a")) == total
    assert sum(1 for row in root.iter("tr") if (row.get("id") or "").startswith("trial-")) == total
    assert all("✓ done" in text(fold) for fold in found)


# --- what it is -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [hostile_page(), page(study(), made(0), [], [], {})])
def test_it_is_whole_and_nothing_in_it_acts_or_asks(content: bytes) -> None:
    root = parse(content)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        assert element.tag not in {"script", "iframe", "object", "embed", "form", "base"}
        assert not any(name.startswith("on") for name in element.attrib)
        for name in ("href", "src"):
            address = element.get(name, "data:")
            assert address.startswith("data:") or address[1:] in ids, address
    policy = next(meta for meta in root.iter("meta") if "http-equiv" in meta.attrib)
    assert policy.get("http-equiv") == "Content-Security-Policy"
    assert policy.attrib["content"].startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
    )


def test_whatever_a_study_says_stays_text() -> None:
    said = text(parse(hostile_page()))
    # Description, table title, arm's value, reason, processor, recipe, and a verdict's three.
    assert said.count(HOSTILE) >= 9


def test_it_is_the_same_in_another_process() -> None:
    program = "import sys, test_page; sys.stdout.buffer.write(test_page.of('controls'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests/support", Path(__file__).parent)))},
            capture_output=True, check=True, timeout=300,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert found == {of("controls")}


def test_templates_are_installed_with_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    globs = settings["package-data"]["orchestrator.report.page"]
    folder = ROOT / "orchestrator/report/page"
    data = {path.name for path in folder.iterdir() if path.suffix != ".py" and path.is_file()}
    assert "page.html.j2" in data
    assert {each for each in data if any(fnmatch.fnmatch(each, glob) for glob in globs)} == data
