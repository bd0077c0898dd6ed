"""Drawing images pixel by pixel: each from what the model says of it, given those before."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.autoregressive.levels import check_levels, draw
from course_utils.autoregressive.model import PixelModel
from course_utils.validation import check_count

__all__ = ["complete", "sample"]


@torch.no_grad()
def sample(
    model: PixelModel,
    n_samples: int,
    *conditions: Tensor,
    cached: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """Draw images from p(x), pixel by pixel in raster order.

    Args:
        model: any of the models here.
        n_samples: number of images.
        conditions: what the model is told, one per image, if it has a condition.
        cached: keep what has been computed. Otherwise the whole image is computed anew for each pixel, which gives the
            same logits, up to rounding, and takes far longer.
        generator: PyTorch's global one if None.

    Returns:
        (n_samples, *image_shape), levels from 0 to n_levels - 1, in the dtype of the weights for two levels, else
        int64.

    Raises:
        ValueError: for conditions that do not fit.
    """
    n_samples = check_count(n_samples, "n_samples")
    weight = next(model.parameters())
    dtype = weight.dtype if model.n_levels == 2 else torch.int64
    x = torch.zeros(n_samples, *model.image_shape, dtype=dtype, device=weight.device)
    return _drawn(model, x, None, conditions, cached, generator)


@torch.no_grad()
def complete(
    model: PixelModel,
    x: Tensor,
    known: Tensor,
    *conditions: Tensor,
    cached: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """Draw the pixels that are not known, in raster order, each from the pixels before it, and keep the others.

    If the known pixels come first in raster order, such as an upper half, this draws from p(unknown | known). Otherwise
    a pixel is drawn without regard to known pixels that come after it.

    Args:
        model: any of the models here.
        x: (n, *image_shape), levels; what is not known may have any level.
        known: bool, of the shape of x, or image_shape for all alike.
        conditions: as in `sample`.
        cached: as in `sample`.
        generator: PyTorch's global one if None.

    Returns:
        (n, *image_shape), in the dtype of x.

    Raises:
        TypeError: if `known` is not bool.
        ValueError: for shapes, levels or conditions that do not fit.
    """
    check_levels(x, model.n_levels)
    if x.shape[1:] != model.image_shape:
        raise ValueError(f"x must have shape {('n', *model.image_shape)}, got {tuple(x.shape)}")
    if not isinstance(known, Tensor) or known.dtype != torch.bool:
        raise TypeError("known must be a bool tensor, True where a pixel stays; known.bool() makes one")
    if known.shape not in (x.shape, x.shape[1:]):
        raise ValueError(f"known must have the shape of x or of one image, got {tuple(known.shape)}")
    return _drawn(model, x.clone(), known.expand_as(x), conditions, cached, generator)


def logits_in_order(
    model: PixelModel, x: Tensor, conditions: tuple[Tensor, ...], cached: bool
) -> Iterator[tuple[tuple[int, int, int], Tensor]]:
    """Place by place and channel by channel, ((channel, row, column), logits (n,) or (n, n_levels)).

    The caller writes into x (n, channels, height, width) before it asks for the next.
    """
    channels, height, width = model.shape
    n = len(x)
    c = model.condition_numbers(n, conditions)
    steps = model.steps(n, c) if cached else None
    for row in range(height):
        for column in range(width):
            for channel in range(channels):
                if steps is not None:
                    at_place = steps.logits(x, row, column)  # (n, channels[, n_levels])
                else:
                    whole = model.arranged(model.network(model.as_read(x), c))
                    levels = whole.shape[1 + len(model.image_shape) :]  # () or (n_levels,)
                    at_place = whole.reshape(*x.shape, *levels)[:, :, row, column]
                yield (channel, row, column), at_place[:, channel]


def _drawn(
    model: PixelModel,
    x: Tensor,
    known: Tensor | None,
    conditions: tuple[Tensor, ...],
    cached: bool,
    generator: Generator | None,
) -> Tensor:
    """X with all pixels that are not known drawn anew, in place."""
    pixels = x.view(len(x), *model.shape)
    keep = None if known is None else known.reshape(pixels.shape)
    with training.threads(1):
        for (channel, row, column), logits in logits_in_order(model, pixels, conditions, cached):
            if keep is not None and keep[:, channel, row, column].all():
                continue
            drawn = draw(logits, n_levels=model.n_levels, generator=generator).to(x.dtype)
            if keep is not None:
                drawn = torch.where(keep[:, channel, row, column], pixels[:, channel, row, column], drawn)
            pixels[:, channel, row, column] = drawn
    return x
