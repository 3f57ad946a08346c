"""How many trials fit a cluster: by table, and against a placement tried out step by step."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from orchestrator.cluster.allotment import Allotment, Node, Room, allot
from orchestrator.cluster.gpu_sharing import most_on_one
from orchestrator.study.runtime import Runtime

LAPTOP = [Node(2, 0.0)]
GPU_BOX = [Node(8, 2.0)]
MIXED = [Node(4, 0.0), Node(16, 4.0), Node(3, 1.0)]


def runtime(**fields: Any) -> Runtime:
    return Runtime.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "nodes", "expected"),
    [
        # fields, nodes -> executor, trials at once, workers, CPUs and GPUs of a worker
        ({}, LAPTOP, ("inline", 2, 1, 1, 0.0)),
        ({"executor": "train"}, LAPTOP, ("train", 2, 1, 1, 0.0)),
        ({"executor": "inline"}, LAPTOP, ("inline", 2, 1, 1, 0.0)),
        ({"num_workers": 2}, LAPTOP, ("train", 1, 2, 1, 0.0)),
        ({"cpus_per_worker": 2}, LAPTOP, ("inline", 1, 1, 2, 0.0)),
        ({"max_concurrent": 1}, LAPTOP, ("inline", 1, 1, 1, 0.0)),
        ({"max_concurrent": 9}, LAPTOP, ("inline", 2, 1, 1, 0.0)),
        # A worker takes a GPU where there is any; the GPUs are then what runs out.
        ({}, GPU_BOX, ("inline", 2, 1, 1, 1.0)),
        ({"gpus_per_worker": 0}, GPU_BOX, ("inline", 8, 1, 1, 0.0)),
        ({"gpus_per_worker": 2}, GPU_BOX, ("inline", 1, 1, 1, 2.0)),
        ({"cpus_per_worker": 5}, GPU_BOX, ("inline", 1, 1, 5, 1.0)),
        # A share never spans two GPUs: 0.4 fits twice on each.
        ({"gpus_per_worker": 0.5}, GPU_BOX, ("inline", 4, 1, 1, 0.5)),
        ({"gpus_per_worker": 0.4}, GPU_BOX, ("inline", 4, 1, 1, 0.4)),
        ({"gpus_per_worker": 0.6}, GPU_BOX, ("inline", 2, 1, 1, 0.6)),
        ({"gpus_per_worker": 0.1}, GPU_BOX, ("inline", 8, 1, 1, 0.1)),
        ({"gpus_per_worker": 0.1}, [Node(99, 2.0)], ("inline", 20, 1, 1, 0.1)),
        ({"gpus_per_worker": 1 / 49}, [Node(99, 1.0)], ("inline", 49, 1, 1, 1 / 49)),
        # The same in trials instead of shares; a probe's finding counts only where it was asked for.
        ({"trials_per_gpu": 2}, GPU_BOX, ("inline", 4, 1, 1, 0.5)),
        ({"trials_per_gpu": 3}, [Node(99, 2.0)], ("inline", 6, 1, 1, 1 / 3)),
        ({"trials_per_gpu": 3}, LAPTOP, ("inline", 2, 1, 1, 0.0)),
        ({"trials_per_gpu": "auto"}, GPU_BOX, ("inline", 2, 1, 1, 1.0)),
        # A trial's workers may lie on several nodes, one worker may not.
        ({"num_workers": 3}, MIXED, ("train", 1, 3, 1, 1.0)),
        ({"num_workers": 5}, MIXED, ("train", 1, 5, 1, 1.0)),
        ({"num_workers": 5, "gpus_per_worker": 0}, MIXED, ("train", 4, 5, 1, 0.0)),
        ({"cpus_per_worker": 4, "gpus_per_worker": 0}, MIXED, ("inline", 5, 1, 4, 0.0)),
        ({"num_workers": 2}, [Node(1, 0.0), Node(1, 0.0)], ("train", 1, 2, 1, 0.0)),
    ],
)  # fmt: skip
def test_a_local_cluster_is_used_in_full(
    fields: dict[str, Any], nodes: list[Node], expected: tuple[Any, ...]
) -> None:
    # Numbers worked out by hand.
    assert allot(runtime(**fields), Room(nodes, local=True)) == Allotment(*expected)


def test_a_probe_says_how_many_share_a_gpu_where_it_was_asked() -> None:
    found = allot(runtime(trials_per_gpu="auto"), Room(GPU_BOX, local=True), sharing=4)
    assert (found.concurrent, found.gpus_per_worker) == (8, 0.25)
    fewer = allot(runtime(trials_per_gpu=8), Room(GPU_BOX, local=True), sharing=2)
    assert (fewer.concurrent, fewer.gpus_per_worker) == (4, 0.5)


@pytest.mark.parametrize(
    ("nodes", "cpus", "trials", "most"),
    [
        ([Node(16, 1.0)], 1, 19, 16),
        ([Node(16, 1.0)], 2, 19, 8),
        ([Node(16, 1.0)], 1, 3, 3),  # no more than there are
        ([Node(8, 8.0)], 1, 99, 1),  # eight processors: one for each GPU
        ([Node(16, 8.0)], 1, 99, 2),
        ([Node(16, 8.0)], 1, 9, 2),
        ([Node(16, 8.0)], 1, 8, 1),  # each has a GPU of its own
        ([Node(4, 8.0)], 1, 99, 1),
        ([Node(64, 2.0), Node(8, 4.0)], 1, 99, 2),  # the node with the fewest processors a GPU
        ([Node(64, 0.0), Node(8, 1.0)], 1, 99, 8),
        ([Node(64, 0.0), Node(64, 0.5)], 1, 99, None),
    ],
)
def test_trials_do_not_crowd_on_one_gpu_while_another_idles(
    nodes: list[Node], cpus: int, trials: int, most: int | None
) -> None:
    assert most_on_one(nodes, cpus, trials) == most


@pytest.mark.parametrize("fields", [{}, {"num_workers": 2}, {"executor": "train"}])
def test_on_a_remote_cluster_every_trial_is_a_train_job(fields: dict[str, Any]) -> None:
    # The driver's machine has no part in the training.
    assert allot(runtime(**fields), Room(MIXED, local=False)).executor == "train"


@pytest.mark.parametrize(
    ("fields", "nodes", "needs", "there_is"),
    [
        ({"num_workers": 3}, LAPTOP, "3 workers of 1 CPUs", "2 CPUs + 0 GPUs, room for 2 "),
        ({"cpus_per_worker": 3}, LAPTOP, "1 workers of 3 CPUs + 0 GPUs", "room for 0 "),
        ({"gpus_per_worker": 1}, LAPTOP, "1 workers of 1 CPUs + 1 GPUs", "room for 0 "),
        ({"gpus_per_worker": 0.5}, LAPTOP, "of 1 CPUs + 0.5 GPUs", "2 CPUs + 0 GPUs, room for 0 "),
        ({"gpus_per_worker": 3}, GPU_BOX, "of 1 CPUs + 3 GPUs", "8 CPUs + 2 GPUs, room for 0 "),
        (
            {"num_workers": 2, "cpus_per_worker": 2}, [Node(3, 0.0), Node(1, 0.0)],
            "2 workers of 2 CPUs", "3 CPUs + 0 GPUs, 1 CPUs + 0 GPUs, room for 1 ",
        ),
        ({"num_workers": 6}, MIXED, "6 workers of 1 CPUs + 1 GPUs", "room for 5 "),
        ({}, [], "1 workers of 1 CPUs + 0 GPUs", "have no node, room for 0 "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_what_there_is(
    fields: dict[str, Any], nodes: list[Node], needs: str, there_is: str
) -> None:
    for local in (True, False):
        with pytest.raises(InputError) as caught:
            allot(runtime(**fields), Room(nodes, local))
        message = str(caught.value)
        # What a trial needs, what the nodes have, and which fields to change, on one line.
        assert needs in message
        assert there_is in message
        assert "runtime.num_workers, cpus_per_worker, gpus_per_worker" in message
        assert "\n" not in message


@pytest.mark.parametrize(
    ("fields", "local", "told"),
    [
        ({}, False, "1 workers a trial on a remote cluster"),
        ({"num_workers": 2}, True, "2 workers a trial on a local cluster"),
        ({"num_workers": 2}, False, "2 workers a trial on a remote cluster"),
    ],
)
def test_inline_is_refused_where_it_cannot_be(
    fields: dict[str, Any], local: bool, told: str
) -> None:
    with pytest.raises(InputError, match=rf"'inline' .*{told}; choices: auto, train"):
        allot(runtime(executor="inline", **fields), Room([Node(8, 0.0)], local))


@pytest.mark.parametrize("gpus", [1.5, 2.25])
def test_a_share_above_one_gpu_is_refused(gpus: float) -> None:
    with pytest.raises(InputError, match=re.escape(f"gpus_per_worker: {gpus}: ")):
        allot(runtime(gpus_per_worker=gpus), Room(GPU_BOX, local=True))


def test_a_worker_asks_for_no_gpu_that_it_does_not_use() -> None:
    # Ray would otherwise look for a node with GPUs.
    assert Allotment("train", 1, 1, 2, 0.0).worker_resources == {"CPU": 2.0}
    assert Allotment("train", 1, 1, 2, 0.5).worker_resources == {"CPU": 2.0, "GPU": 0.5}


def places(nodes: list[Node], cpus: int, hundredths: int) -> int:
    """Workers that can be put down one by one, each GPU counted in hundredths of itself."""
    count = 0
    for node in nodes:
        free_cpus, free_gpus = node.cpus, [100] * int(node.gpus)
        while free_cpus >= cpus:
            whole, share = divmod(hundredths, 100)
            untouched = [index for index, free in enumerate(free_gpus) if free == 100]
            partly = [index for index, free in enumerate(free_gpus) if free >= share]
            if len(untouched) < whole or (share and not partly):
                break
            for index in untouched[:whole]:
                free_gpus[index] = 0
            if share:
                free_gpus[partly[0]] -= share
            free_cpus -= cpus
            count += 1
    return count


NODES = st.lists(st.builds(Node, st.integers(0, 12), st.integers(0, 4).map(float)), max_size=4)


@given(
    nodes=NODES,
    workers=st.integers(1, 6),
    cpus=st.integers(1, 4),
    hundredths=st.integers(1, 100) | st.sampled_from([0, 200, 300]),
    limit=st.none() | st.integers(1, 5),
)
def test_every_worker_has_a_place_and_none_is_left_over(
    nodes: list[Node], workers: int, cpus: int, hundredths: int, limit: int | None
) -> None:
    asked = runtime(
        num_workers=workers, cpus_per_worker=cpus, gpus_per_worker=hundredths / 100,
        max_concurrent=limit,
    )  # fmt: skip
    if 0 < hundredths < 100 and workers > 1:  # NCCL refuses two ranks on one GPU
        with pytest.raises(InputError, match="cannot share a GPU"):
            allot(asked, Room(nodes, local=False))
        return
    room = places(nodes, cpus, hundredths)
    if room < workers:
        with pytest.raises(InputError, match=f"room for {room} such workers"):
            allot(asked, Room(nodes, local=False))
        return
    found = allot(asked, Room(nodes, local=False))
    # All trials' workers fit at the same time: none ever waits while it holds something.
    assert found.concurrent * workers <= room
    # One trial more would not fit, or was not wanted.
    assert (found.concurrent + 1) * workers > room or found.concurrent == limit
