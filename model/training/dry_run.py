"""Dry runs: a trial's network trained for a moment on noise, to see that it runs and how fast."""

import numpy as np

from model.config.images import SyntheticImages
from model.config.recipe import Recipe
from model.config.training import ScheduleConfig
from model.data.image_set import ImageSet


def dry_run_recipe(recipe: Recipe, epochs: int = 1, steps: int = 1) -> Recipe:
    """The recipe on noise: `epochs` epochs of `steps` whole batches, at a constant rate."""
    constant = ScheduleConfig(warmup_epochs=0, decay_epochs=0)
    train = recipe.train.model_copy(update={"epochs": epochs, "schedule": constant})
    data = SyntheticImages(
        image_size=recipe.data.image_size,
        train_per_class=train.batch_size * steps,
        val_per_class=1,
    )
    return recipe.model_copy(update={"train": train, "data": data})


def random_images(recipe: Recipe) -> ImageSet:
    """Images for a recipe of `dry_run_recipe`, all of one class; the last is held out."""
    assert recipe.data.train_per_class is not None
    count, side = recipe.data.train_per_class + 1, recipe.data.image_size
    images = np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    is_val = np.arange(count) == count - 1
    return ImageSet(images, np.zeros(count, np.int64), is_val, ("noise",), "0" * 16)
