"""What depends on what: derivatives of a model's logits by the pixels that it reads."""

import copy
import math
from typing import TypeVar

import torch
from torch import Generator, Tensor

from course_utils.autoregressive.model import PixelModel
from course_utils.validation import check_count

__all__ = ["dependence", "receptive_field", "with_random_weights"]

Model = TypeVar("Model", bound=PixelModel)

N_DRAWS = 4  # of the weights


def dependence(model: PixelModel, x: Tensor, *conditions: Tensor) -> Tensor:
    """Size of the derivative of each pixel's logits by each pixel: the Jacobian, in the order of the pixels.

    The model is causal if only what lies below the diagonal differs from 0.

    Args:
        model: any of the models here.
        x: (*image_shape), the image at which derivatives are taken: levels, or numbers between them.
        conditions: of this one image, if the model has a condition.

    Returns:
        (n, n) for n pixels, row by row and within a pixel the channels in turn: at [i, j] the sum of
        |∂ logit of pixel i / ∂ pixel j| over the levels of i, and of j if levels are read as `n_levels` numbers.

    Raises:
        ValueError: for another shape.
    """
    c = model.condition_numbers(1, conditions)
    return torch.stack([derivatives(model, x, i, c).flatten() for i in range(math.prod(model.shape))])


def receptive_field(model: PixelModel, row: int, column: int, channel: int = 0) -> Tensor:
    """Which pixels one pixel's logits can depend on, whatever the weights.

    Copies of the model with random weights are asked: weights that are zero, as some are before the training, and units
    that are off would hide what the layers can do.

    Args:
        model: any of the models here.
        row: of the pixel.
        column: of the pixel.
        channel: of the pixel, 0 for grey images.

    Returns:
        (*image_shape), bool.

    Raises:
        ValueError: for a place that is not in the image.
    """
    sizes = zip((channel, row, column), model.shape, ("channel", "row", "column"), strict=True)
    for place, size, name in sizes:
        if check_count(place, name, minimum=0) >= size:
            raise ValueError(f"{name} must be less than {size}, got {place}")
    channels, _, width = model.shape
    pixel = (row * width + column) * channels + channel
    told = None if model.condition is None else torch.zeros(1, model.condition.dim, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    seen = torch.zeros(*model.shape[1:], channels, dtype=torch.bool)
    for _ in range(N_DRAWS):
        drawn = with_random_weights(model, generator=generator).double()
        x = torch.rand(model.image_shape, generator=generator, dtype=torch.float64)
        x = (x * model.n_levels).long() if model.as_one_hot else x
        seen |= derivatives(drawn, x, pixel, told) > 0
    return seen.movedim(-1, 0).reshape(model.image_shape)


def with_random_weights(model: Model, *, generator: Generator | None = None) -> Model:
    """A copy with all weights drawn anew, of a size that lets signals through many layers.

    Args:
        model: any of the models here.
        generator: PyTorch's global one if None.
    """
    drawn = copy.deepcopy(model).requires_grad_(False)
    for weight in drawn.parameters():
        n_in = weight[0].numel() if weight.ndim > 1 else 1
        values = torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / math.sqrt(n_in)
        weight.copy_(values)
    return drawn


def derivatives(model: PixelModel, x: Tensor, pixel: int, c: Tensor | None) -> Tensor:
    """A row of `dependence`, (height, width, channels), for the numbers c (1, dim) of the condition."""
    if x.shape != model.image_shape:
        raise ValueError(f"x must be one image, of shape {model.image_shape}, got {tuple(x.shape)}")
    channels, height, width = model.shape
    read = model.as_read(x.reshape(1, *model.shape)).detach().requires_grad_(True)
    given = model.network(read, c)
    logits = (
        given.view(channels, -1, height, width).permute(2, 3, 0, 1).flatten(0, 2)[pixel]
    )  # (n_given of it,)
    total = torch.zeros(channels, height, width, dtype=read.dtype)
    for logit in logits:
        (derivative,) = torch.autograd.grad(logit, read, retain_graph=True)
        total += derivative.view(channels, -1, height, width).abs().sum(1)
    return total.movedim(0, -1)
