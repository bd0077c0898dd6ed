"""The Fréchet distance between images as a judge sees them, always beside that of real ones."""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data import load_mnist
from course_utils.metrics.judges import judge
from course_utils.validation import check_points

__all__ = ["FrechetScore", "frechet_distance", "frechet_of_features", "frechet_on_mnist"]


class FrechetScore(NamedTuple):
    """A Fréchet distance and the one that real images have."""

    distance: float  # images to the 10,000 test images
    floor: float  # 10,000 drawn training images to the 10,000 test images
    floors: float  # distance / floor: 1 is as good as real images


@torch.no_grad()
def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two sets of features, ‖μₐ - μ_b‖² + tr(Σₐ + Σ_b - 2 (Σₐ Σ_b)^½), as the FID.

    Each set is taken for a Gaussian with its mean μ and covariance Σ (divided by n - 1); the result is the
    square of the Wasserstein-2 distance of the two, 0 if they are equal. It is biased upwards, the more the
    fewer features there are: compare distances of equally many. Fewer than d are allowed.

    Args:
        a: (n, d), n at least 2.
        b: (m, d), m at least 2.

    Returns:
        In units of the features, squared; computed in float64.

    Raises:
        TypeError, ValueError: if a shape does not fit, or a value is not finite.

    Source: Dowson and Landau (1982); Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule.
    """
    a = check_points(a, "a").double()
    b = check_points(b, "b", n_features=a.shape[1]).to(a)
    (mean_a, root_a), (mean_b, root_b) = _moments(a, "a"), _moments(b, "b")
    # With Σ = RᵀR, the eigenvalues of Σₐ Σ_b are the squares of the singular values of Rₐ R_bᵀ.
    overlap = torch.linalg.svdvals(root_a @ root_b.T).sum()
    traces = root_a.square().sum() + root_b.square().sum()
    return float((mean_a - mean_b).square().sum() + (traces - 2 * overlap).clamp(min=0))


def _moments(x: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Mean (d,) and a root R (min(n, d), d) of the covariance RᵀR."""
    if len(x) < 2:
        raise ValueError(f"{name} must have at least 2 rows, as one has no covariance, got {len(x)}")
    mean = x.mean(0)
    return mean, torch.linalg.qr(x - mean).R / (len(x) - 1) ** 0.5


def frechet_on_mnist(images: Tensor) -> FrechetScore:
    """Fréchet distance of generated digits to MNIST's test images, and how many times that of real ones.

    The features are those of the bundled judge; with another one the distance would be another, but about the
    same multiple of the floor. The floor is the distance of 10,000 training images, drawn once for all: 1.72.
    Over such draws it is 1.9 on average, with a standard deviation of 0.2, so a multiple is known to 10 %.

    The order of MNIST matters: its training images come in turn from two sources, which are 30 floors apart,
    and so are the two halves of its test images. Compare with drawn images, never with every second one.

    Args:
        images: (n, 28, 28) in [0, 1]. Use 10,000, as the floor does: fewer have a larger distance, real ones
            about 2 floors with 2,000 and 6 floors with 500.

    Raises:
        TypeError, ValueError: if the shape is another, a value leaves [0, 1], or there are fewer than 2.
    """
    return frechet_of_features(judge("mnist").features(images))


def frechet_of_features(features: Tensor) -> FrechetScore:
    """What `frechet_on_mnist` gives, for who has the features already: they are most of its time.

    Args:
        features: of generated digits, `judge("mnist").features(images)`.

    Raises:
        TypeError, ValueError: if the shape is another, a value is not finite, or there are fewer than 2.
    """
    real = _test_features()
    features = check_points(features, "features", n_features=real.shape[1])
    distance, floor = frechet_distance(features, real), _floor()
    return FrechetScore(distance, floor, distance / floor)


@functools.cache
def _test_features() -> Tensor:
    return judge("mnist").features(load_mnist("test").images)


@functools.cache
def _floor() -> float:
    images = load_mnist("train").images
    drawn = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:10_000]
    return frechet_distance(judge("mnist").features(images[drawn]), _test_features())
