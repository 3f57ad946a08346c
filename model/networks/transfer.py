"""Transfer of weights from trial to trial: the whole generator, strictly by name."""

from collections.abc import Mapping

from torch import Tensor

from model.errors import listed
from model.networks.uvcgan2 import Classifier, Generator

_MAX_LISTED = 6


def load_trunk(network: Generator | Classifier, weights: Mapping[str, Tensor]) -> None:
    """Copy a trained generator's weights into `network`, or into the generator it holds.

    As in Terentiev & Ivanenko (2024) all weights move, the decoder's too; a head stays new.

    Args:
        network: changed in place, or not at all if this raises.
        weights: `state_dict()` of a generator, or of a classifier, whose head stays behind; on any
            device.

    Raises:
        ValueError: a name is missing or unexpected, or a shape differs; names both sides.
    """
    generator, weights = network.trunk, _trunk_weights(weights)
    problems = _differences(weights, generator.state_dict())
    if problems:
        raise ValueError(f"the weights do not fit the network: {'; '.join(problems)}")
    generator.load_state_dict(weights)


def network_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's share of an objective's weights, by the network's own names."""
    return _below("network.", weights)  # the attribute that every objective keeps its network in


def _trunk_weights(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A classifier's generator; a generator's weights as they are."""
    return _below("generator.", weights) or weights


def _below(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value.contiguous()
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _differences(weights: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> list[str]:
    """One phrase for each kind of difference, each with its names and shapes."""
    names_by_kind = {
        "only in the weights": [
            f"{name} {_shape(weight)}" for name, weight in weights.items() if name not in network
        ],
        "only in the network": [
            f"{name} {_shape(weight)}" for name, weight in network.items() if name not in weights
        ],
        "other shape": [
            f"{name} weights {_shape(weights[name])}, network {_shape(weight)}"
            for name, weight in network.items()
            if name in weights and weights[name].shape != weight.shape
        ],
    }
    return [
        f"{kind}: {listed(items, _MAX_LISTED, ' | ')}"
        for kind, items in names_by_kind.items()
        if items
    ]


def _shape(weight: Tensor) -> str:
    return "x".join(map(str, weight.shape))
