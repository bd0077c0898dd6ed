"""Networks that take an image and give one, and the discriminator that judges patches.

They change the resolution by PixelUnshuffle and PixelShuffle, as those of `course_utils.networks`. Grey images are
(batch, height, width).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from course_utils.networks import apply_in_batches
from course_utils.validation import check_count

__all__ = ["ResidualTranslator", "UNet", "joined", "patch_discriminator", "receptive_field", "translate"]


def joined(*images: Tensor) -> Tensor:
    """Images of equal height and width as one, channel upon channel: (batch, all channels, height, width).

    Args:
        images: (batch, height, width) or (batch, channels, height, width) each.

    Raises:
        ValueError: if they differ in number, height or width.
    """
    with_channels = [image.unsqueeze(1) if image.ndim == 3 else image for image in images]
    sizes = {(len(image), *image.shape[2:]) for image in with_channels}
    if len(sizes) != 1 or any(image.ndim != 4 for image in with_channels):
        came = " and ".join(str(tuple(image.shape)) for image in images)
        raise ValueError(f"images must be equally many, and of equal height and width, got {came}")
    return torch.cat(with_channels, dim=1)


class UNet(nn.Module):
    """An encoder and a decoder with a bridge at each resolution, so that lines need not pass through the bottleneck.

    Each of `depth` halvings is a PixelUnshuffle and a 3×3 convolution, each doubling a 3×3 convolution and a
    PixelShuffle, with batch norm and LeakyReLU; what the encoder has at a resolution, at the highest the image itself,
    is joined to what the decoder has there.

    NOTE: the paper's has 4×4 convolutions of stride 2, and dropout as its noise. This one is deterministic in
    evaluation mode: one image, one answer.

    Args:
        source_shape: of the images that come, (height, width) or (channels, height, width).
        target_shape: of those that are made, in [0, 1], as the last layer is a sigmoid.
        width: channels after the first halving, even; each further one has twice as many.
        depth: halvings.

    Raises:
        ValueError: if the shapes differ in height or width, or a side cannot be halved so often.

    Source: Ronneberger, Fischer and Brox (2015), U-Net; Isola, Zhu, Zhou and Efros (2017), section 3.2.1.
    """

    def __init__(
        self, source_shape: Sequence[int], target_shape: Sequence[int], *, width: int = 24, depth: int = 3
    ) -> None:
        super().__init__()
        width, depth = check_count(width, "width", minimum=2), check_count(depth, "depth")
        n_in, *size = _shape(source_shape, "source_shape", 2**depth)
        n_out, *target_size = _shape(target_shape, "target_shape", 2**depth)
        if size != target_size:
            raise ValueError(
                "source_shape and target_shape must have equal height and width, got "
                f"{tuple(source_shape)} and {tuple(target_shape)}; load both with one size"
            )
        self.source_shape, self.target_shape = tuple(source_shape), tuple(target_shape)
        channels = [n_in, *(width * 2**i for i in range(depth))]  # of the encoder, at each resolution
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.PixelUnshuffle(2),
                nn.Conv2d(4 * before, after, 3, padding=1),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            )
            for before, after in pairwise(channels)
        )
        self.up = nn.ModuleList()
        n_before = channels[-1]
        for n_bridge in reversed(channels[:-1]):
            n_made = n_bridge if len(self.up) < depth - 1 else width // 2
            self.up.append(
                nn.Sequential(
                    nn.Conv2d(n_before, 4 * n_made, 3, padding=1),
                    nn.BatchNorm2d(4 * n_made),
                    nn.PixelShuffle(2),
                    nn.LeakyReLU(0.2),
                )
            )
            n_before = n_made + n_bridge
        self.output = nn.Sequential(nn.Conv2d(n_before, n_out, 3, padding=1), nn.Sigmoid())

    def forward(self, images: Tensor) -> Tensor:
        """(batch, *target_shape) in [0, 1] for images (batch, *source_shape)."""
        _check_images(images, self.source_shape)
        x = joined(images)
        bridges = []
        for layer in self.down:
            bridges.append(x)
            x = layer(x)
        for layer in self.up:
            x = torch.cat([layer(x), bridges.pop()], dim=1)
        x = self.output(x)
        return x.squeeze(1) if len(self.target_shape) == 2 else x


class _Residual(nn.Module):
    """ReLU(x + f(x)), f of two 3×3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.change(x))


class ResidualTranslator(nn.Module):
    """x + f(x), with f a small residual network at half the resolution whose last layer starts at 0.

    So an untrained one changes nothing, exactly, and training only has to add what shall be different.

    NOTE: the output is not bounded, so that a gradient is there everywhere; `translate` cuts it to [0, 1]. The paper's
    translator has no way around, and ends in a tanh.

    Args:
        image_shape: (height, width) or (channels, height, width), the sides even; of what comes and what is made.
        width: channels of f.
        n_blocks: residual blocks in f.

    Raises:
        ValueError: if a side is odd, or a number is below 1.

    Source: after Zhu, Park, Isola and Efros (2017), section 4 and appendix 7.2.
    """

    def __init__(self, image_shape: Sequence[int], *, width: int = 32, n_blocks: int = 2) -> None:
        super().__init__()
        width, n_blocks = check_count(width, "width"), check_count(n_blocks, "n_blocks")
        channels, _, _ = _shape(image_shape, "image_shape", 2)
        self.image_shape = tuple(image_shape)
        last = nn.Conv2d(width, 4 * channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.change = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * channels, width, 3, padding=1),
            nn.ReLU(),
            *(_Residual(width) for _ in range(n_blocks)),
            last,
            nn.PixelShuffle(2),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(batch, *image_shape), not bounded, for images of that shape."""
        _check_images(images, self.image_shape)
        return images + self.change(joined(images)).reshape(images.shape)


def patch_discriminator(image_shape: Sequence[int], *, width: int = 32, n_halvings: int = 2) -> nn.Sequential:
    """A discriminator with one logit for each of many overlapping patches, none for the image as a whole.

    Each halving is a PixelUnshuffle, a 3×3 convolution and a LeakyReLU of slope 0.2; then a 1×1 convolution. A patch
    has 6, 16 or 36 pixels a side for 1, 2 or 3 halvings: see `receptive_field`.

    Args:
        image_shape: (height, width) or (channels, height, width). For pix2pix, the channels of source and target
            together, since it judges both `joined`.
        width: channels after the first halving; each further one has twice as many.
        n_halvings: how often the resolution is halved.

    Returns:
        Takes (batch, *image_shape), gives logits (batch, 1, rows, columns).

    Raises:
        ValueError: if a side cannot be halved so often, or a number is below 1.

    Source: Isola, Zhu, Zhou and Efros (2017), section 3.2.2, with other layers.
    """
    width, n_halvings = check_count(width, "width"), check_count(n_halvings, "n_halvings")
    channels, height, _ = _shape(image_shape, "image_shape", 2**n_halvings)
    layers: list[nn.Module] = [nn.Unflatten(1, (1, height))] if len(image_shape) == 2 else []
    for _ in range(n_halvings):
        layers += [nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        channels, width = width, 2 * width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 1))


def receptive_field(network: nn.Sequential) -> int:
    """Side, in pixels, of the square of the input that one output depends on, where no edge cuts it off.

    Layer by layer: r pixels are seen, and neighbouring places are j pixels apart. A convolution of kernel k and stride
    s makes that r + (k - 1) j and s j; a PixelUnshuffle by f makes it r + (f - 1) j and f j.

    Args:
        network: of square convolutions, PixelUnshuffle, and layers that act on each number alone.

    Raises:
        ValueError: for a layer of another kind.
    """
    seen, apart = 1, 1
    for layer in network:
        if isinstance(layer, nn.Conv2d) and len({*layer.kernel_size}) == len({*layer.stride}) == 1:
            seen += (layer.kernel_size[0] - 1) * layer.dilation[0] * apart
            apart *= layer.stride[0]
        elif isinstance(layer, nn.PixelUnshuffle):
            seen += (layer.downscale_factor - 1) * apart
            apart *= layer.downscale_factor
        elif not isinstance(layer, nn.LeakyReLU | nn.ReLU | nn.SiLU | nn.BatchNorm2d | nn.Unflatten):
            raise ValueError(
                "network must hold square convolutions, PixelUnshuffle, batch norm and ReLU, LeakyReLU or SiLU, "
                f"got {layer}"
            )
    return seen


def translate(network: nn.Module, images: Tensor) -> Tensor:
    """Images as a translator makes them of others: 250 at a time, in evaluation mode, no gradients, cut to [0, 1]."""
    was_training = network.training
    made = apply_in_batches(network.eval(), images).clamp(0, 1)
    network.train(was_training)
    return made


def _shape(image_shape: Sequence[int], name: str, divisor: int) -> tuple[int, int, int]:
    """(channels, height, width), 1 for grey images, if both sides are divisible."""
    shape = tuple(check_count(size, name) for size in image_shape)
    if len(shape) not in (2, 3) or shape[-2] % divisor or shape[-1] % divisor:
        raise ValueError(
            f"{name} must be (height, width) or (channels, height, width), both sides divisible by {divisor}, "
            f"got {shape}"
        )
    return (1 if len(shape) == 2 else shape[0]), shape[-2], shape[-1]


def _check_images(images: Tensor, image_shape: tuple[int, ...]) -> None:
    if images.shape[1:] != image_shape:
        expected = ", ".join(map(str, image_shape))
        raise ValueError(f"images must have shape (batch, {expected}), got {tuple(images.shape)}")
