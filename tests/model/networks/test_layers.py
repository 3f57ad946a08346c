import pytest
import torch
from torch import Tensor, nn

from model.networks.attention import Attention, FourierPositions, TransformerBlock
from model.networks.convolutions import ModulatedConv, Style


def _randomised(layer: nn.Module) -> nn.Module:
    """The layer with every parameter drawn anew, so that none is trivially zero or one."""
    generator = torch.Generator().manual_seed(7)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
    return layer


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def test_positions_run_row_by_row_with_x_down_the_rows():
    positions = FourierPositions(side=3, embed=5)
    # Token 1 is row 0, column 1: x is the row, y the column, both from -1 to 1.
    assert positions.grid[1].tolist() == [-1, 0]
    # The grid is rebuilt from the configuration, so checkpoints do not carry it.
    assert set(positions.state_dict()) == {"projector.weight", "projector.bias"}
    # Features are sines.
    torch.testing.assert_close(positions(), torch.sin(positions.projector(positions.grid)))


def test_positions_of_a_single_token_are_finite():
    # Images as small as the network's stride leave one token.
    assert FourierPositions(side=1, embed=4)().isfinite().all()


def test_attention_equals_torch_multihead_attention():
    ours = _randomised(Attention(features=12, heads=3))
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    # Names and shapes are the same: weights load strictly.
    theirs.load_state_dict(ours.state_dict())
    tokens = _noise(2, 5, 12)
    expected, _ = theirs(tokens, tokens, tokens, need_weights=False)
    torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=1e-5)


def test_attention_starts_like_torch_multihead_attention():
    torch.manual_seed(0)
    ours = Attention(features=12, heads=3)
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(12, 3)
    bound = (6 / (12 + 36)) ** 0.5  # Xavier over the packed (36, 12) matrix
    for weight in (ours.in_proj_weight, theirs.in_proj_weight):
        # The packed projection fills the Xavier interval.
        assert 0.9 * bound < weight.abs().max() <= bound
    # All biases start at 0.
    assert not ours.in_proj_bias.any()
    assert not ours.out_proj.bias.any()


@pytest.mark.parametrize("rezero", [False, True])
def test_block_is_two_pre_norm_residual_branches(rezero: bool):
    block = TransformerBlock(features=8, heads=2, ffn=16, rezero=rezero)
    _randomised(block)
    a = block.scale if rezero else 1.0
    tokens = _noise(2, 3, 8)
    middle = tokens + a * block.attention(block.norm1(tokens))
    expected = middle + a * block.ffn(block.norm2(middle))
    torch.testing.assert_close(block(tokens), expected)


def test_rezero_block_starts_as_the_identity():
    block = TransformerBlock(features=8, heads=2, ffn=16, rezero=True)
    tokens = _noise(2, 3, 8)
    # The learned scalar starts at 0, so no branch speaks yet.
    assert torch.equal(block(tokens), tokens)
    # Without ReZero the scalar is no parameter at all.
    plain = TransformerBlock(8, 2, 16, False)
    assert "scale" not in dict(plain.named_parameters())


def test_style_starts_at_one_only_with_rezero():
    mod = _noise(2, 6)
    # The learned scalar starts at 0: every channel keeps its scale.
    assert torch.equal(Style(6, 4, rezero=True)(mod), torch.ones(2, 4))
    plain = Style(6, 4, rezero=False)
    torch.testing.assert_close(plain(mod), 1 + plain.affine(mod))


def test_modulated_conv_equals_kernels_scaled_image_by_image():
    layer = _randomised(ModulatedConv(6, 4, 5, style_rezero=True))
    x, mod = _noise(3, 4, 7, 7), _noise(3, 6)
    for image, scales, out in zip(x, layer.style(mod), layer(x, mod), strict=True):
        kernel = layer.conv.weight * scales[None, :, None, None]
        norm = (kernel.square().sum((1, 2, 3)) + 1e-6).sqrt()
        # StyleGAN2's formula on the kernel; UVCGANv2 divides the bias by the same norm.
        expected = nn.functional.conv2d(
            image, kernel / norm[:, None, None, None], layer.conv.bias / norm, padding=1
        )
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
