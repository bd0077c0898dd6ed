"""Which modes of a known 2-D mixture a generator reaches, how evenly, and how well it fills each of them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.validation import as_float_tensor, check_number, check_points

__all__ = ["ModeCoverage", "mode_coverage"]

RADIUS = 3  # in standard deviations of a mode: a point nearer than this is of high quality
MISSED = math.exp(-(RADIUS**2) / 2)  # 1.11 %: what a Gaussian in 2-D has beyond that radius
# Variance per coordinate of a 2-D Gaussian of variance 1, cut off at that radius. Its r²/2 is exponential, and
# an exponential below c has the mean 1 - c/(exp(c) - 1).
VARIANCE_INSIDE = 1 - RADIUS**2 / 2 / math.expm1(RADIUS**2 / 2)


class ModeCoverage(NamedTuple):
    """How samples cover the modes of a mixture: tensors of one number per set of samples."""

    n_modes: Tensor  # (...) int64, modes with at least one high-quality point nearest to them
    high_quality: Tensor  # (...), share of the points within 3 standard deviations of their nearest mode
    reverse_kl: Tensor  # (...), nats: KL(generated ‖ uniform) over modes, among high-quality points
    kl_with_misses: Tensor  # (...), nats: KL(generated ‖ true) over K + 1 bins, the last one the other points
    spread: Tensor  # (...), standard deviation within modes over the true one, NaN if no mode has 2 points
    counts: Tensor  # (..., K) int64, high-quality points of each mode


@torch.no_grad()
def mode_coverage(samples: Tensor, modes: Tensor, std: float) -> ModeCoverage:
    """Measure how samples cover an equal mixture of 2-D Gaussians N(modeₖ, std²·I).

    A point is of high quality if it lies within 3 std of its nearest mode. Not even a perfect sampler has only
    such points: its share is 1 - exp(-4.5), 98.89 %, and more means that the modes are filled too narrowly.
    Nor is its `reverse_kl` 0: with n points it is about (K - 1)/(2n) on average. `reverse_kl` does not see the
    other points, and is log K, its largest value, when there is no high-quality point; `kl_with_misses` gives
    them a bin, whose true share is exp(-4.5).

    `spread` compares the high-quality points of each mode with their own mean, so that a generator that puts
    all points of a mode into one place has a spread of 0, wherever that place is. It allows for the points
    that the 3 std cut off: a perfect sampler has 1, points spread evenly over the disc 1.54.

    Points that are not finite count as being of low quality: a generator that diverged has a score, too.

    Args:
        samples: (..., n, 2), any number of sets of points; the result has one number per set.
        modes: (K, 2). Both shares of a perfect sampler suppose that they lie at least 6 std apart.
        std: standard deviation of each mode, in each direction.

    Returns:
        Six tensors of shape (...), scalars for samples (n, 2), but `counts` (..., K); shares and nats float64.

    Raises:
        TypeError, ValueError: if a shape does not fit, or two modes are less than 2 std apart, where the
            density has one peak.

    Source: Srivastava et al. (2017), VEEGAN, section 5.1, for modes and high quality; Lin et al. (2018),
    PacGAN, section 4.1, for the reverse KL. The KL with misses and the spread are this course's.
    """
    std = check_number(std, "std", above=0)
    samples = as_float_tensor(samples, "samples").double()
    if samples.ndim < 2 or samples.shape[-2] == 0 or samples.shape[-1] != 2:
        raise ValueError(f"samples must have shape (..., n, 2), n at least 1, got {tuple(samples.shape)}")
    modes = check_points(modes, "modes", n_features=2).to(samples)
    _check_apart(modes, std)
    n_samples, n_modes = samples.shape[-2], len(modes)

    distance, nearest = torch.cdist(samples, modes).min(-1)  # (..., n)
    good = distance <= RADIUS * std
    which = nearest.where(good, n_modes)  # (..., n), the last bin for points of low quality
    bins = torch.zeros(*samples.shape[:-2], n_modes + 1, dtype=torch.int64, device=samples.device)
    bins.scatter_add_(-1, which, torch.ones_like(which))  # (..., K + 1)
    counts = bins[..., :-1]
    n_good, occupied = counts.sum(-1), (counts > 0).sum(-1)

    shares = bins.double() / n_samples  # (..., K + 1)
    among_good = counts.double() / n_good.clamp(min=1).unsqueeze(-1)  # (..., K)
    reverse_kl = math.log(n_modes) - torch.special.entr(among_good).sum(-1)
    true_shares = shares.new_tensor([(1 - MISSED) / n_modes] * n_modes + [MISSED])
    kl_with_misses = -(torch.special.entr(shares) + shares * true_shares.log()).sum(-1)

    offsets = (samples - modes[nearest]).where(good.unsqueeze(-1), 0)  # (..., n, 2)
    index = which.unsqueeze(-1).expand_as(offsets)
    sums = offsets.new_zeros(*bins.shape, 2).scatter_add_(-2, index, offsets)
    means = sums / bins.clamp(min=1).unsqueeze(-1)  # (..., K + 1, 2)
    squares = (offsets - means.gather(-2, index)).square().sum((-2, -1))
    variance = squares / (2 * (n_good - occupied))  # 0/0 where no mode has two points
    spread = (variance / VARIANCE_INSIDE).sqrt() / std
    return ModeCoverage(occupied, n_good.double() / n_samples, reverse_kl, kl_with_misses, spread, counts)


def _check_apart(modes: Tensor, std: float) -> None:
    if len(modes) == 1:
        return
    distances = torch.cdist(modes, modes).fill_diagonal_(torch.inf)
    if (least := distances.min()) < 2 * std:
        first, second = divmod(int(distances.argmin()), len(modes))
        raise ValueError(
            f"modes must lie at least 2 std = {2 * std:g} apart, but modes {first} and {second} are "
            f"{float(least):g} apart; use a smaller std, or other modes: linspace(0, 2π, 8) has the same angle "
            "at both ends, 2πi/8 has 8 angles"
        )
