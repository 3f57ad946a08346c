"""What many records have in common, and where they differ."""

from orchestrator.report.page.recipe_diff import compare
from orchestrator.study.dotted_paths import unflatten

ONE = {"seed": 0, "train": {"lr": 0.1, "mask": {"ratio": 0.2}}, "channels": [1, 2]}
OTHER = {"seed": 1, "train": {"lr": 0.1, "mask": {"ratio": 0.4}}, "channels": [1, 2]}


def test_what_all_share_stands_once_and_the_rest_beside_each() -> None:
    found = compare([ONE, OTHER])
    assert found.common == {"train.lr": 0.1, "channels": [1, 2]}
    assert found.differing == ("seed", "train.mask.ratio")
    assert found.rows == (
        {"seed": 0, "train.mask.ratio": 0.2},
        {"seed": 1, "train.mask.ratio": 0.4},
    )


def test_common_part_and_row_together_are_the_record() -> None:
    found = compare([ONE, OTHER])
    for record, row in zip((ONE, OTHER), found.rows, strict=True):
        assert unflatten(found.common | row) == record


def test_a_single_record_differs_from_nothing() -> None:
    found = compare([ONE])
    assert (unflatten(found.common), found.differing, found.rows) == (ONE, (), ({},))


def test_a_field_that_one_lacks_differs() -> None:
    found = compare([{"a": 1, "mask": {"ratio": 0.2}}, {"a": 1}])
    # A pretraining has a mask, a trial of another task none.
    assert found.common == {"a": 1}
    assert found.rows == ({"mask.ratio": 0.2}, {})


def test_values_that_python_calls_equal_are_told_apart() -> None:
    assert compare([{"rezero": True}, {"rezero": 1}]).differing == ("rezero",)
    assert compare([{"lr": None}, {}]).differing == ("lr",)


def test_no_records_have_nothing_in_common() -> None:
    found = compare([])
    assert (found.common, found.differing, found.rows) == ({}, (), ())


def test_an_empty_mapping_is_a_value() -> None:
    assert compare([{"a": {}}, {"a": {}}]).common == {"a": {}}
