"""A classifier's answers, image by image."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from model.answers import Answers
from model.training.batches import LocalBatch, SampleIds


@torch.inference_mode()
def answers(
    network: nn.Module, batches: Iterable[LocalBatch], sample_ids: SampleIds, world_size: int
) -> Answers:
    """Ask a classifier about held-out images; every worker gets all answers.

    Args:
        network: in eval mode; (N, 3, S, S) -> logits (N, classes).
        batches: this worker's part of the images.
        sample_ids: (n,) all of them.
    """
    # Of each image: label, class, probability. Another worker's rows stay 0, so that sums are all.
    rows = torch.zeros(len(sample_ids), 3, dtype=torch.int64)
    places = {int(sample): place for place, sample in enumerate(sample_ids)}
    for part in batches:
        at = [places[int(sample)] for sample in part.batch.sample_ids]
        rows[at] = _answers(network, part).cpu()
    device = next(network.parameters()).device
    rows = rows.to(device)
    if world_size > 1:
        torch.distributed.all_reduce(rows)
    labels, predicted, probability = rows.cpu().numpy().T
    return Answers(
        sample_ids,
        labels.astype(np.uint16),
        predicted.astype(np.uint16),
        probability.astype(np.uint8),
    )


def _answers(network: nn.Module, part: LocalBatch) -> Tensor:
    """(N, 3) int64: label, most likely class, its probability in 255ths."""
    shares = network(part.batch.images).float().softmax(dim=1)
    probability, predicted = shares.max(dim=1)
    return torch.stack((part.batch.labels, predicted, (probability * 255).round().long()), dim=1)
