import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision import transforms
from torchvision.transforms import v2

from model.augment import autoaugment as module
from model.augment.autoaugment import augment
from model.config.training import AugmentConfig
from model.rng import Stream, uniform

_POLICY = AugmentConfig()
_NOTHING = AugmentConfig(policy="none")


def _images(num: int, side: int = 16) -> Tensor:
    """Smooth colour gradients with noise, some of low contrast, and one of a single colour."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(num, 3, 3, 3, generator=generator)
    images = torch.nn.functional.interpolate(coarse, side, mode="bilinear") * 235
    images *= torch.linspace(0.2, 1, num)[:, None, None, None]
    images += torch.rand(num, 3, side, side, generator=generator) * 20
    images[-1] = 77
    return images.to(torch.uint8)


class _Script:
    """Stands in for torch.rand and torch.randint: hands out the numbers it is given, in order."""

    def __init__(self, numbers: list[float]) -> None:
        self.numbers = iter(numbers)

    def __call__(self, *_: Any, **__: Any) -> Tensor:
        return torch.tensor(next(self.numbers), dtype=torch.float64)


def _script(transform: v2.AutoAugment, drawn: list[float]) -> _Script:
    """What torchvision will ask for when it makes the draw of a sample: 5 uniform numbers."""
    chosen = int(drawn[0] * len(transform._policies))
    numbers: list[float] = [chosen]
    for (name, chance, _), coin, sign in zip(
        transform._policies[chosen], drawn[1:3], drawn[3:5], strict=True
    ):
        numbers.append(coin)
        # A sign is asked for only where the operation is applied and has one.
        numbers += [sign] if coin <= chance and transform._AUGMENTATION_SPACE[name][1] else []
    return _Script(numbers)


def _one_at_a_time(
    images: Tensor, seed: int, epoch: int, samples: Tensor, fill: int | None = None
) -> Tensor:
    """torchvision's own transform on each image, with the numbers that belong to it."""
    transform = v2.AutoAugment(fill=fill)
    results = []
    for image, drawn in zip(
        images, uniform(seed, Stream.AUGMENT, epoch, samples, 5).tolist(), strict=True
    ):
        script = _script(transform, drawn)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "rand", script)
            patch.setattr(torch, "randint", script)
            results.append(transform(image))
        # torchvision has asked for exactly what was scripted.
        assert next(script.numbers, None) is None
    return torch.stack(results)


def test_equals_torchvision_one_image_at_a_time():
    images, samples = _images(900), torch.arange(900) * 3
    original = images.clone()
    codes = module._draw(module._imagenet("autoaugment"), 4, 2, samples)
    # Every operation of the policy, in both directions, is drawn at least once.
    assert set(codes.flatten().tolist()) == set(
        range(len(module._imagenet("autoaugment").operations) + 1)
    )
    # Not one pixel differs.
    assert torch.equal(
        augment(images, _POLICY, 4, 2, samples), _one_at_a_time(images, 4, 2, samples)
    )
    # The images given are not touched.
    assert torch.equal(images, original)


def test_grey_fill_is_torchvisions():
    images, samples = _images(300), torch.arange(300)
    grey = augment(images, AugmentConfig(policy="autoaugment-grey"), 4, 2, samples)
    # Not one pixel differs from torchvision's transform with that fill.
    assert torch.equal(grey, _one_at_a_time(images, 4, 2, samples, fill=128))
    # Only what was laid bare differs from the black fill: there the one is black, the other grey.
    black = augment(images, _POLICY, 4, 2, samples)
    assert (grey != black).any()
    other = (grey != black).any(dim=(1, 2, 3))
    codes = module._draw(module._imagenet("autoaugment"), 4, 2, samples)
    names = ["", *(operation.name for operation in module._imagenet("autoaugment").operations)]
    moved = [{names[code] for code in pair} & {"Rotate", "ShearX"} for pair in codes.tolist()]
    assert all(moved[at] for at in other.nonzero().flatten().tolist())


def test_operations_are_drawn_as_often_as_the_policy_says():
    codes = module._draw(module._imagenet("autoaugment"), 0, 0, torch.arange(40_000))
    policies = transforms.AutoAugment().policies
    applied = sum(chance for pair in policies for _, chance, _ in pair) / 25
    untouched = sum((1 - pair[0][1]) * (1 - pair[1][1]) for pair in policies) / 25
    # 1.2 operations an image, within four standard errors.
    assert float((codes > 0).double().sum(dim=1).mean()) == pytest.approx(applied, abs=0.015)
    assert float((codes == 0).all(dim=1).double().mean()) == pytest.approx(untouched, abs=0.008)
    names = [operation.name for operation in module._imagenet("autoaugment").operations]
    right, left = ((codes == 1 + at).sum() for at, name in enumerate(names) if name == "ShearX")
    # Both signs of a signed operation come equally often: 960 expected of 40,000 in all.
    assert abs(int(right - left)) < 4 * 960**0.5


def test_table_is_that_of_both_torchvision_generations():
    # The older transform publishes the same 25 pairs.
    assert v2.AutoAugment()._policies == transforms.AutoAugment().policies
    policy = module._imagenet("autoaugment")
    assert policy.chances.shape == (25, 2)
    assert policy.codes.shape == (25, 2, 2)
    # Ten of torchvision's operations occur, none that depends on the image's size.
    assert {name for name, _ in policy.operations} == {
        "AutoContrast", "Color", "Contrast", "Equalize", "Invert", "Posterize", "Rotate",
        "Sharpness", "ShearX", "Solarize",
    }  # fmt: skip


def test_torchvisions_private_parts_are_still_there():
    transform = v2.AutoAugment()
    kernel = inspect.signature(transform._apply_image_or_video_transform)
    # `augment` calls this one with positions only.
    assert list(kernel.parameters) == [
        "image", "transform_id", "magnitude", "interpolation", "fill"
    ]  # fmt: skip
    # Nearest sampling, and no fill colour: black.
    assert module._imagenet("autoaugment").transform.interpolation == v2.InterpolationMode.NEAREST
    assert set(transform._fill.values()) == {None}
    # Magnitude function (bins, height, width) and whether a sign is drawn.
    magnitudes, signed = transform._AUGMENTATION_SPACE["Rotate"]
    assert (float(magnitudes(10, 1, 1)[9]), signed) == (30, True)


@given(
    order=st.permutations(range(24)),
    cut=st.integers(0, 24),
    chunk=st.integers(1, 30),
    flip=st.booleans(),
)
@settings(deadline=None, max_examples=20)
def test_an_image_comes_out_the_same_in_any_batch(order, cut, chunk, flip):
    images, samples = _images(24), torch.arange(24)
    config = AugmentConfig(flip=flip)
    together = augment(images, config, 0, 0, samples)
    order = torch.tensor(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_CPU", chunk)
        parts = [augment(images[at], config, 0, 0, samples[at]) for at in order.tensor_split([cut])]
    # Permuted, cut in two and worked off in other chunks.
    assert torch.equal(torch.cat(parts), together[order])


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1)])
def test_other_seeds_and_epochs_augment_differently(seed, epoch):
    images, samples = _images(200), torch.arange(200)
    here, there = (augment(images, _POLICY, *key, samples) for key in ((0, 0), (seed, epoch)))
    # 17 % of the images are left alone each time, and some share an operation by chance.
    assert float((here != there).flatten(1).any(dim=1).double().mean()) > 0.8


def test_no_policy_returns_the_images_themselves():
    images = _images(3)
    assert augment(images, _NOTHING, 0, 0, torch.arange(3)) is images


def test_flip_mirrors_half_of_the_images_after_the_policy():
    images, samples = _images(400), torch.arange(400)
    plain = augment(images, _POLICY, 0, 0, samples)
    flipped = augment(images, AugmentConfig(flip=True), 0, 0, samples)
    mirrored = uniform(0, Stream.FLIP, 0, samples, 1)[:, 0] < 0.5
    # What the policy made is either mirrored or kept, by a draw of its own.
    assert torch.equal(flipped[mirrored], plain[mirrored].flip(-1))
    assert torch.equal(flipped[~mirrored], plain[~mirrored])
    # About half, within four standard errors.
    assert int(mirrored.sum()) == pytest.approx(200, abs=40)


def test_floats_are_refused():
    with pytest.raises(TypeError, match="needs uint8 images"):
        augment(torch.rand(1, 3, 8, 8), _POLICY, 0, 0, torch.arange(1))


def test_no_images_give_no_images():
    none = torch.zeros(0, 3, 8, 8, dtype=torch.uint8)
    assert augment(none, AugmentConfig(flip=True), 0, 0, torch.arange(0)).shape == none.shape


def test_the_host_never_reads_the_images():
    images = torch.empty(300, 3, 16, 16, dtype=torch.uint8, device="meta")
    # Meta tensors have no data: reading one on the host raises.
    assert augment(images, AugmentConfig(flip=True), 0, 0, torch.arange(300)).is_meta


class _Arrivals(TorchDispatchMode):
    """Counts tensors that come to a device from the CPU."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        found = function(*arguments, **(options or {}))
        given = [each for each in arguments if isinstance(each, Tensor)]
        if isinstance(found, Tensor) and found.is_meta and given:
            self.count += not any(each.is_meta for each in given)
        return found


def test_the_host_sends_a_device_no_more_than_which_images_go_together(monkeypatch):
    images = torch.empty(900, 3, 16, 16, dtype=torch.uint8, device="meta")
    augment(images, _POLICY, 4, 2, torch.arange(900))  # makes the tables
    # A tensor of the host's numbers is a copy that the host waits for on a GPU.
    monkeypatch.setattr(torch, "tensor", None)
    with _Arrivals() as arrivals:
        augment(images, AugmentConfig(flip=True), 4, 2, torch.arange(900))
    # Two operations an image, and the mirrored ones: these do not make it wait.
    assert arrivals.count == 3


@pytest.mark.gpu
def test_a_gpu_augments_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    images, samples = _images(2000, 64), torch.arange(2000)
    on_gpu = augment(images.cuda(), AugmentConfig(flip=True), 0, 0, samples).cpu()
    on_cpu = augment(images, AugmentConfig(flip=True), 0, 0, samples)
    # A GPU may round a blended colour the other way: at most one pixel in a thousand.
    assert float((on_gpu != on_cpu).double().mean()) <= 1e-3
