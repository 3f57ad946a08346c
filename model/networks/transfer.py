"""Transfer of weights from a parent: the whole generator, strictly by name."""

from collections.abc import Mapping

from torch import Tensor

from model.errors import listed
from model.networks.uvcgan2 import Classifier, Generator

_MAX_LISTED = 6


def load_parent_weights(network: Generator | Classifier, weights: Mapping[str, Tensor]) -> None:
    """Copy a pretrained generator's weights into `network`, or into the generator it holds.

    As in Terentiev & Ivanenko (2024) all weights move, the decoder's too; a head stays new.

    Args:
        network: changed in place, or not at all if this raises.
        weights: `state_dict()` of the parent's generator, on any device.

    Raises:
        ValueError: a name is missing or unexpected, or a shape differs; names both sides.
    """
    generator = network.trunk
    problems = _differences(weights, generator.state_dict())
    if problems:
        raise ValueError(f"the parent's weights do not fit the network: {'; '.join(problems)}")
    generator.load_state_dict(weights)


def _differences(parent: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> list[str]:
    """One phrase for each kind of difference, each with its names and shapes."""
    names_by_kind = {
        "only in the parent": [
            f"{name} {_shape(weight)}" for name, weight in parent.items() if name not in network
        ],
        "only in the network": [
            f"{name} {_shape(weight)}" for name, weight in network.items() if name not in parent
        ],
        "other shape": [
            f"{name} parent {_shape(parent[name])}, network {_shape(weight)}"
            for name, weight in network.items()
            if name in parent and parent[name].shape != weight.shape
        ],
    }
    return [
        f"{kind}: {listed(items, _MAX_LISTED, ' | ')}"
        for kind, items in names_by_kind.items()
        if items
    ]


def _shape(weight: Tensor) -> str:
    return "x".join(map(str, weight.shape))
