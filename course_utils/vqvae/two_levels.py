"""Two maps of codes: a coarse one for what the whole image is about, a finer one for the rest."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from course_utils.networks import check_image_shape
from course_utils.validation import check_count
from course_utils.vqvae.model import check_images, double, halve, to_vectors
from course_utils.vqvae.quantizer import VectorQuantizer, sum_of_squares

__all__ = ["TwoLevelOutput", "TwoLevelVQVAE", "TwoMaps"]


class TwoMaps(NamedTuple):
    """Codes of a batch of images, int64."""

    top: Tensor  # (batch, height/8, width/8)
    bottom: Tensor  # (batch, height/4, width/4)


class TwoLevelOutput(NamedTuple):
    """What one pass gives for images (batch, channels, height, width)."""

    reconstruction: Tensor  # (batch, channels, height, width), in [0, 1]
    codes: TwoMaps
    loss: Tensor  # (), squared error summed over pixels plus both quantizers' losses, mean over the batch


class TwoLevelVQVAE(nn.Module):
    """A top map at an eighth of the resolution, and a bottom map at a quarter that is told what the top one holds.

    NOTE: batch norms before the codes as in `VQVAE`; the paper has neither those nor so small images.

    Args:
        image_shape: (channels, height, width), sides divisible by 8.
        n_codes: size of each codebook.
        dim: numbers in the vector of a code.
        width: channels at half the resolution; twice as many below.
        **quantizer: what else `VectorQuantizer` takes, for both.

    Attributes:
        code_shapes: (height, width) of the top map and of the bottom map.
        n_codes: size of each codebook.

    Raises:
        ValueError: if a side is not divisible by 8, or a number is out of range.

    Source: Razavi, van den Oord and Vinyals (2019), Generating diverse high-fidelity images with VQ-VAE-2, section 3.1.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        n_codes: int = 64,
        dim: int = 16,
        width: int = 32,
        **quantizer: float | None,
    ) -> None:
        super().__init__()
        channels, height, side = check_image_shape(image_shape)
        if len(image_shape) != 3 or height % 8 or side % 8:
            raise ValueError(
                "image_shape must be (channels, height, width), both sides divisible by 8, "
                f"got {tuple(image_shape)}; pad the images with torch.nn.functional.pad"
            )
        check_count(width, "width")
        self.image_shape = (channels, height, side)
        self.code_shapes = ((height // 8, side // 8), (height // 4, side // 4))
        self.n_codes = check_count(n_codes, "n_codes")
        self.top = VectorQuantizer(n_codes, dim, **quantizer)  # type: ignore[arg-type]
        self.bottom = VectorQuantizer(n_codes, dim, **quantizer)  # type: ignore[arg-type]
        self.to_quarter = nn.Sequential(halve(channels, width), halve(width, 2 * width))
        self.to_top = nn.Sequential(halve(2 * width, 2 * width), *to_vectors(2 * width, dim))
        self.from_top = nn.Sequential(double(dim, 2 * width), nn.SiLU())
        self.to_bottom = to_vectors(4 * width, dim)
        self.decoder = nn.Sequential(
            nn.Conv2d(2 * width + dim, 2 * width, 3, padding=1),
            nn.SiLU(),
            double(2 * width, width),
            nn.SiLU(),
            double(width, channels),
            nn.Sigmoid(),
        )

    def encode(self, x: Tensor) -> TwoMaps:
        """Both maps of codes of images x (batch, *image_shape)."""
        features = self.to_quarter(check_images(x, self.image_shape))
        top = self.top.encode(self.to_top(features))
        told = self.from_top(self.top.decode(top))
        return TwoMaps(top, self.bottom.encode(self.to_bottom(torch.cat([features, told], 1))))

    def decode(self, codes: TwoMaps) -> Tensor:
        """Images (batch, *image_shape) in [0, 1] of two maps, also of two that never belonged together."""
        top, bottom = codes
        return self.decoder(torch.cat([self.from_top(self.top.decode(top)), self.bottom.decode(bottom)], 1))

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> TwoLevelOutput:
        """Reconstruction, codes and loss of images x (batch, *image_shape); see `VectorQuantizer.forward`."""
        features = self.to_quarter(check_images(x, self.image_shape))
        top = self.top(self.to_top(features), generator=generator)
        told = self.from_top(top.values)
        bottom = self.bottom(self.to_bottom(torch.cat([features, told], 1)), generator=generator)
        reconstruction = self.decoder(torch.cat([told, bottom.values], 1))
        loss = sum_of_squares(x, reconstruction) + top.loss + bottom.loss
        return TwoLevelOutput(reconstruction, TwoMaps(top.codes, bottom.codes), loss)
