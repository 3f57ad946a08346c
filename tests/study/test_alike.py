"""Mistakes that are alike: a few are shown, and all are counted."""

import pytest

from orchestrator.study.alike import shorten_alike
from orchestrator.study.file import read_study
from orchestrator.study.spec import StudyError
from studies import StudyWriter


def lines(path_of_study: object, error: StudyError) -> list[str]:
    return [line.removeprefix(f"{path_of_study}: ") for line in str(error).splitlines()]


def test_of_two_hundred_wrong_values_three_are_shown(write_study: StudyWriter) -> None:
    wrong = [17 + 2 * step for step in range(200)]  # 16 pixels are divided by none of them
    study = write_study(space={"patch_size": {"grid": [2, *wrong]}})
    with pytest.raises(StudyError) as caught:
        read_study(study)
    shown = lines(study, caught.value)
    assert [line.split(":")[0] for line in shown] == [
        "space.patch_size.grid[1]", "space.patch_size.grid[2]", "space.patch_size.grid[3]", "space",
    ]  # fmt: skip
    assert shown[-1] == "space: 197 more like these"
    # Programs have them all.
    assert len(caught.value.mistakes) == 200


def test_mistakes_of_form_are_counted_too(write_study: StudyWriter) -> None:
    arms = [{"name": f"a{step}", "sett": {}} for step in range(50)]
    axes = {f"model.wide{step}": {"grid": [1]} for step in range(40)}
    study = write_study(arms=arms, space=axes)
    with pytest.raises(StudyError) as caught:
        read_study(study)
    shown = lines(study, caught.value)
    assert shown[3] == "arms: 47 more like these"
    assert shown[-1] == "space: 37 more like these"
    assert len(shown) == 8


def test_mistakes_of_another_kind_are_never_hidden() -> None:
    alike = [f"seeds[{i}]: -{i}: Input should be greater than 0" for i in range(1, 10)]
    other = "seeds[5]: 'x': Input should be a valid integer"
    assert shorten_alike([*alike[:5], other, *alike[5:]]) == [
        *alike[:3], other, "seeds: 6 more like these",
    ]  # fmt: skip
    # Five fit a screen, and a place in another section is another mistake.
    assert shorten_alike(alike[:5]) == alike[:5]
    elsewhere = [line.replace("seeds", "arms") for line in alike]
    assert len(shorten_alike([*alike, *elsewhere])) == 8
