"""Distances between two densities on a line: in closed form for Gaussians, on a grid for any others.

`distributions.kl_divergence` is the KL of any pair that has a closed form.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import logsigmoid

from course_utils.distributions import kl_divergence
from course_utils.validation import check_finite, check_tensor

__all__ = ["Divergences", "gaussian_divergences", "grid_divergences"]

TOLERANCE = 0.01  # how far from 1 the integral of a density may be
TINY = 1e-100  # in place of a divisor of 0, whose gradients would be NaN


class Divergences(NamedTuple):
    """How far p is from q: one number for each pair of densities."""

    kl: Tensor  # (...), nats, KL(p ‖ q) = ∫ p log(p/q); infinite where p is positive and q is 0
    reverse_kl: Tensor  # (...), nats, KL(q ‖ p)
    js: Tensor  # (...), nats, ½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½(p + q); from 0 to log 2
    total_variation: Tensor  # (...), ½ ∫ |p - q|, the largest difference of a probability; from 0 to 1
    wasserstein: Tensor  # (...), in units of x, ∫ |P - Q| of the distribution functions: the W₁ distance


def gaussian_divergences(p: Normal, q: Normal) -> Divergences:
    """Divergences of Gaussians on a line, exact however far apart they are.

    All have closed forms but the JS divergence, which is ½ E_p[log D] + ½ E_q[log(1 - D)] + log 2 with the
    optimal discriminator D = p/(p + q), by quadrature; its error is below 1e-6 for standard deviations up to
    100 times each other. Gradients flow to means and standard deviations.

    Args:
        p: the first Gaussian, `torch.distributions.Normal`, of any batch shape.
        q: the other one, of a batch shape that broadcasts with it.

    Returns:
        Five tensors of the broadcast batch shape, float64.

    Raises:
        TypeError: if an argument is no `Normal`.

    Source: Goodfellow et al. (2014), equations 2 and 4 to 6, for the JS divergence.
    """
    for argument, name in ((p, "p"), (q, "q")):
        if not isinstance(argument, Normal):
            raise TypeError(f"{name} must be a torch.distributions.Normal, got {type(argument).__name__}")
    parameters = torch.broadcast_tensors(p.loc, p.scale, q.loc, q.scale)
    shape = parameters[0].shape
    p_mean, p_std, q_mean, q_std = (x.double().flatten() for x in parameters)  # (n,)
    flat_p, flat_q = Normal(p_mean, p_std), Normal(q_mean, q_std)
    values = (
        kl_divergence(flat_p, flat_q),
        kl_divergence(flat_q, flat_p),
        math.log(2) + 0.5 * (_expected_log_share(flat_p, flat_q) + _expected_log_share(flat_q, flat_p)),
        _total_variation(flat_p, flat_q),
        _wasserstein(p_mean - q_mean, p_std - q_std),
    )
    return Divergences(*(value.view(shape) for value in values))


def grid_divergences(p: Tensor, q: Tensor, x: Tensor) -> Divergences:
    """Divergences of any densities, given by their values on a grid.

    By the trapezoid rule p and q become probabilities of the grid's points, which are made to sum to 1; for
    these the results are exact, so that every inequality between divergences holds. Gradients flow where the
    densities are positive. A density so small that it is rounded to 0, such as that of a Gaussian 39 standard
    deviations from its mean, makes the KL infinite: `gaussian_divergences` has no such limit.

    Args:
        p: (..., n) values of the first density, at least 0, with an integral within 1 % of 1.
        q: (..., n) values of the other one; batch dimensions broadcast.
        x: (n,) the grid, increasing, n at least 2.

    Returns:
        Five tensors of the broadcast shape of the batch dimensions, float64.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if a shape does not fit, a value is not finite, the grid does not increase, or a density is
            negative or its integral is not 1.
    """
    x = check_finite(check_tensor(x, "x"), "x").double()
    if x.ndim != 1 or len(x) < 2 or not (x.diff() > 0).all():
        raise ValueError(f"x must be an increasing grid (n,), n at least 2, got shape {tuple(x.shape)}")
    gaps = x.diff()
    weights = torch.nn.functional.pad(gaps, (0, 1)) / 2 + torch.nn.functional.pad(gaps, (1, 0)) / 2
    p, q = _probabilities(p, "p", weights), _probabilities(q, "q", weights)
    between = (p - q).cumsum(-1)[..., :-1]  # (..., n - 1), P - Q between neighbouring points
    entropies = [torch.special.entr(density) for density in (p, q, 0.5 * (p + q))]
    return Divergences(
        _kl(p, q),
        _kl(q, p),
        (entropies[2] - 0.5 * (entropies[0] + entropies[1])).sum(-1),
        0.5 * (p - q).abs().sum(-1),
        (between.abs() * gaps).sum(-1),
    )


def _probabilities(density: Tensor, name: str, weights: Tensor) -> Tensor:
    density = check_finite(check_tensor(density, name), name).double()
    if density.ndim == 0 or density.shape[-1] != len(weights):
        raise ValueError(
            f"{name} must have shape (..., {len(weights)}), one value per point of x, "
            f"got {tuple(density.shape)}"
        )
    if (least := float(density.detach().amin())) < 0:
        raise ValueError(f"{name} must be at least 0, got {least:g}; a log-density needs {name}.exp()")
    masses = density * weights
    total = masses.sum(-1, keepdim=True)
    if ((total - 1).abs() > TOLERANCE).any():
        worst = float(total.flatten()[(total - 1).abs().argmax()])
        raise ValueError(
            f"{name} must integrate to 1 over x, got {worst:g}; use a wider or finer grid, or divide by "
            f"torch.trapezoid({name}, x).unsqueeze(-1)"
        )
    return masses / total


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)  # neither has a NaN: 0 log 0 = 0


def _log_ratio(p: Normal, q: Normal) -> tuple[Tensor, Tensor, Tensor]:
    """a, b, c of log p(x)/q(x) = a z² + b z + c, where x = mean + std·z of p."""
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return 0.5 * (ratio**2 - 1), ratio * shift, 0.5 * shift**2 - ratio.log()


def _expected_log_share(p: Normal, q: Normal) -> Tensor:
    """E_p[log p/(p + q)], (n,)."""
    z = torch.linspace(-9, 9, 4_001, dtype=torch.float64, device=p.loc.device)
    a, b, c = (part.unsqueeze(1) for part in _log_ratio(p, q))
    return logsigmoid((a * z + b) * z + c) @ (-0.5 * z**2).softmax(0)


def _total_variation(p: Normal, q: Normal) -> Tensor:
    """Difference of the two probabilities of the interval in which p is above q, or below."""
    a, b, c = _log_ratio(p, q)
    a = a.where(a.abs() > TINY, TINY)  # one end of the interval is then so far out that it is infinite
    root = (b**2 - 4 * a * c).clamp(min=TINY).sqrt()
    half = -0.5 * (b + root.copysign(b))
    ends = torch.stack([half / a, c / half])  # (2, n), in standard deviations from p's mean
    ends_of_q = (p.loc + p.scale * ends - q.loc) / q.scale
    inside_p, inside_q = (torch.special.ndtr(z).diff(dim=0)[0] for z in (ends, ends_of_q))
    return (inside_p - inside_q).abs()


def _wasserstein(mean: Tensor, std: Tensor) -> Tensor:
    """E|mean + std·z| for z ~ N(0, 1), as the quantiles of two Gaussians differ by mean + std·z."""
    std = std.abs().clamp(min=TINY)
    t = mean / std
    return std * math.sqrt(2 / math.pi) * (-0.5 * t**2).exp() + mean * torch.erf(t / math.sqrt(2))
