"""What the doctor says of a cluster, and that every failure comes with its fix."""

import dataclasses
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_trials import before_each_step, pretrain

from orchestrator.cli import app
from orchestrator.doctor import checks
from orchestrator.doctor.checks import Check, Kind
from orchestrator.doctor.node_facts import Facts, few_steps, versions
from orchestrator.study.graph import TrialSpec
from orchestrator.study.runtime import compiles
from studies import StudyWriter

HERE = {"python": "3.11", "ray": "2.60.0", "torch": "2.15", "maskgrid": "abc"}
WELL = Facts(HERE, 100.0, None, None, 0o600, "token")


def wrong(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.found for check in checks if not check.passed}


def judged(**change: Any) -> dict[str, str]:
    facts = dataclasses.replace(WELL, **change)
    return wrong(list(checks.judge(HERE, {"a": WELL, "b": facts}, {"a", "b"})))


def test_a_healthy_node_passes_every_check() -> None:
    assert judged() == {}
    assert judged(token_mode=None) == {}


@pytest.mark.parametrize(
    ("change", "name", "found"),
    [
        ({"versions": {**HERE, "ray": "2.59.0"}}, "versions", "ray 2.59.0 (here 2.60.0)"),
        ({"versions": {**HERE, "maskgrid": "def"}}, "versions", "maskgrid def (here abc)"),
        ({"store": "/x is another place here"}, "store", "another place"),
        ({"data": "data/x.zip: no such file"}, "images", "no such file"),
        ({"free_gib": 1.0}, "disk", "1.0 GiB free"),
        ({"token_mode": 0o644}, "token file", "0644"),
        ({"token_mode": 0o640}, "token file", "0640"),
    ],
)
def test_what_is_wrong_is_found_alone(change: dict[str, Any], name: str, found: str) -> None:
    told = judged(**change)
    assert list(told) == [name]
    assert found in told[name]


def test_a_node_that_does_not_answer_is_wrong() -> None:
    assert wrong(list(checks.judge(HERE, {"a": "GetTimeoutError"}, set()))) == {
        "answer": "GetTimeoutError"
    }


def test_a_store_that_only_looks_shared_is_wrong() -> None:
    # The node saw our file, but its own never came: two folders of one name, or a stale mount.
    assert "store" in wrong(list(checks.judge(HERE, {"a": WELL}, set())))


@pytest.mark.parametrize(
    ("kinds", "passed"),
    [
        ([Kind(4, 0, None)], True),
        ([Kind(4, 1, "A10G"), Kind(4, 1, "A10G"), Kind(2, 0, None)], True),
        ([Kind(4, 1, "A10G"), Kind(4, 1, "T4")], False),
        ([Kind(4, 1, None)], False),
    ],
)
def test_gpus_of_several_kinds_are_wrong(kinds: list[Kind], passed: bool) -> None:
    assert checks.same_gpus(dict(zip("abc", kinds, strict=False))).passed == passed


def test_authentication_must_be_on_everywhere() -> None:
    off = dataclasses.replace(WELL, authentication=None)
    assert checks.authentication({"a": WELL}, 401).passed
    assert checks.authentication({"a": WELL}, None).passed
    assert not checks.authentication({"a": WELL, "b": off}, 401).passed
    assert not checks.authentication({"a": WELL}, 200).passed


def test_a_working_directory_must_be_light() -> None:
    assert checks.working_directory(2**20).passed
    assert not checks.working_directory(2**30).passed
    assert checks.working_directory(None).passed


def test_every_machine_of_one_installation_has_equal_versions() -> None:
    assert versions() == versions()
    assert re.fullmatch("[0-9a-f]{12}", versions()["maskgrid"])


@pytest.mark.skipif(not shutil.which("g++"), reason="compiling on a CPU needs g++")
def test_a_node_is_tried_as_the_study_would_train_there() -> None:
    steps: list[int] = []
    trial = TrialSpec(key="p", recipe=pretrain())
    with before_each_step(lambda number, _: steps.append(number)):
        assert few_steps(trial, gpu=False, compiled=False) == "CPU"
        assert steps == [0]
        # A CUDA graph that cannot be recorded or replayed shows in the second and third step alone.
        assert few_steps(trial, gpu=False, compiled=True) == "CPU, compiled: yes"
        assert steps == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("asked", "on_cpu", "on_gpu"),
    [("auto", False, True), ("on", True, True), ("off", False, False)],
)
def test_a_study_says_where_it_compiles(asked: Any, on_cpu: bool, on_gpu: bool) -> None:
    assert (compiles(asked, False), compiles(asked, True)) == (on_cpu, on_gpu)


def call(monkeypatch: pytest.MonkeyPatch, study: Path, store: str) -> int:
    arguments = ["doctor", str(study), "--store", store, "--cache", str(study.parent / "cache")]
    monkeypatch.setattr(sys, "argv", ["maskgrid", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


@pytest.mark.ray
def test_a_real_cluster_is_examined(
    ray_cluster: str,
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = write_study()
    assert call(monkeypatch, study, str(study.parent / "store")) == 0
    printed = capsys.readouterr().out
    # A step of each kind was trained.
    assert "a restore step" in printed and "a classify step" in printed
    assert "WRONG" not in printed
    # Nothing of the doctor's is left in the store.
    assert [path.name for path in (study.parent / "store").iterdir()] == ["maskgrid.json"]


@pytest.mark.ray
def test_what_is_wrong_with_a_real_cluster_is_told_with_exit_code_1(
    ray_cluster: str,
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(checks, "ENOUGH_GIB", 1e9)
    study = write_study(runtime={"num_workers": 50})
    assert call(monkeypatch, study, str(study.parent / "store")) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "the study does not fit the cluster: a trial needs 50 workers" in printed
    assert "to fix it: make room for" in printed
