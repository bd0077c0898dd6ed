"""Generators and discriminators: shapes, counts known from elsewhere, first weights, priors."""

import math

import pytest
import torch
from torch import nn

from course_utils.gan import (
    LatentGenerator,
    conv_discriminator,
    dcgan_discriminator,
    dcgan_generator,
    dcgan_weights,
    pixelshuffle_generator,
)
from course_utils.networks import mlp

SHAPES = [(side, side) for side in (28, 32, 64)] + [(n, side, side) for n in (1, 3) for side in (28, 32, 64)]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pairs(shape):
    yield dcgan_generator(shape, 5, width=4), dcgan_discriminator(shape, width=4)
    yield pixelshuffle_generator(shape, 5, width=4), conv_discriminator(shape, width=4)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape):
    for generator, discriminator in pairs(shape):
        images = generator.sample(3, generator=seeded())
        assert images.shape == (3, *shape)
        assert images.min() >= 0
        assert images.max() <= 1
        assert not images.requires_grad
        assert discriminator(images).shape == (3, 1)
        assert torch.equal(images, generator.sample(3, generator=seeded()))
        assert not torch.equal(images, generator.sample(3, generator=seeded(1)))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_is_made_and_seen(shape):
    for generator, discriminator in pairs(shape):
        generator.double().eval()
        z = torch.randn(16, 5, dtype=torch.float64)  # several: at one z a corner may see inactive units only
        shift = torch.zeros(5, dtype=torch.float64)
        by_z = torch.func.jacfwd(lambda shift, g=generator, z=z: g(z + shift))(shift)  # (16, *shape, 5)
        assert (by_z != 0).any(-1).any(0).all(), "each pixel can change"
        assert (by_z != 0).flatten(0, -2).any(0).all(), "each number of z matters"
        discriminator.double().eval()
        images = torch.rand(2, *shape, dtype=torch.float64)
        by_pixel = torch.autograd.functional.jacobian(lambda x, d=discriminator: d(x)[0], images)[0]
        assert (by_pixel[0] != 0).all()
        assert (by_pixel[1] == 0).all(), "not by other images, in evaluation mode"


def test_the_published_dcgan_has_its_number_of_weights():
    """The counts that PyTorch's own DCGAN example prints for 64×64 colour images."""
    assert sum(weight.numel() for weight in dcgan_generator((3, 64, 64)).parameters()) == 3_576_704
    assert sum(weight.numel() for weight in dcgan_discriminator((3, 64, 64)).parameters()) == 2_765_568


def kinds(network):
    return [type(layer) for layer in network if not isinstance(layer, nn.Flatten | nn.Unflatten)]


def test_the_published_dcgan_has_its_layers():
    up = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds(dcgan_generator((28, 28)).network) == 2 * up + [nn.ConvTranspose2d, nn.Sigmoid]
    assert kinds(dcgan_generator((3, 64, 64)).network) == 4 * up + [nn.ConvTranspose2d, nn.Sigmoid]
    down = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds(dcgan_discriminator((32, 32))) == [nn.Conv2d, nn.LeakyReLU, *2 * down, nn.Conv2d]
    slopes = {layer.negative_slope for layer in dcgan_discriminator((32, 32)) if type(layer) is nn.LeakyReLU}
    assert slopes == {0.2}


@pytest.mark.parametrize(
    "make", [lambda: dcgan_generator((28, 28)).network, lambda: dcgan_discriminator((28, 28))]
)
def test_the_first_weights_of_dcgan(make):
    network = make()
    assert dcgan_weights(network) is network
    for layer in network:
        for mean, kind in [(0.0, nn.Conv2d | nn.ConvTranspose2d), (1.0, nn.BatchNorm2d)]:
            if isinstance(layer, kind):
                weight, n = layer.weight.detach(), layer.weight.numel()
                assert float(weight.mean()) == pytest.approx(mean, abs=5 * 0.02 / math.sqrt(n))
                assert float(weight.std()) == pytest.approx(0.02, rel=5 / math.sqrt(2 * n))
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.bias == 0).all()


@pytest.mark.parametrize("make", [dcgan_generator, dcgan_discriminator])
@pytest.mark.parametrize("shape", [(30, 30), (28, 32), (28,), (1, 3, 28, 28)])
def test_sides_that_dcgan_does_not_make(make, shape):
    with pytest.raises(ValueError, match=r"the side 28, 32 or 64, got \("):
        make(shape)


@pytest.mark.parametrize("make", [dcgan_generator, pixelshuffle_generator])
def test_bad_sizes(make):
    with pytest.raises(ValueError, match=r"latent_dim must be at least 1, got 0"):
        make((28, 28), 0)
    with pytest.raises(ValueError, match=r"width must be at least 1, got 0"):
        make((28, 28), width=0)


# The latent generator


@pytest.mark.parametrize(
    ("prior", "moments"),
    [("normal", {1: 0, 2: 1, 3: 0, 4: 3}), ("uniform", {1: 0, 2: 1 / 3, 3: 0, 4: 1 / 5})],
)
def test_the_priors_by_their_moments(prior, moments):
    n = 50_000
    generator = LatentGenerator(nn.Linear(2, 1).double(), 2, prior=prior)
    z = generator.draw_z(n, generator=seeded())
    assert z.shape == (n, 2)
    assert z.dtype == torch.float64
    for power, moment in moments.items():
        error = 5 * z.pow(power).std(0).max() / math.sqrt(n)
        torch.testing.assert_close(
            z.pow(power).mean(0), torch.full((2,), moment).double(), atol=error, rtol=0
        )
    assert abs(torch.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(n)
    if prior == "uniform":
        assert z.abs().max() <= 1
        assert z.abs().max() > 0.999
    assert torch.equal(z, generator.draw_z(n, generator=seeded()))


def test_samples_are_made_in_batches():
    sizes = []

    class Spy(nn.Module):
        def forward(self, z):
            sizes.append(len(z))
            return 2 * z

    generator = LatentGenerator(Spy(), 3)
    samples = generator.sample(2_500, generator=seeded())
    assert sizes == [250] * 10
    assert torch.equal(samples, 2 * generator.draw_z(2_500, generator=seeded()))


def test_samples_are_made_in_evaluation_mode_which_then_ends():
    generator = LatentGenerator(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), 2)
    generator(generator.draw_z(50))  # the batch norm has seen something
    before = [buffer.clone() for buffer in generator.buffers()]
    samples = generator.sample(5, generator=seeded())
    assert generator.training
    assert all(torch.equal(a, b) for a, b in zip(before, generator.buffers(), strict=True))
    assert torch.equal(samples[:2], generator.sample(2, generator=seeded())), "not normalised over the batch"
    generator.eval()
    assert torch.equal(samples, generator.sample(5, generator=seeded()))
    assert not generator.training


def test_errors_of_the_latent_generator():
    generator = LatentGenerator(mlp([2, 3]), 2)
    with pytest.raises(ValueError, match=r"prior must be one of 'normal', 'uniform', got 'cauchy'"):
        LatentGenerator(mlp([2, 3]), 2, prior="cauchy")
    with pytest.raises(ValueError, match=r"latent_dim must be at least 1, got 0"):
        LatentGenerator(mlp([2, 3]), 0)
    for z in (torch.zeros(4, 3), torch.zeros(2)):
        with pytest.raises(ValueError, match=r"z must have shape \(batch, 2\), got"):
            generator(z)
    with pytest.raises(ValueError, match=r"n_samples must be at least 1, got 0"):
        generator.sample(0)
