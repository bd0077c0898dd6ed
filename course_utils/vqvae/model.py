"""The vector-quantised autoencoder: a map of discrete codes in place of a vector of real numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Generator, Tensor, nn

from course_utils.networks import check_image_shape
from course_utils.validation import check_count
from course_utils.vqvae.quantizer import VectorQuantizer, sum_of_squares

__all__ = ["VQVAE", "VQVAEOutput"]


class VQVAEOutput(NamedTuple):
    """What one pass gives for images (batch, channels, height, width)."""

    reconstruction: Tensor  # (batch, channels, height, width), in [0, 1]
    codes: Tensor  # (batch, height/4, width/4) int64
    loss: Tensor  # (), squared error summed over pixels plus the quantizer's loss, mean over the batch


class VQVAE(nn.Module):
    """Image → map of vectors → map of codes → image; each code stands for a patch of 4×4 pixels and its surroundings.

    NOTE: a batch norm without weights is the encoder's last layer. It gives the vectors a width of 1, so that they
    cannot shrink to a point before the decoder has learned to use them; the paper has none.

    Args:
        image_shape: (channels, height, width), sides divisible by 4.
        n_codes: size of the codebook.
        dim: numbers in the vector of a code.
        width: channels at half the resolution; twice as many at a quarter.
        **quantizer: what else `VectorQuantizer` takes, such as `decay`.

    Attributes:
        code_shape: (height/4, width/4), of the map of codes.
        n_codes: size of the codebook.

    Raises:
        ValueError: if a side is not divisible by 4, or a number is out of range.
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
        if len(image_shape) != 3:
            raise ValueError(
                f"image_shape must be (channels, height, width), got {tuple(image_shape)}; "
                "grey images have one channel: images[:, None]"
            )
        channels, height, side = check_image_shape(image_shape)
        check_count(width, "width")
        self.image_shape = (channels, height, side)
        self.code_shape = (height // 4, side // 4)
        self.n_codes = check_count(n_codes, "n_codes")
        self.quantizer = VectorQuantizer(n_codes, dim, **quantizer)  # type: ignore[arg-type]
        self.encoder = nn.Sequential(
            halve(channels, width), halve(width, 2 * width), *to_vectors(2 * width, dim)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, 2 * width, 3, padding=1),
            nn.SiLU(),
            double(2 * width, width),
            nn.SiLU(),
            double(width, channels),
            nn.Sigmoid(),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Codes (batch, *code_shape) of images x (batch, *image_shape)."""
        return self.quantizer.encode(self.encoder(check_images(x, self.image_shape)))

    def decode(self, codes: Tensor) -> Tensor:
        """Images (batch, *image_shape) in [0, 1] of codes (batch, *code_shape)."""
        return self.decoder(self.quantizer.decode(codes))

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> VQVAEOutput:
        """Reconstruction, codes and loss of images x (batch, *image_shape); see `VectorQuantizer.forward`."""
        quantized = self.quantizer(self.encoder(check_images(x, self.image_shape)), generator=generator)
        reconstruction = self.decoder(quantized.values)
        loss = sum_of_squares(x, reconstruction) + quantized.loss
        return VQVAEOutput(reconstruction, quantized.codes, loss)


def check_images(x: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Return x, (batch, *image_shape), or raise."""
    if x.ndim != 4 or tuple(x.shape[1:]) != image_shape:
        raise ValueError(
            f"x must have shape (batch, {', '.join(map(str, image_shape))}), got {tuple(x.shape)}"
        )
    return x


def to_vectors(n_in: int, dim: int) -> nn.Sequential:
    """Vectors to be quantised, each of their numbers with mean 0 and a width of 1 over a batch."""
    return nn.Sequential(nn.Conv2d(n_in, dim, 1), nn.BatchNorm2d(dim, affine=False))


def halve(n_in: int, n_out: int) -> nn.Sequential:
    """Half the height and width, `n_out` channels."""
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * n_in, n_out, 3, padding=1), nn.SiLU())


def double(n_in: int, n_out: int) -> nn.Sequential:
    """Twice the height and width, `n_out` channels."""
    return nn.Sequential(nn.Conv2d(n_in, 4 * n_out, 3, padding=1), nn.PixelShuffle(2))
