"""A classifier's answers, image by image. Imports no torch: see `model.epoch_row`."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Answers:
    """The most likely class of each image; n images in the order of their numbers."""

    sample_ids: npt.NDArray[np.int64]
    """(n,) indices of images in their whole set."""
    labels: npt.NDArray[np.uint16]
    """(n,) their classes."""
    predicted: npt.NDArray[np.uint16]
    """(n,) the most likely class."""
    probability: npt.NDArray[np.uint8]
    """(n,) its probability in 255ths, rounded."""
