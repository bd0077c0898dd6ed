"""Pixels with a few levels: how a network reads them, and what its logits say about them.

A model of pixels with two levels gives one logit per pixel, of the shape of the images; with more levels it gives
`n_levels` of them, in one more dimension at the end.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from course_utils.distributions import bernoulli_log_prob, categorical_log_prob

__all__ = ["check_levels", "draw", "probabilities", "sum_log_prob"]


def check_levels(x: Tensor, n_levels: int) -> Tensor:
    """Return x if all its values are whole numbers from 0 to n_levels - 1, else raise."""
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}; use torch.as_tensor")
    whole = x == x.round() if x.is_floating_point() else torch.ones_like(x, dtype=torch.bool)
    if not (whole & (x >= 0) & (x < n_levels)).all():
        cure = "data.binarize(x) draws such pixels from grey ones" if n_levels == 2 else "round them first"
        raise ValueError(
            f"x must hold whole numbers from 0 to {n_levels - 1}, got values from {x.min():g} to {x.max():g}; {cure}"
        )
    return x


def as_channels(x: Tensor, n_levels: int, *, as_one_hot: bool, dtype: torch.dtype) -> Tensor:
    """What a network reads, (batch, n_channels, height, width), for images (batch, channels, height, width).

    Either the brightness in [0, 1], or a 1 at the pixel's level: then each channel becomes `n_levels` of them.
    """
    if not as_one_hot:
        return x.to(dtype) / (n_levels - 1)
    return (
        one_hot(x.long(), n_levels).movedim(-1, 2).flatten(1, 2).to(dtype)
    )  # (batch, channels·n_levels, h, w)


def has_levels(x: Tensor, logits: Tensor) -> bool:
    """Whether the logits have one more dimension than the pixels, for their levels."""
    return logits.ndim == x.ndim + 1


def sum_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """Σᵢ log p(xᵢ) of independent pixels, given their logits.

    Args:
        x: (batch, ...) levels.
        logits: (batch, ...) of level 1, or (batch, ..., n_levels).

    Returns:
        (batch,) nats, summed over pixels.
    """
    if not has_levels(x, logits):
        return bernoulli_log_prob(x.to(logits), logits)
    each = categorical_log_prob(x.long().flatten(), logits.flatten(0, -2))
    return each.view(len(x), -1).sum(1)


def probabilities(logits: Tensor, *, n_levels: int = 2) -> Tensor:
    """Probability of each level, (..., n_levels): from one logit per pixel for two levels, else from n_levels.

    Args:
        logits: (...) for two levels, else (..., n_levels).
        n_levels: of a pixel.
    """
    if n_levels == 2:
        return torch.stack([torch.sigmoid(-logits), torch.sigmoid(logits)], -1)
    return logits.softmax(-1)


def draw(logits: Tensor, *, n_levels: int = 2, generator: Generator | None = None) -> Tensor:
    """Draw each pixel's level, (...) int64, for logits (...) or, for more than two levels, (..., n_levels).

    One uniform number per pixel is compared with the cumulated probabilities.
    """
    cumulated = probabilities(logits.detach(), n_levels=n_levels).cumsum(-1)  # (..., n_levels), the last is 1
    device = logits.device if generator is None else generator.device
    uniform = torch.rand(cumulated.shape[:-1], generator=generator, device=device, dtype=cumulated.dtype)
    above = uniform.to(logits.device)[..., None] >= cumulated[..., :-1]
    return above.sum(-1)
