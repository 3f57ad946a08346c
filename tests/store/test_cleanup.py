"""What may be deleted from a store: never what a study uses or a run is at work on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hand_ledger import lay, lease, planned, ran
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InputError
from orchestrator.plan.plan import Plan
from orchestrator.store.cleanup import delete_ray_files, delete_trials
from orchestrator.store.inventory import open_store, take_inventory
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.store.study_registry import forget_study, record_of, save_record, slot_for
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.recipes import Cell
from orchestrator.study.spec import StudySpec
from studies import TINY, StudyWriter


@pytest.fixture(params=["folder", "memory"])
def plan(request: pytest.FixtureRequest, write_study: StudyWriter, tmp_path: Path) -> Plan:
    """The tiny study, with an empty ledger in a folder or in what stands for a bucket."""
    made = planned(write_study())
    if request.param == "memory":
        ledger = Ledger(Store(f"fsspec+memory://{tmp_path}"))
        return Plan(made.study, made.graph, ledger, made.board)
    return made


def test_the_stock_is_what_lies_there(plan: Plan) -> None:
    states = ("done", "failed", "running", "unfinished")
    keys = list(plan.graph.trials)
    for key, state in zip(keys, states, strict=False):  # the fifth trial was never begun
        lay(plan.ledger, plan.graph, key, state)
    save_record(plan.ledger.store, plan.slot)
    # What is no trial is none of ours: not counted, not listed.
    for name in ("trials/backup/x", f"trials/{keys[4]}/notes.txt", "trials/readme.txt"):
        plan.ledger.store.write(name, b"mine")
    plan.ledger.store.write("tune/tiny/tuner.pkl", b"12345")
    plan.ledger.store.write("train/tiny-x/y.json", b"123")
    inventory = take_inventory(plan.ledger)
    assert {t.key: t.state for t in inventory.trials.values()} == dict(
        zip(keys, states, strict=False)
    )
    assert {t.used_by for t in inventory.trials.values()} == {("tiny",)}
    assert (inventory.studies, inventory.ray_bytes) == (("tiny",), 8)
    # Sizes are those of the files, by another way of asking.
    for key, trial in inventory.trials.items():
        contents = [
            plan.ledger.store.read(name) for name in plan.ledger.store.sizes(Paths.trial(key))
        ]
        assert trial.bytes == sum(len(content or b"") for content in contents)
        assert trial.task == plan.graph.trials[key].task
    assert inventory.trials[keys[0]].weights_bytes == len(b"weights of " + keys[0].encode())
    assert inventory.trials[keys[1]].weights_bytes is None


@pytest.mark.parametrize(("age", "state"), [(5, "running"), (59, "running"), (61, "unfinished"),
                                            (-30, "running")])  # fmt: skip
def test_a_lease_is_live_for_a_minute(plan: Plan, age: float, state: str) -> None:
    key = next(iter(plan.graph.trials))
    lay(plan.ledger, plan.graph, key, "unfinished")
    lease(plan.ledger, key, age)
    assert take_inventory(plan.ledger).trials[key].state == state


def test_a_trial_goes_with_what_ray_left_of_it_and_no_other_does(plan: Plan) -> None:
    first, second, *_ = plan.graph.trials
    store = plan.ledger.store
    for key in (first, second):
        lay(plan.ledger, plan.graph, key)
        for name in (f"tune/tiny/{key}/events.out", f"tune/other/{key}/result.json",
                     f"train/tiny-{key}/state.json"):  # fmt: skip
            store.write(name, b"x")
    store.write("tune/tiny/tuner.pkl", b"x")
    assert delete_trials(plan.ledger, [first]) == ([first], [])
    left = {name for folder in ("trials", "tune", "train") for name in store.sizes(folder)}
    assert [name for name in left if first in name] == []
    assert len([name for name in left if second in name and not name.startswith("trials")]) == 3
    assert "tune/tiny/tuner.pkl" in left
    assert store.read(Paths.outcome(second))


def test_ray_files_go_on_request_but_not_under_a_run(plan: Plan) -> None:
    first, second, *_ = plan.graph.trials
    lay(plan.ledger, plan.graph, first)
    lay(plan.ledger, plan.graph, second, "running")
    plan.ledger.store.write("tune/tiny/tuner.pkl", b"x")
    with pytest.raises(InputError, match=f"in use: trial {second} is being trained"):
        delete_ray_files(plan.ledger, take_inventory(plan.ledger))
    lease(plan.ledger, second, age=1000)
    delete_ray_files(plan.ledger, take_inventory(plan.ledger))
    assert plan.ledger.store.sizes("tune") == {}
    assert plan.ledger.store.read(Paths.outcome(first))


def test_what_may_not_be_deleted_is_refused_by_name(plan: Plan) -> None:
    used, live, *_ = plan.graph.trials
    lay(plan.ledger, plan.graph, used)
    lay(plan.ledger, plan.graph, live, "running")
    save_record(plan.ledger.store, plan.slot)
    inventory = take_inventory(plan.ledger)
    with pytest.raises(InputError, match=f"trial {used} is used by tiny; --force "):
        inventory.select([used], force=False)
    with pytest.raises(InputError, match=f"no trial '{used[:-1]}' .* nearest: {used}"):
        inventory.select([used[:-1]], force=True)
    # Not even by force while it is being trained.
    with pytest.raises(InputError, match=f"trial {live} is being trained"):
        inventory.select([live], force=True)
    assert [trial.key for trial in inventory.select([used, used], force=True)] == [used]


def test_what_is_asked_for_between_the_choice_and_the_deletion_stays(plan: Plan) -> None:
    first, second, third, *_ = plan.graph.trials
    for key in (first, second, third):
        lay(plan.ledger, plan.graph, key, "unfinished")
    chosen = [trial.key for trial in take_inventory(plan.ledger).unused]
    assert len(chosen) == 3
    lease(plan.ledger, first, age=1)
    only = TrialGraph({second: plan.graph.trials[second]}, ())
    save_record(plan.ledger.store, replace(plan, graph=only).slot)
    # One is being trained, one is a study's now: the third alone goes.
    assert delete_trials(plan.ledger, chosen) == ([third], [])
    # Force is for what a study uses, not for what is being trained.
    assert delete_trials(plan.ledger, [first, second], force=True) == ([second], [])


def test_a_removed_cell_leaves_the_study_and_can_be_deleted(write_study: StudyWriter) -> None:
    ran(write_study())
    plan = ran(write_study(space={"patch_size": {"grid": [2]}}))
    unused = take_inventory(plan.ledger).unused
    # Its two trials stayed until they are deleted, and the others stay after that.
    assert sorted(trial.task for trial in unused) == ["classify", "restore"]
    delete_trials(plan.ledger, [trial.key for trial in unused])
    assert take_inventory(plan.ledger).trials.keys() == plan.graph.trials.keys()
    assert planned(write_study(space={"patch_size": {"grid": [2]}})).board.complete
    # A study that is forgotten uses nothing.
    forget_study(plan.ledger.store, "tiny")
    assert len(take_inventory(plan.ledger).unused) == 3


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    with pytest.raises(InputError, match="no store found"):
        open_store(str(tmp_path))


# --- any graph --------------------------------------------------------------------------------

BASE = StudySpec.model_validate({name: part for name, part in TINY.items() if name != "space"})
STATES = ("done", "failed", "unfinished", "running", None)

cell_sets = st.lists(
    st.builds(
        lambda size, rate, pretrain: Cell(
            f"{size} {rate} {pretrain}",
            {"finetune.optim.lr": rate} | ({"patch_size": size} if pretrain else {}),
            pretrain,
        ),
        st.sampled_from([1, 2, 4]), st.sampled_from([0.1, 0.2, 0.3]), st.booleans(),
    ),
    max_size=5,
)  # fmt: skip
graphs = st.builds(
    lambda cells, seeds: build_graph(BASE.model_copy(update={"seeds": tuple(seeds)}), cells),
    cell_sets, st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True),
)  # fmt: skip


def contents(store: Store, keys: Mapping[str, object]) -> dict[str, bytes | None]:
    return {name: store.read(name) for key in keys for name in store.sizes(Paths.trial(key))}


@settings(deadline=None, max_examples=60)
@given(data=st.data(), wanted=st.lists(graphs, max_size=3), others=graphs)
def test_deleting_what_is_unused_takes_nothing_that_a_study_uses(
    data: st.DataObject, wanted: list[TrialGraph], others: TrialGraph
) -> None:
    ledger = Ledger(Store("fsspec+memory://any-graph"))
    for folder in (Paths.trials, Paths.studies):
        ledger.store.delete_folder(folder)
    everything: dict[str, TrialGraph] = {}
    for number, graph in enumerate([*wanted, others]):
        everything |= dict.fromkeys(graph.trials, graph)
        if graph is not others:
            study = BASE.model_copy(update={"name": f"study{number}"})
            save_record(ledger.store, slot_for(ledger.store, record_of(study, graph)))
    states = {key: data.draw(st.sampled_from(STATES)) for key in everything}
    for key, state in states.items():
        if state:
            lay(ledger, everything[key], key, state)
    # By the graphs themselves: trials that a study asks for, and those that are being trained.
    used = {key for graph in wanted for key in graph.trials}
    kept = {key: 0 for key, state in states.items() if key in used or state == "running"}
    before = contents(ledger.store, kept)
    deleted, unknown = delete_trials(ledger, [trial.key for trial in take_inventory(ledger).unused])
    # Of what is kept every file is as it was, of all else nothing is left.
    assert contents(ledger.store, kept) == before
    assert contents(ledger.store, everything) == before
    assert sorted(deleted) == sorted(k for k, state in states.items() if state and k not in kept)
    assert unknown == []
