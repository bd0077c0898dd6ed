"""Toy data with its true factors: drawn afresh at each call, seeded by a generator, on its device."""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.data.loaders import LabelledPoints
from course_utils.validation import check_count, check_number

__all__ = [
    "Clusters",
    "Curves",
    "SwissRoll",
    "gaussian_grid",
    "gaussian_ring",
    "moons_and_ring",
    "spiral",
    "swiss_roll",
    "two_moons",
]


class Clusters(NamedTuple):
    """Points (n, 2) float32, labels (n,) int64, and modes (m, 2): point i belongs to modes[labels[i]]."""

    points: Tensor
    labels: Tensor
    modes: Tensor


class Curves(NamedTuple):
    """Points (n, 2) float32, labels (n,) int64 (which curve), and angles (n,), the place on it in radians."""

    points: Tensor
    labels: Tensor
    angles: Tensor


class SwissRoll(NamedTuple):
    """Points (n, 3) float32 and the two true factors: angles (n,) in radians, heights (n,)."""

    points: Tensor
    angles: Tensor
    heights: Tensor


def gaussian_ring(
    n_samples: int,
    *,
    n_modes: int = 8,
    radius: float = 1.0,
    std: float = 0.01,
    generator: Generator | None = None,
) -> Clusters:
    """Draw from an equal mixture of Gaussians on a circle: modes at angles 2πi/n_modes, covariance std²·I.

    Args:
        n_samples: number of points.
        n_modes: number of Gaussians; all lie at different places (`linspace(0, 2π, 8)` would give only 7).
        radius: distance of the modes from the origin.
        std: standard deviation of each Gaussian, in each direction.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.

    Source: Lin et al. (2018), PacGAN, whose synthetic data the defaults give.
    """
    n_modes = check_count(n_modes, "n_modes")
    radius = check_number(radius, "radius", above=0)
    return _draw_around(_ring_modes(n_modes, radius), n_samples, std, generator)


def gaussian_grid(
    n_samples: int,
    *,
    side: int = 5,
    spacing: float = 2.0,
    std: float = 0.05,
    generator: Generator | None = None,
) -> Clusters:
    """Draw from an equal mixture of side² Gaussians on a square grid centred at 0, covariance std²·I.

    Args:
        n_samples: number of points.
        side: modes per row; by default they are {-4, -2, 0, 2, 4}².
        spacing: distance of neighbouring modes.
        std: standard deviation of each Gaussian, in each direction.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.

    Source: Lin et al. (2018), PacGAN, whose synthetic data the defaults give.
    """
    side = check_count(side, "side")
    spacing = check_number(spacing, "spacing", above=0)
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    return _draw_around(torch.cartesian_prod(ticks, ticks), n_samples, std, generator)


def two_moons(n_samples: int, *, std: float = 0.05, generator: Generator | None = None) -> Curves:
    """Draw two interleaved half circles: (cos t, sin t) and (1 - cos t, ½ - sin t), t ~ U[0, π], plus noise.

    Args:
        n_samples: number of points, on either moon (label 0: the upper, 1: the lower) with probability ½.
        std: standard deviation of the noise, in each direction.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.
    """
    n_samples = check_count(n_samples, "n_samples")
    std = check_number(std, "std", minimum=0)
    device = _device(generator)
    labels = torch.randint(2, (n_samples,), generator=generator, device=device)
    angles = math.pi * torch.rand(n_samples, generator=generator, device=device)
    noise = std * torch.randn(n_samples, 2, generator=generator, device=device)
    return Curves(_moons(angles, labels) + noise, labels, angles)


def spiral(
    n_samples: int, *, n_arms: int = 2, std: float = 0.02, generator: Generator | None = None
) -> Curves:
    """Draw a spiral of 1½ turns: radius r = √u, u ~ U[0, 1], at angle 3πr + 2π·arm/n_arms, plus noise.

    The root spreads the points almost evenly along each arm. The result's `angles` are 3πr, in [0, 3π].

    Args:
        n_samples: number of points, on each arm with the same probability.
        n_arms: number of arms; they meet in the centre.
        std: standard deviation of the noise, in each direction.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.
    """
    n_samples = check_count(n_samples, "n_samples")
    n_arms = check_count(n_arms, "n_arms")
    std = check_number(std, "std", minimum=0)
    device = _device(generator)
    labels = torch.randint(n_arms, (n_samples,), generator=generator, device=device)
    radii = torch.rand(n_samples, generator=generator, device=device).sqrt()
    noise = std * torch.randn(n_samples, 2, generator=generator, device=device)
    angles = 3 * math.pi * radii
    turned = angles + 2 * math.pi / n_arms * labels
    points = radii.unsqueeze(1) * torch.stack([turned.cos(), turned.sin()], dim=1)  # (n, 2)
    return Curves(points + noise, labels, angles)


def swiss_roll(n_samples: int, *, std: float = 0.1, generator: Generator | None = None) -> SwissRoll:
    """Draw a rolled-up sheet in 3-D: (t cos t, h, t sin t), t ~ U[3π/2, 9π/2], h ~ U[0, 21], plus noise.

    It has no classes, so no labels: its true factors are the angle t and the height h.

    Args:
        n_samples: number of points.
        std: standard deviation of the noise, in each direction; neighbouring layers are 2π apart.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.

    Source: Marsland (2014), Machine Learning: An Algorithmic Perspective, chapter 6, as in scikit-learn.
    """
    n_samples = check_count(n_samples, "n_samples")
    std = check_number(std, "std", minimum=0)
    device = _device(generator)
    angles = 1.5 * math.pi * (1 + 2 * torch.rand(n_samples, generator=generator, device=device))
    heights = 21 * torch.rand(n_samples, generator=generator, device=device)
    noise = std * torch.randn(n_samples, 3, generator=generator, device=device)
    points = torch.stack([angles * angles.cos(), heights, angles * angles.sin()], dim=1)  # (n, 3)
    return SwissRoll(points + noise, angles, heights)


def moons_and_ring(n_samples: int, *, generator: Generator | None = None) -> LabelledPoints:
    """Draw from the course's running example: two moons in the middle of a ring of eight Gaussians.

    Every family of models is fitted to it and drawn in the same way, so that pictures can be compared. Each
    of the ten parts has probability 1/10. The mean is 0, the variance of each coordinate 1 to within 3 %, and
    the points lie well inside [-3, 3]².

    Args:
        n_samples: number of points (n, 2) float32; labels (n,) are 0 (upper moon), 1 (lower moon), and 2 to 9
            (the ring's modes, counter-clockwise from the positive x axis).
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if `n_samples` is no integer, or less than 1.
    """
    n_samples = check_count(n_samples, "n_samples")
    device = _device(generator)
    labels = torch.randint(10, (n_samples,), generator=generator, device=device)
    angles = math.pi * torch.rand(n_samples, generator=generator, device=device)
    noise = torch.randn(n_samples, 2, generator=generator, device=device)
    on_moon = labels.unsqueeze(1) < 2  # (n, 1)
    moons = 0.6 * (_moons(angles, labels) - torch.tensor([0.5, 0.25], device=device))
    modes = _ring_modes(8, radius=1.55).to(device)[labels - 2]  # a moon's row is not used
    points = torch.where(on_moon, moons + 0.05 * noise, modes + 0.08 * noise)
    return LabelledPoints(points, labels)


def _device(generator: Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device


def _ring_modes(n_modes: int, radius: float) -> Tensor:
    angles = 2 * math.pi / n_modes * torch.arange(n_modes, dtype=torch.float64)
    return (radius * torch.stack([angles.cos(), angles.sin()], dim=1)).float()  # (n_modes, 2)


def _moons(angles: Tensor, labels: Tensor) -> Tensor:
    upper = torch.stack([angles.cos(), angles.sin()], dim=1)
    lower = torch.stack([1 - angles.cos(), 0.5 - angles.sin()], dim=1)
    return torch.where(labels.unsqueeze(1) == 0, upper, lower)  # (n, 2)


def _draw_around(modes: Tensor, n_samples: int, std: float, generator: Generator | None) -> Clusters:
    n_samples = check_count(n_samples, "n_samples")
    std = check_number(std, "std", minimum=0)
    device = _device(generator)
    modes = modes.to(device)
    labels = torch.randint(len(modes), (n_samples,), generator=generator, device=device)
    noise = std * torch.randn(n_samples, 2, generator=generator, device=device)
    return Clusters(modes[labels] + noise, labels, modes)
