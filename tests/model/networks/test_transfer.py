import pytest
import torch
from torch import Tensor

from model.config.network import ModelConfig
from model.networks.transfer import load_trunk
from model.networks.uvcgan2 import build_classifier, build_generator

CONFIG = ModelConfig(channels=(4, 8), features=12, embed=8, heads=2, blocks=1, ffn=24)


def _parent() -> dict[str, Tensor]:
    return build_generator(CONFIG, 16, seed=1).state_dict()


def _images() -> Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_child_gives_the_parents_class_tokens():
    parent = build_generator(CONFIG, 16, seed=1)
    child = build_classifier(CONFIG, 16, num_classes=5, seed=2)
    head = {name: value.clone() for name, value in child.head.state_dict().items()}
    load_trunk(child, parent.state_dict())
    assert torch.equal(child.generator.class_token(_images()), parent.class_token(_images()))
    # The decoder moves too, so that the child's checkpoint is a complete generator.
    assert torch.equal(child.generator(_images()), parent(_images()))
    # The head stays new.
    assert all(torch.equal(head[name], value) for name, value in child.head.state_dict().items())


def test_child_owns_its_weights_and_stays_frozen():
    weights = _parent()
    child = build_classifier(CONFIG, 16, num_classes=5, seed=2)
    load_trunk(child, weights)
    for weight in weights.values():
        weight.zero_()
    # Weights are copied, not shared.
    assert child.generator.encoder.entry[0].weight.any()
    # Loading does not thaw the decoder.
    assert not any(p.requires_grad for p in child.generator.decoder.parameters())


def test_generator_takes_a_parent_as_well():
    network = build_generator(CONFIG, 16, seed=2)
    load_trunk(network, _parent())
    assert torch.equal(network.transformer.extra, _parent()["transformer.extra"])


def test_missing_and_unexpected_names_are_told_together():
    weights = _parent()
    weights["colour"] = weights.pop("transformer.extra")
    network = build_generator(CONFIG, 16, seed=2)
    with pytest.raises(ValueError, match="do not fit the network") as error:
        load_trunk(network, weights)
    message = str(error.value)
    # Each side has its names, with shapes, in one line.
    assert "only in the weights: colour 12" in message
    assert "only in the network: transformer.extra 12" in message
    assert "\n" not in message


def test_other_shapes_are_told_with_both_sides_and_nothing_is_loaded():
    other = build_generator(CONFIG.model_copy(update={"features": 24}), 16, seed=1).state_dict()
    network = build_generator(CONFIG, 16, seed=2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="other shape") as error:
        load_trunk(network, other)
    assert "transformer.extra weights 24, network 12" in str(error.value)
    # Long lists end with a count.
    assert " more" in str(error.value)
    # A refused parent leaves no trace, not even in the weights that would fit.
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_more_blocks_than_the_parent_are_refused():
    network = build_classifier(CONFIG.model_copy(update={"blocks": 2}), 16, 5, seed=2)
    with pytest.raises(ValueError, match=r"only in the network: transformer\.blocks\.1\.norm1"):
        load_trunk(network, _parent())
