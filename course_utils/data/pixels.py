"""Black and white pixels from grey ones."""

import torch
from torch import Generator, Tensor

from course_utils.validation import check_tensor

__all__ = ["binarize"]


def binarize(images: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Draw each pixel as 1 with its grey value as the probability, else 0.

    Done anew for each batch this is the *dynamic binarisation* of the literature: grey values are then
    probabilities, and a Bernoulli likelihood is one.

    Args:
        images: any shape, values in [0, 1].
        generator: PyTorch's global one if None.

    Returns:
        Zeros and ones, in the images' shape, device and dtype.

    Source: Salakhutdinov and Murray (2008), On the quantitative analysis of deep belief networks.
    """
    device = check_tensor(images, "images").device if generator is None else generator.device
    uniform = torch.rand(images.shape, generator=generator, device=device, dtype=images.dtype)
    return (uniform.to(images.device) < images).to(images.dtype)
