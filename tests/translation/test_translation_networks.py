"""Shapes, receptive fields by the Jacobian, an identity that is exact, bridges that carry, errors that say why."""

import pytest
import torch
from torch import nn

from course_utils.translation import (
    ResidualTranslator,
    UNet,
    joined,
    patch_discriminator,
    receptive_field,
    translate,
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def reach(network, image_shape):
    """(first, last) row and column of the input on which the middle output depends, by the Jacobian."""
    network = network.double()
    x = torch.randn(1, *image_shape, dtype=torch.float64, requires_grad=True)
    out = network(x)
    (gradient,) = torch.autograd.grad(out[0, 0, out.shape[2] // 2, out.shape[3] // 2], x)
    touched = gradient.reshape(-1, *image_shape[-2:]).abs().sum(0) > 0
    rows, columns = touched.any(1).nonzero().flatten(), touched.any(0).nonzero().flatten()
    assert touched[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "a full square"
    return len(rows), len(columns)


@pytest.mark.parametrize(("n_halvings", "field"), [(1, 6), (2, 16), (3, 36)])
def test_the_receptive_field_by_the_jacobian(n_halvings, field):
    network = patch_discriminator((3, 64, 64), width=4, n_halvings=n_halvings)
    assert receptive_field(network) == field
    assert reach(network, (3, 64, 64)) == (field, field)


def strided(*layers):
    return nn.Sequential(*(nn.Conv2d(a, b, k, stride=s, padding=1) for a, b, k, s in layers))


def test_the_papers_patches_have_70_pixels():
    """Isola and others (2017), appendix 6.1.2: C64-C128-C256-C512, 4×4 kernels, the last two of stride 1."""
    network = strided((3, 2, 4, 2), (2, 2, 4, 2), (2, 2, 4, 2), (2, 2, 4, 1), (2, 1, 4, 1))
    assert receptive_field(network) == 70
    assert receptive_field(strided((3, 2, 4, 2), (2, 2, 4, 1), (2, 1, 4, 1))) == 16, "their 16×16 one"
    assert reach(network, (3, 256, 256)) == (70, 70)


def test_the_receptive_field_of_single_layers():
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())) == 1
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2))) == 5
    with pytest.raises(ValueError, match=r"got Linear"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"square convolutions.*got Conv2d"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, (3, 1))))
    with pytest.raises(ValueError, match=r"square convolutions.*got Conv2d"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3, stride=(2, 1))))


@pytest.mark.parametrize("image_shape", [(24, 24), (3, 24, 32), (4, 24, 24)])
def test_a_verdict_for_each_patch(image_shape):
    logits = patch_discriminator(image_shape, width=4)(torch.rand(5, *image_shape))
    assert logits.shape == (5, 1, image_shape[-2] // 4, image_shape[-1] // 4)


def test_a_patch_discriminator_by_hand():
    network = patch_discriminator((3, 8, 8), width=2)
    first, second, last = (layer for layer in network if isinstance(layer, nn.Conv2d))
    assert (first.out_channels, second.out_channels) == (2, 4)
    x = torch.rand(5, 3, 8, 8)
    unshuffle, leaky = nn.functional.pixel_unshuffle, nn.LeakyReLU(0.2)
    torch.testing.assert_close(network(x), last(leaky(second(unshuffle(leaky(first(unshuffle(x, 2))), 2)))))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(("source", "target"), [((24, 24), (3, 24, 24)), ((3, 16, 24), (16, 24))])
def test_a_unet_makes_images_of_the_target_shape(source, target, depth):
    network = UNet(source, target, width=4, depth=depth)
    made = network(torch.rand(5, *source))
    assert made.shape == (5, *target)
    assert 0 < made.min() < made.max() < 1


def test_every_resolution_of_a_unet_reaches_the_output():
    """A number changed in any of the encoder's maps, the bottleneck's too, changes the picture."""
    network = UNet((24, 24), (3, 24, 24), width=4).eval()
    x = torch.rand(2, 24, 24)
    before = network(x)
    for layer in network.down:
        with torch.no_grad():
            layer[1].bias += 1.0
            assert (network(x) - before).abs().max() > 1e-4
            layer[1].bias -= 1.0
    with torch.no_grad():  # nothing from the lower resolutions: the bridge at the highest is left
        for part in network.up[-1].parameters():
            part.zero_()
    first, second = network(x)
    assert (first - second).abs().max() > 1e-3


def normalised(x):
    """What an untrained batch norm makes of a batch, (batch, channels, height, width)."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def test_a_unet_by_hand():
    """Depth 2, written out."""
    network = UNet((8, 8), (3, 8, 8), width=2, depth=2)
    x = torch.rand(3, 8, 8)[:, None]
    shuffle, unshuffle, leaky = nn.functional.pixel_shuffle, nn.functional.pixel_unshuffle, nn.LeakyReLU(0.2)
    top = leaky(normalised(network.down[0][1](unshuffle(x, 2))))
    bottom = leaky(normalised(network.down[1][1](unshuffle(top, 2))))
    middle = torch.cat([leaky(shuffle(normalised(network.up[0][0](bottom)), 2)), top], 1)
    fine = torch.cat([leaky(shuffle(normalised(network.up[1][0](middle)), 2)), x], 1)
    torch.testing.assert_close(network(x[:, 0]), torch.sigmoid(network.output[0](fine)))


@pytest.mark.parametrize("image_shape", [(24, 24), (3, 16, 24)])
def test_an_untrained_residual_translator_changes_nothing(image_shape):
    network = ResidualTranslator(image_shape, width=4)
    images = torch.rand(5, *image_shape)
    assert torch.equal(network(images), images)
    made = network(images)
    made.sum().backward()
    last = network.change[-2]
    assert last.weight.grad.abs().sum() > 0, "and yet it can learn"


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_a_residual_translator_by_hand(n_blocks):
    network = ResidualTranslator((8, 8), width=3, n_blocks=n_blocks)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    first, *between, last = convolutions
    assert len(between) == 2 * n_blocks
    nn.init.normal_(last.weight)
    images = torch.rand(5, 8, 8)
    x = torch.relu(first(nn.functional.pixel_unshuffle(images[:, None], 2)))
    for one, two in zip(between[::2], between[1::2], strict=True):
        x = torch.relu(x + two(torch.relu(one(x))))
    change = nn.functional.pixel_shuffle(last(x), 2)[:, 0]
    assert change.abs().mean() > 0.1
    torch.testing.assert_close(network(images), images + change)


def test_translate_is_in_bounds_and_leaves_the_network_as_it_was():
    class Doubled(nn.Dropout):
        def forward(self, x):
            return super().forward(2 * x - 0.5)

    network = Doubled(0.5)
    images = torch.rand(600, 3, 4, 4, requires_grad=True)
    made = translate(network, images)
    torch.testing.assert_close(made, (2 * images - 0.5).clamp(0, 1).detach())
    assert not made.requires_grad
    assert network.training
    assert not network.eval().training
    translate(network, images)
    assert not network.training


def test_joined():
    grey, colour = torch.rand(5, 8, 6), torch.rand(5, 3, 8, 6)
    both = joined(grey, colour)
    assert torch.equal(both[:, 0], grey)
    assert torch.equal(both[:, 1:], colour)
    assert joined(grey).shape == (5, 1, 8, 6)
    for shape in ((4, 3, 8, 6), (5, 3, 9, 6), (5, 3, 8, 7), (5, 8)):
        with pytest.raises(ValueError, match="images must be equally many, and of equal height and width"):
            joined(grey, torch.rand(shape))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="source_shape and target_shape must have equal height and width"):
        UNet((24, 24), (3, 32, 32))
    with pytest.raises(ValueError, match=r"source_shape must be .* divisible by 8, got \(28, 28\)"):
        UNet((28, 28), (3, 28, 28))
    with pytest.raises(ValueError, match=r"target_shape must be .* divisible by 8, got \(3, 28, 28\)"):
        UNet((24, 24), (3, 28, 28))
    with pytest.raises(ValueError, match=r"image_shape must be .* divisible by 2, got \(3, 25, 24\)"):
        ResidualTranslator((3, 25, 24))
    with pytest.raises(ValueError, match=r"image_shape must be .* divisible by 2, got \(3, 24, 25\)"):
        ResidualTranslator((3, 24, 25))
    with pytest.raises(ValueError, match=r"image_shape must be .* divisible by 4, got \(26, 26\)"):
        patch_discriminator((26, 26))
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        UNet((24, 24), (3, 24, 24), depth=0)
    for network, shape in (
        (UNet((24, 24), (3, 24, 24)), "24, 24"),
        (ResidualTranslator((3, 8, 8)), "3, 8, 8"),
    ):
        with pytest.raises(
            ValueError, match=rf"images must have shape \(batch, {shape}\), got \(2, 3, 4, 4\)"
        ):
            network(torch.rand(2, 3, 4, 4))
