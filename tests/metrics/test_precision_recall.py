"""Precision and recall against a loop over all pairs, and generators whose faults are known."""

import pytest
import torch

from course_utils.data import gaussian_ring
from course_utils.metrics import precision_recall


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def share_inside(points, of, k):
    """Share of the points that lie in a ball of the other set, by the definition."""

    def radius(i):
        return sorted(float((of[i] - y).norm()) for j, y in enumerate(of) if j != i)[k - 1]

    radii = [radius(i) for i in range(len(of))]
    inside = [any(float((x - y).norm()) <= r for y, r in zip(of, radii, strict=True)) for x in points]
    return sum(inside) / len(points)


@pytest.mark.parametrize("k", [1, 3])
def test_both_by_a_loop(k):
    real, fake = drawn(40, 3), 0.5 * drawn(30, 3, seed=1) + 0.4
    found = precision_recall(real, fake, k=k)
    assert found == (share_inside(fake, real, k), share_inside(real, fake, k))
    assert found.precision != found.recall
    assert 0 < min(found) < max(found) < 1
    assert precision_recall(fake, real, k=k) == found[::-1], "the other way round"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_work_in_parts_is_that_in_one(dtype):
    real, fake = drawn(130, 4).to(dtype), drawn(110, 4, seed=1).to(dtype)
    whole = precision_recall(real, fake)
    assert precision_recall(real, fake, size=37) == whole
    assert precision_recall(real + 1_000, fake + 1_000) == pytest.approx(whole, abs=0.02), "far from 0"


def ring(n, seed):
    return gaussian_ring(n, generator=torch.Generator().manual_seed(seed))


def test_half_of_the_modes_are_precise_and_recall_half():
    real, (points, labels, _) = ring(1_000, 0), ring(2_000, 1)
    whole, half = (
        precision_recall(real.points, points[:1_000]),
        precision_recall(real.points, points[labels < 4]),
    )
    assert min(whole) > 0.85
    assert half.precision == pytest.approx(whole.precision, abs=0.05)
    assert half.recall == pytest.approx(float((real.labels < 4).double().mean()), abs=0.05)


def test_half_of_the_points_are_noise():
    real, fake = ring(1_000, 0), ring(1_000, 1).points
    fake[::2] = 5 * drawn(500, 2, seed=2).float() + 20
    found = precision_recall(real.points, fake)
    assert found.precision == pytest.approx(0.5, abs=0.06)
    assert found.recall > 0.8, "as the other half still reaches every mode"


def test_equal_and_disjoint_sets():
    real = drawn(50, 5)
    assert precision_recall(real, real.flip(0)) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    same = real[:1] + 0.01 * drawn(20, 5, seed=1)
    assert precision_recall(real, same) == (1, 1 / 50), "nearly one example, over and over"


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match="fake must have 3 feature"):
        precision_recall(torch.zeros(5, 3), torch.zeros(5, 2))
    with pytest.raises(ValueError, match="fake must have more than k = 3 points, got 3; use a smaller k"):
        precision_recall(torch.zeros(5, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="real contains NaN"):
        precision_recall(torch.full((5, 3), torch.nan), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="k must be at least 1"):
        precision_recall(torch.zeros(5, 3), torch.zeros(5, 3), k=0)
