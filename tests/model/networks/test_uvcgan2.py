"""The network: sizes, gradients, initialisation."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.config.network import ModelConfig
from model.networks.uvcgan2 import Generator, build_classifier, build_generator

TINY = ModelConfig(channels=(4, 8, 12), features=12, embed=8, heads=2, blocks=2, ffn=24)


def _images(size: int) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def _count(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters)


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({}, 8_039_577),
        ({"rezero": True}, 8_039_589),
        ({"style_rezero": False}, 8_039_571),
        ({"features": 384, "embed": 384}, 17_286_489),
        ({"channels": (192, 96, 48)}, 8_610_969),
    ],
)
def test_generator_has_the_reference_size(changes: dict[str, Any], parameters: int):
    with torch.device("meta"):
        generator = Generator(ModelConfig(**changes), image_size=64)
    # Equal to the reference implementation; the first is the "8M" of Terentiev & Ivanenko.
    assert _count(generator.parameters()) == parameters


def test_classifier_trains_the_class_path_and_nothing_else():
    classifier = build_classifier(ModelConfig(), image_size=64, num_classes=200, seed=0)
    assert _count(classifier.parameters()) == 8_078_177
    trained = {n: p for n, p in classifier.named_parameters() if p.requires_grad}
    # Decoder, styles and the projection back to pixels are kept but frozen.
    assert _count(trained.values()) == 6_311_096
    nn.functional.cross_entropy(classifier(_images(64)), torch.tensor([0, 1])).backward()
    # DDP waits for the gradient of each trained parameter: none may be missing.
    assert [name for name, parameter in trained.items() if parameter.grad is None] == []
    # Frozen parameters get none.
    assert _count(p for p in classifier.parameters() if p.grad is not None) == 6_311_096


def test_every_parameter_of_the_generator_gets_a_gradient():
    generator = build_generator(TINY, 16, seed=0)
    generator(_images(16)).mean().backward()
    assert [name for name, p in generator.named_parameters() if p.grad is None] == []


def test_classifier_never_runs_the_decoder():
    def refuse(module: nn.Module, _inputs: object) -> None:
        raise AssertionError(f"the decoder ran: {type(module).__name__}")

    network = build_classifier(TINY, 16, num_classes=5, seed=0)
    for module in network.generator.decoder.modules():
        module.register_forward_pre_hook(refuse)
    assert network(_images(16)).shape == (2, 5)
    # The hook does refuse: the generator's own forward runs the decoder.
    with pytest.raises(AssertionError, match="the decoder ran: Decoder"):
        network.generator(_images(16))


def test_with_rezero_the_class_token_starts_blind():
    network = build_generator(TINY.model_copy(update={"rezero": True, "init": "he"}), 16, seed=0)
    first, second = network.class_token(_images(16))
    # At a = 0 nothing flows from pixels to the extra token.
    assert torch.equal(first, second)
    # Without ReZero the image is seen.
    seen = build_generator(TINY.model_copy(update={"init": "he"}), 16, seed=0)
    first, second = seen.class_token(_images(16))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("channels", "size"), [((8, 16), 32), ((8,), 8), ((4, 6, 8, 10), 16), ((12, 8, 4), 24)]
)
def test_other_scales_and_sizes_run(channels: tuple[int, ...], size: int):
    config = TINY.model_copy(update={"channels": channels})
    network = build_generator(config, size, seed=0)
    out = network(_images(size))
    # The output has the input's shape and is an image.
    assert out.shape == (2, 3, size, size)
    assert out.min() > 0
    assert out.max() < 1
    tokens = network.transformer(network.encoder(_images(size))[0])
    # One token for each pixel of the innermost grid, and the extra one.
    assert tokens.shape == (2, (size // 2 ** len(channels)) ** 2 + 1, 12)


def test_image_size_must_halve():
    with pytest.raises(ValueError, match="image_size 20 must be a multiple of 8"):
        Generator(TINY, image_size=20)


def test_autocast_keeps_the_output_in_the_input_precision():
    network = build_generator(TINY, 16, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(_images(16))
    # Grey levels finer than bf16 steps near 1 stay apart.
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, network(_images(16)), atol=0.02, rtol=0)


def _weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Weights of convolutions and linear layers with enough entries for statistics."""
    layers = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    return {name: layer.weight for name, layer in layers.items() if layer.weight.numel() > 5000}


@pytest.mark.parametrize("init", ["uvcgan2", "he"])
def test_normal_init_has_the_spread_of_its_scheme(init: str):
    network = build_classifier(ModelConfig(init=init, blocks=1), 64, num_classes=200, seed=0)
    for name, weight in _weights_of(network).items():
        expected = 0.02 if init == "uvcgan2" else (2 / weight[0].numel()) ** 0.5
        # Convolutions, linear layers, attention's output and the head all follow the scheme.
        assert weight.std().item() == pytest.approx(expected, rel=0.05), name
        assert abs(weight.mean().item()) < 0.1 * expected, name
    # Every bias starts at 0.
    assert not any(p.any() for n, p in network.named_parameters() if n.endswith("bias"))


def test_pytorch_init_is_uniform_with_biases():
    network = build_generator(ModelConfig(init="pytorch", blocks=1), 64, seed=0)
    for name, weight in _weights_of(network).items():
        # kaiming_uniform with a = sqrt(5) fills the interval of half-width 1 / sqrt(fan_in).
        bound = weight[0].numel() ** -0.5
        assert 0.98 * bound < weight.abs().max() <= bound, name
    assert network.encoder.entry[0].bias.any()


@pytest.mark.parametrize("init", ["uvcgan2", "pytorch", "he"])
def test_init_leaves_other_parameters_alone(init: str):
    network = build_generator(ModelConfig(init=init, rezero=True, blocks=1), 64, seed=0)
    block = network.transformer.blocks[0]
    # Attention's packed projection stays Xavier uniform: half-width sqrt(6 / (192 + 3 * 192)).
    assert block.attention.in_proj_weight.abs().max().item() == pytest.approx(0.0884, rel=0.01)
    # The extra token stays N(0, 1); norms and scalars stay 1 and 0.
    assert network.transformer.extra.std().item() == pytest.approx(1, rel=0.2)
    assert torch.equal(block.norm1.weight, torch.ones(192))
    assert block.scale.item() == 0
    assert network.decoder.scales[0].conv1.style.scale.item() == 0


def test_building_depends_on_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build_generator(TINY, 16, seed=5).state_dict()
    # The caller's random state is untouched.
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = build_generator(TINY, 16, seed=5).state_dict()
    # The caller's random state has no influence.
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = build_generator(TINY, 16, seed=6).state_dict()
    # Another seed gives other weights.
    assert not torch.equal(first["transformer.extra"], other["transformer.extra"])


@pytest.mark.parametrize("init", ["uvcgan2", "pytorch", "he"])
def test_classifier_starts_from_the_generator_of_the_same_seed(init: str):
    config = TINY.model_copy(update={"init": init})
    generator = build_generator(config, 16, seed=5).state_dict()
    inside = build_classifier(config, 16, num_classes=5, seed=5).generator.state_dict()
    # The head is drawn last, so the baseline and the pretrained network start alike.
    assert all(torch.equal(generator[name], inside[name]) for name in generator)


def test_head_norm_precedes_the_linear_layer():
    plain = build_classifier(TINY, 16, num_classes=5, seed=0)
    normed = build_classifier(TINY.model_copy(update={"head_norm": True}), 16, 5, seed=0)
    token = plain.generator.class_token(_images(16))
    linear = plain.head[1]
    torch.testing.assert_close(plain(_images(16)), linear(token))
    # Both draw the same weights: a LayerNorm takes no random numbers.
    expected = linear(nn.functional.layer_norm(token, (12,)))
    torch.testing.assert_close(normed(_images(16)), expected)
