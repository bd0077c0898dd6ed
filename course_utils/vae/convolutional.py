"""A convolutional conditional VAE whose decoder hears the condition in every layer but the last.

Source: feature-wise linear modulation (FiLM), Perez et al. (2018).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.networks import Activation, check_image_shape, conv_encoder, mlp
from course_utils.vae.likelihoods import Likelihood
from course_utils.vae.model import ConditionalVAE
from course_utils.validation import check_count, check_number

__all__ = ["conv_conditional_vae"]


class _ImageBeforeCondition(nn.Module):
    """Runs a network on the image alone, and puts the condition beside what it gives."""

    def __init__(self, network: nn.Sequential, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.image_shape = torch.Size(image_shape)

    def forward(self, numbers: Tensor) -> Tensor:
        n_features = self.image_shape.numel()
        images = numbers[:, :n_features].unflatten(1, self.image_shape)
        return torch.cat([self.network(images), numbers[:, n_features:]], 1)


class _Modulated(nn.Module):
    """From z and the condition to maps of features: the condition scales and shifts each channel of each layer.

    It takes (batch, latent_dim + condition_dim), and gives (batch, width/2, height, side).
    """

    def __init__(
        self,
        latent_dim: int,
        condition_dim: int,
        size: tuple[int, int],
        *,
        width: int,
        activation: Activation,
        loudness: tuple[float, float],
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.loudness = loudness
        height, side = size[0] // 4, size[1] // 4
        self.start = nn.Sequential(
            nn.Linear(latent_dim + condition_dim, 2 * width * height * side),
            nn.Unflatten(1, (2 * width, height, side)),
        )
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2))
            for before, after in ((2 * width, width), (width, width // 2))
        )
        self.modulations = nn.ModuleList(
            nn.Linear(condition_dim, 2 * channels) for channels in (2 * width, width, width // 2)
        )
        self.activation = activation()

    def forward(self, numbers: Tensor) -> Tensor:
        z, condition = numbers[:, : self.latent_dim], numbers[:, self.latent_dim :]
        at_start, in_modulations = self.loudness
        x = torch.cat([z, at_start * condition], 1)
        for layer, modulation in zip((self.start, *self.convolutions), self.modulations, strict=True):
            scale, shift = modulation(in_modulations * condition)[:, :, None, None].chunk(2, dim=1)
            x = self.activation((1 + scale) * layer(x) + shift)
        return x


def conv_conditional_vae(
    image_shape: Sequence[int],
    latent_dim: int,
    n_values: Sequence[int],
    *,
    width: int = 16,
    hidden: int = 128,
    activation: Activation = nn.SiLU,
    output: Activation | None = None,
    likelihood: Likelihood | None = None,
    loudness: tuple[float, float] = (1.0, 1.0),
) -> ConditionalVAE:
    """Conditional VAE for images.

    The encoder is a `networks.conv_encoder`, which sees the image alone, and two linear layers, which see the
    condition too. The decoder is one linear layer, which sees z and the condition, and three convolutions; the
    condition also scales and shifts each channel, before the first convolution and after each but the last.

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width); sides divisible by 4.
        latent_dim: numbers in z.
        n_values: as in `ConditionalVAE`.
        width: channels of the encoder's first convolution, and of the decoder's maps of half the height; even.
        hidden: units of the encoder's linear layers.
        activation: makes the layer after each linear or convolutional one.
        output: makes the decoder's last layer, such as `nn.Sigmoid` beside a `Gaussian`; none if None.
        likelihood: `Bernoulli()` if None, which takes logits and so no `output`.
        loudness: factors of the condition in the decoder, at its linear layer and at the scales and shifts. Adam learns
            what a condition says the faster, the larger its factor is. A quick first layer leaves little of the
            condition to z, and slow modulations take less for granted about combinations that never came.

    Raises:
        ValueError: if a side is not divisible by 4, a number is below 1, the width is odd, or a factor is not above 0.
    """
    channels, *size = check_image_shape(image_shape)
    if check_count(width, "width") % 2:
        raise ValueError(f"width must be even, got {width}")
    at_start, in_modulations = (check_number(factor, "loudness", above=0) for factor in loudness)
    beside = sum(n_values)
    see = conv_encoder(image_shape, hidden, width=width, activation=activation)
    encoder = nn.Sequential(
        _ImageBeforeCondition(nn.Sequential(*see, activation()), image_shape),
        *mlp([hidden + beside, hidden, 2 * latent_dim], activation=activation),
    )
    body = _Modulated(
        latent_dim,
        beside,
        (size[0], size[1]),
        width=width,
        activation=activation,
        loudness=(at_start, in_modulations),
    )
    decoder = nn.Sequential(
        body,
        nn.Conv2d(width // 2, channels, 3, padding=1),
        *([] if output is None else [output()]),
        *([nn.Flatten(1, 2)] if len(image_shape) == 2 else []),
    )
    return ConditionalVAE(encoder, decoder, latent_dim, n_values, likelihood)
