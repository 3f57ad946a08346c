"""What is kept of a stream of augmented images is what would be made again."""

from collections.abc import Callable

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_trials import CPU, finetune, images_of, pretrain
from torch import Tensor

from model.augment.cache import AugmentedCache
from model.config.training import AugmentConfig
from model.data.image_set import split
from model.training.batches import BatchLoader
from model.training.context import LocalContext
from model.training.fit import fit


def counted(made: list[int], value: int, size: int = 10) -> Callable[[], Tensor]:
    def make() -> Tensor:
        made.append(value)
        return torch.full((size,), value, dtype=torch.uint8)

    return make


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=40))
def test_the_answer_is_what_was_asked_for_and_the_limit_holds(asked: list[tuple[str, int]]) -> None:
    kept = AugmentedCache(limit=35)  # three parts of ten bytes
    made: list[int] = []
    stream, since = None, set[int]()
    for name, part in asked:
        if name != stream:
            stream, since = name, set()
        before = len(made)
        value = part + 100 * (name == "b")
        assert kept.get(name, part, counted(made, value)).tolist() == [value] * 10
        # The first three parts since the stream began are kept, no other.
        assert (len(made) == before) == (part in since)
        if len(since) < 3:
            since.add(part)


def test_trials_of_one_stream_augment_once_and_learn_the_same() -> None:
    shared = AugmentedCache()
    one, other = pretrain(), finetune()
    for recipe in (one, other):
        context = LocalContext(augmented=shared)
        alone = LocalContext()
        with_memory = fit(recipe, images_of(), context).weights
        without = fit(recipe, images_of(), alone).weights
        assert all(torch.equal(with_memory[name], without[name]) for name in without)
    loaders = [BatchLoader(images_of(), recipe, 0, 1, CPU, shared) for recipe in (one, other)]
    train = split(images_of(), one.data).train
    first, second = (loader._augmented(torch.from_numpy(train), 1) for loader in loaders)
    assert first.data_ptr() == second.data_ptr()


def test_another_seed_policy_or_image_set_is_another_stream() -> None:
    shared, ids = AugmentedCache(), torch.arange(6)
    recipes = [
        finetune(),
        finetune(seed=1),
        finetune(augment=AugmentConfig(policy="autoaugment-grey")),
        finetune(augment=AugmentConfig(flip=True)),
    ]
    for recipe in recipes:
        with_memory = BatchLoader(images_of(), recipe, 0, 1, CPU, shared)._augmented(ids, 3)
        without = BatchLoader(images_of(), recipe, 0, 1, CPU)._augmented(ids, 3)
        np.testing.assert_array_equal(with_memory, without)
