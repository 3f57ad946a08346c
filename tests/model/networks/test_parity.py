"""The network's numbers against the reference implementation's, stage by stage."""

import numpy as np
import pytest
import torch
from checkout import GOLDEN
from torch import Tensor

from model.config.network import ModelConfig
from model.networks.uvcgan2 import Generator

GOLDEN_FILE = GOLDEN / "uvcgan2_small_rezero0.npz"

# Names of the reference's parts, one scale deep, and ours.
SCALE_NAMES = {
    "conv.block.block.1": "encoder.scales.{k}.convs.0",
    "conv.block.block.4": "encoder.scales.{k}.convs.2",
    "conv.downsample": "encoder.scales.{k}.down",
    "deconv.upsample.1": "decoder.scales.{j}.up",
    "deconv.block.style_block1.affine_mod": "decoder.scales.{j}.conv1.style.affine",
    "deconv.block.style_block1.re_alpha": "decoder.scales.{j}.conv1.style.scale",
    "deconv.block.conv_block1.conv": "decoder.scales.{j}.conv1.conv",
    "deconv.block.style_block2.affine_mod": "decoder.scales.{j}.conv2.style.affine",
    "deconv.block.style_block2.re_alpha": "decoder.scales.{j}.conv2.style.scale",
    "deconv.block.conv_block2.conv": "decoder.scales.{j}.conv2.conv",
}
TRANSFORMER_NAMES = {
    "extra_tokens": "transformer.extra",
    "trans_input.embed.projector": "transformer.positions.projector",
    "trans_input.output": "transformer.entry",
    "encoder.encoder.": "transformer.blocks.",
    ".atten.": ".attention.",
    ".ffn.net.": ".ffn.",
    "trans_output": "decoder.entry",
}


def _our_name(name: str) -> str:
    """Our name of one of the reference's parameters; each `inner_module` is one scale deeper."""
    if not name.startswith("net.modnet."):
        return name.replace("net.layer_input", "encoder.entry").replace(
            "net.layer_output", "decoder.exit"
        )
    depth = name.count("inner_module")
    name = name.removeprefix("net.modnet.").replace("inner_module.", "")
    names = TRANSFORMER_NAMES if depth == 3 else SCALE_NAMES
    for theirs, ours in names.items():
        name = name.replace(theirs, ours.format(k=depth, j=2 - depth))
    return name


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN_FILE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def reference(golden: dict[str, Tensor]) -> Generator:
    """Our generator with the golden file's weights."""
    config = ModelConfig(channels=(6, 12, 24), features=24, embed=24, heads=2, blocks=2, ffn=96)
    network = Generator(config, image_size=32)
    weights = {
        _our_name(key.removeprefix("w:")): value
        for key, value in golden.items()
        if key.startswith("w:") and not key.endswith("_const")  # the grid, which we rebuild
    }
    weights["transformer.extra"] = weights["transformer.extra"].flatten()  # (1, 1, 24) there
    network.load_state_dict(weights)
    return network.requires_grad_(False)


def _stages(network: Generator, images: Tensor) -> dict[str, Tensor]:
    """What the golden file holds, by its names."""
    grid, skips = network.encoder(images)
    tokens = network.transformer(grid)
    return {
        **{f"skip{k}": skip for k, skip in enumerate(skips)},
        "bottleneck_in": grid,
        "posenc": network.transformer.positions()[None],
        "tokens_in": network.transformer.embed(grid),
        "vit_img": network.decoder.grid(tokens[:, :-1]),
        "mod": network.class_token(images),
        "y": network(images),
    }


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_stage_equals_the_reference(
    reference: Generator, golden: dict[str, Tensor], memory_format: torch.memory_format
):
    stages = _stages(reference, golden["x"].contiguous(memory_format=memory_format))
    # Nothing in the golden file is left out.
    assert set(stages) | {"x"} == {key for key in golden if not key.startswith("w:")}
    for name, value in stages.items():
        torch.testing.assert_close(
            value, golden[name], atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
