"""What can be seen in the pixels themselves, without a judge."""

import torch
from torch import Tensor

from course_utils.validation import check_finite, check_tensor

__all__ = ["checkerboard"]


def checkerboard(images: Tensor) -> float:
    """How much of images is a pattern that repeats every two pixels, as upsampling layers leave it behind.

    The amplitudes of three such patterns, stripes across, stripes down and a checkerboard, are the means over the
    pixels of (-1)^row·x, (-1)^column·x and (-1)^(row + column)·x. The result is the root of their summed squares,
    averaged over images and channels, divided by the standard deviation of all pixels: 1 for a checkerboard.

    Args:
        images: (n, height, width) or (n, channels, height, width), the sides even.

    Returns:
        A share of the standard deviation, 0 if all pixels are equal.

    Raises:
        TypeError, ValueError: if the images are no such tensor, or not finite.
    """
    check_finite(check_tensor(images, "images"), "images")
    if images.ndim not in (3, 4) or images.shape[-1] % 2 or images.shape[-2] % 2 or images.numel() == 0:
        raise ValueError(
            "images must have shape (n, height, width) or (n, channels, height, width), the sides even, "
            f"got {tuple(images.shape)}"
        )
    images = images.double()
    rows = (-1.0) ** torch.arange(images.shape[-2], device=images.device)[:, None]  # (height, 1)
    columns = (-1.0) ** torch.arange(images.shape[-1], device=images.device)[None]  # (1, width)
    amplitudes = torch.stack([(images * sign).mean((-2, -1)) for sign in (rows, columns, rows * columns)])
    spread = images.std(correction=0)
    return (amplitudes.square().sum(0).mean().sqrt() / spread).item() if spread > 0 else 0.0
