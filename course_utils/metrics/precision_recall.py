"""Precision and recall of generated examples: are they like real ones, and are all kinds of real ones there."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.validation import check_count, check_points

__all__ = ["PrecisionRecall", "precision_recall"]


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1."""

    precision: float  # share of the generated examples that lie among real ones
    recall: float  # share of the real examples that lie among generated ones


@torch.no_grad()
def precision_recall(real: Tensor, fake: Tensor, *, k: int = 3, size: int = 1_000) -> PrecisionRecall:
    """Estimate both from neighbours: an example lies among others if it is within one's own k-th distance.

    Each set is taken to fill the balls around its points that reach to their k-th nearest neighbour in the
    set. Two samples of the same distribution do not reach 1, and the shares depend on how many points there
    are: compare sets of the same size. Low precision is poor quality, low recall dropped modes.

    Args:
        real: (n, d), features of real examples.
        fake: (m, d), features of generated ones.
        k: which nearest neighbour gives the radius of a ball.
        size: points compared at a time; memory grows with size·(n + m).

    Raises:
        TypeError, ValueError: if the shapes do not fit, or a set has no more than k points.

    Source: Kynkäänniemi et al. (2019), Improved Precision and Recall Metric, equations 1 and 2.
    """
    real = check_points(real, "real")
    fake = check_points(fake, "fake", n_features=real.shape[1]).to(real)
    k, size = check_count(k, "k"), check_count(size, "size")
    for x, name in ((real, "real"), (fake, "fake")):
        if len(x) <= k:
            raise ValueError(f"{name} must have more than k = {k} points, got {len(x)}; use a smaller k")
    centre = real.mean(0)  # distances come from matrix products, which are exact near 0
    real, fake = real - centre, fake - centre
    real_radii, fake_radii = _radii(real, k, size), _radii(fake, k, size)
    n_precise, recalled = 0, torch.zeros_like(real_radii, dtype=torch.bool)
    for part, radii in zip(fake.split(size), fake_radii.split(size), strict=True):
        distances = torch.cdist(part, real)  # (size, n)
        n_precise += int((distances <= real_radii).any(1).sum())
        recalled |= (distances <= radii.unsqueeze(1)).any(0)
    return PrecisionRecall(n_precise / len(fake), recalled.double().mean().item())


def _radii(x: Tensor, k: int, size: int) -> Tensor:
    """Distance of each point to its k-th nearest neighbour, not counting itself, (n,)."""
    radii = []
    for start, part in zip(range(0, len(x), size), x.split(size), strict=True):
        distances = torch.cdist(part, x)  # (size, n)
        distances.diagonal(start).fill_(torch.inf)
        radii.append(distances.kthvalue(k, dim=1).values)
    return torch.cat(radii)
