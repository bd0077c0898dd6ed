"""Networks of the two players: a generator that can be sampled, DCGAN as published, and a faster pair for CPUs."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from course_utils.networks import apply_in_batches, check_image_shape, conv_encoder
from course_utils.validation import check_choice, check_count

__all__ = [
    "LatentGenerator",
    "conv_discriminator",
    "dcgan_discriminator",
    "dcgan_generator",
    "dcgan_weights",
    "pixelshuffle_generator",
]


class LatentGenerator(nn.Module):
    """A generator G: draws z from its prior, and makes an example of it.

    Args:
        network: takes (batch, latent_dim), gives (batch, ...).
        latent_dim: numbers in z.
        prior: "normal" for N(0, I), "uniform" for U[-1, 1] in each coordinate.

    Raises:
        ValueError: if the prior is another one.
    """

    def __init__(
        self, network: nn.Module, latent_dim: int, *, prior: Literal["normal", "uniform"] = "normal"
    ) -> None:
        super().__init__()
        self.network = network
        self.latent_dim = check_count(latent_dim, "latent_dim")
        self.prior = check_choice(prior, "prior", ("normal", "uniform"))

    def forward(self, z: Tensor) -> Tensor:
        """Examples (batch, ...) for z (batch, latent_dim)."""
        return self.network(self.check_z(z))

    def check_z(self, z: Tensor) -> Tensor:
        """Return z if it has shape (batch, latent_dim), else raise ValueError."""
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (batch, {self.latent_dim}), got {tuple(z.shape)}")
        return z

    def draw_z(self, n_samples: int, *, generator: Generator | None = None) -> Tensor:
        """(n_samples, latent_dim) from the prior, on the device of the weights and of their dtype."""
        shape = (check_count(n_samples, "n_samples"), self.latent_dim)
        weight = next(self.parameters(), torch.empty(0))
        if self.prior == "normal":
            return torch.randn(shape, generator=generator, dtype=weight.dtype, device=weight.device)
        return 2 * torch.rand(shape, generator=generator, dtype=weight.dtype, device=weight.device) - 1

    @torch.no_grad()
    def sample(self, n_samples: int, *, generator: Generator | None = None) -> Tensor:
        """(n_samples, ...) examples, 250 at a time, in evaluation mode and without gradients; images in [0, 1]."""
        z = self.draw_z(n_samples, generator=generator)
        was_training = self.training
        made = apply_in_batches(self.eval(), z)
        self.train(was_training)
        return made


def dcgan_generator(image_shape: Sequence[int], latent_dim: int = 100, *, width: int = 64) -> LatentGenerator:
    """DCGAN's generator: z to a small image of many channels, then transposed convolutions that double its side.

    Batch norm and ReLU after each but the last, which has neither norm nor bias.

    NOTE: the paper's tanh gives pixels in [-1, 1]; ours are in [0, 1], and the last layer is the sigmoid, which is
    (tanh(x/2) + 1)/2. The kernels are 4×4 as in the authors' code (5×5 in the paper's figure).

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width); the sides equal, 28, 32 or 64.
        latent_dim: numbers in z.
        width: channels before the last layer; each one before has twice as many.

    Raises:
        ValueError: for another side.

    Source: Radford, Metz and Chintala (2016), Unsupervised representation learning with DCGANs, section 3.
    """
    channels, start, n_doublings = _dcgan_shape(image_shape)
    latent_dim, width = check_count(latent_dim, "latent_dim"), check_count(width, "width")
    n_in = width * 2 ** (n_doublings - 1)
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent_dim, 1, 1)),
        nn.ConvTranspose2d(latent_dim, n_in, start, bias=False),
        nn.BatchNorm2d(n_in),
        nn.ReLU(),
    ]
    for _ in range(n_doublings - 1):
        layers += [
            nn.ConvTranspose2d(n_in, n_in // 2, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n_in // 2),
            nn.ReLU(),
        ]
        n_in //= 2
    layers += [nn.ConvTranspose2d(n_in, channels, 4, stride=2, padding=1, bias=False), nn.Sigmoid()]
    if len(image_shape) == 2:
        layers.append(nn.Flatten(1, 2))
    return LatentGenerator(nn.Sequential(*layers), latent_dim)


def dcgan_discriminator(image_shape: Sequence[int], *, width: int = 64) -> nn.Sequential:
    """DCGAN's discriminator: strided convolutions instead of pooling, LeakyReLU of slope 0.2, batch norm.

    The first layer has no batch norm; the last gives one logit.

    Args:
        image_shape: as for `dcgan_generator`.
        width: channels of the first convolution; each next one has twice as many.

    Returns:
        Takes (batch, *image_shape), gives (batch, 1) logits.

    Raises:
        ValueError: for another side.

    Source: Radford, Metz and Chintala (2016), Unsupervised representation learning with DCGANs, section 3.
    """
    channels, start, n_halvings = _dcgan_shape(image_shape)
    width = check_count(width, "width")
    layers: list[nn.Module] = [nn.Unflatten(1, (1, image_shape[0]))] if len(image_shape) == 2 else []
    layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False), nn.LeakyReLU(0.2)]
    for _ in range(n_halvings - 1):
        layers += [
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
        ]
        width *= 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, start, bias=False), nn.Flatten())


@torch.no_grad()
def dcgan_weights(network: nn.Module) -> nn.Module:
    """Draw DCGAN's first weights in place: N(0, 0.02²), and N(1, 0.02²) for the scales of the batch norm.

    Source: Radford, Metz and Chintala (2016), section 4.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return network


def pixelshuffle_generator(
    image_shape: Sequence[int], latent_dim: int = 64, *, width: int = 16
) -> LatentGenerator:
    """A generator that a CPU trains quickly: ordinary 3×3 convolutions, each before a PixelShuffle; batch norm, ReLU.

    The batch norm comes before the shuffle, so that `networks.fold_batch_norm` can put it into the convolution.

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width); sides divisible by 4.
        latent_dim: numbers in z.
        width: half the channels after the first PixelShuffle.

    Raises:
        ValueError: if a side is not divisible by 4, or a number is below 1.
    """
    channels, height, side = check_image_shape(image_shape)
    latent_dim, width = check_count(latent_dim, "latent_dim"), check_count(width, "width")
    n_first = 4 * width * (height // 4) * (side // 4)
    layers: list[nn.Module] = [
        nn.Linear(latent_dim, n_first, bias=False),
        nn.BatchNorm1d(n_first),
        nn.ReLU(),
        nn.Unflatten(1, (4 * width, height // 4, side // 4)),
        nn.Conv2d(4 * width, 8 * width, 3, padding=1, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.PixelShuffle(2),  # (batch, 2·width, height/2, side/2)
        nn.ReLU(),
        nn.Conv2d(2 * width, 4 * channels, 3, padding=1),
        nn.PixelShuffle(2),  # (batch, channels, height, side)
        nn.Sigmoid(),
    ]
    if len(image_shape) == 2:
        layers.append(nn.Flatten(1, 2))
    return LatentGenerator(nn.Sequential(*layers), latent_dim)


def conv_discriminator(image_shape: Sequence[int], *, width: int = 32, n_outputs: int = 1) -> nn.Sequential:
    """A discriminator that a CPU trains quickly: `networks.conv_encoder` with LeakyReLU.

    Args:
        image_shape: (height, width) or (channels, height, width); sides divisible by 4.
        width: channels of the first convolution.
        n_outputs: 1 for the logit; more for features, as `ProjectionDiscriminator` takes them.

    Returns:
        Takes (batch, *image_shape), gives (batch, n_outputs).
    """
    return conv_encoder(image_shape, n_outputs, width=width, activation=lambda: nn.LeakyReLU(0.2))


def _dcgan_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """(channels, side that the doublings start from, number of doublings)."""
    shape = tuple(image_shape)
    channels = 1 if len(shape) == 2 else shape[0]
    starts = {28: (7, 2), 32: (4, 3), 64: (4, 4)}
    if len(shape) not in (2, 3) or shape[-1] != shape[-2] or shape[-1] not in starts:
        raise ValueError(
            f"image_shape must be (side, side) or (channels, side, side), the side 28, 32 or 64, got {shape}"
        )
    return channels, *starts[shape[-1]]
