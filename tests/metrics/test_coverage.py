"""Mode coverage: what a perfect sampler scores, generators whose faults are known, and a loop over the points."""

import math
import time

import numpy as np
import pytest
import torch
from scipy import integrate

from course_utils.data import gaussian_grid, gaussian_ring
from course_utils.metrics import ModeCoverage, mode_coverage
from course_utils.metrics.coverage import MISSED, VARIANCE_INSIDE

N = 2_500  # points per set, PacGAN's number


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def perfect(draw, std, n_sets=200):
    points, _, modes = draw(n_sets * N, std=std, generator=seeded())
    return mode_coverage(points.view(n_sets, N, 2), modes, std)


def within(values, expected, n_errors=4):
    """Whether the mean of independent values is within some of its standard errors of what is expected."""
    return abs(values.mean() - expected) < n_errors * values.std() / math.sqrt(len(values))


def truncated(power):
    """∫ r^power exp(-r²/2) dr over 0 ≤ r ≤ 3."""
    return integrate.quad(lambda r: r**power * math.exp(-(r**2) / 2), 0, 3)[0]


def test_the_two_constants_by_quadrature():
    assert pytest.approx(1 - truncated(1)) == MISSED
    assert round(100 * (1 - MISSED), 2) == 98.89
    assert pytest.approx(truncated(3) / truncated(1) / 2) == VARIANCE_INSIDE  # r² is that of two coordinates


# The known values of 0.0014 ± 0.0007 and 0.0048 ± 0.0014 come from sets of 2,500 points.
@pytest.mark.parametrize(
    ("draw", "std", "n_modes", "kl", "kl_std"),
    [(gaussian_ring, 0.01, 8, 0.0014, 0.0007), (gaussian_grid, 0.05, 25, 0.0048, 0.0014)],
)
def test_a_perfect_sampler(draw, std, n_modes, kl, kl_std):
    coverage = perfect(draw, std)
    assert (coverage.n_modes == n_modes).all()
    assert within(coverage.high_quality, 1 - MISSED)
    assert coverage.high_quality.std() == pytest.approx(math.sqrt(MISSED * (1 - MISSED) / N), rel=0.25)
    assert within(coverage.spread**2, 1)
    # 2·n·KL is about a χ² with K - 1 degrees of freedom; the misses add one.
    assert within(coverage.reverse_kl, (n_modes - 1) / (2 * N * (1 - MISSED)))
    assert within(coverage.kl_with_misses, n_modes / (2 * N), n_errors=5)
    assert coverage.reverse_kl.mean() == pytest.approx(kl, abs=0.0003)
    assert coverage.reverse_kl.std() == pytest.approx(kl_std, abs=0.0003)


def by_a_loop(samples, modes, std):
    bins = [[] for _ in range(len(modes) + 1)]
    for point in samples:
        distances = np.linalg.norm(modes - point, axis=1)
        bins[distances.argmin() if distances.min() <= 3 * std else -1].append(point)
    counts = np.array([len(points) for points in bins])
    good, shares = counts[:-1] / counts[:-1].sum(), counts / len(samples)
    truth = np.array([(1 - np.exp(-4.5)) / len(modes)] * len(modes) + [np.exp(-4.5)])
    squares = sum(len(points) * np.var(points, axis=0).sum() for points in bins[:-1] if points)
    variance = squares / 2 / (counts[:-1].sum() - (counts[:-1] > 0).sum())
    return (
        (counts[:-1] > 0).sum(),
        counts[:-1].sum() / len(samples),
        sum(p * np.log(p * len(modes)) for p in good if p),
        sum(p * np.log(p / q) for p, q in zip(shares, truth, strict=True) if p),
        np.sqrt(variance / (1 - 4.5 / (np.exp(4.5) - 1))) / std,
        counts[:-1],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_number_by_a_loop_over_the_points_and_batches_of_sets(dtype):
    points, _, modes = gaussian_ring(700, std=0.15, generator=seeded())
    samples = (points * 1.05 + 0.03)[points[:, 0] > -0.5].to(dtype)[:400].view(2, 2, 100, 2)
    coverage = mode_coverage(samples, modes.to(dtype), 0.1)
    assert coverage.counts.shape == (2, 2, 8)
    assert coverage.n_modes.dtype == torch.int64
    for i in range(2):
        for j in range(2):
            expected = by_a_loop(samples[i, j].double().numpy(), modes.double().numpy(), 0.1)
            alone = mode_coverage(samples[i, j], modes, 0.1)
            for value, single, correct in zip(coverage, alone, expected, strict=True):
                torch.testing.assert_close(value[i, j], single)
                np.testing.assert_allclose(single.numpy(), correct, rtol=1e-12)
    assert coverage.n_modes.max() < 8, "this test needs a mode that is not reached"
    assert coverage.high_quality.max() < 1


def test_one_mode_of_eight():
    points, labels, modes = gaussian_ring(8 * N, generator=seeded())
    coverage = mode_coverage(points[labels == 3], modes, 0.01)
    assert coverage.n_modes == 1
    assert coverage.counts.nonzero().tolist() == [[3]]
    assert coverage.reverse_kl.item() == pytest.approx(math.log(8))
    n = coverage.counts.sum()
    assert abs(coverage.spread**2 - 1) < 5 / math.sqrt(n), "the one mode is filled as it should be"


def test_points_of_low_quality():
    points, _, modes = gaussian_grid(N, generator=seeded())
    noise = 2 * torch.rand(N, 2, generator=seeded(1)) - 7  # outside the grid
    alone, half = mode_coverage(points, modes, 0.05), mode_coverage(torch.cat([points, noise]), modes, 0.05)
    assert half.high_quality == alone.high_quality / 2
    assert half.reverse_kl == alone.reverse_kl, "it does not see them"
    assert half.spread == alone.spread
    p = 1 - half.high_quality.item()
    at_least = p * math.log(p / MISSED) + (1 - p) * math.log((1 - p) / (1 - MISSED))  # of two bins only
    assert half.kl_with_misses > at_least > 1 > 0.02 > alone.kl_with_misses
    none = mode_coverage(noise, modes, 0.05)
    assert (none.n_modes, none.high_quality, none.counts.sum()) == (0, 0, 0)
    assert none.reverse_kl.item() == math.log(25)
    assert none.kl_with_misses.item() == pytest.approx(4.5)
    assert none.spread.isnan()


def test_points_that_are_not_finite_are_of_low_quality():
    points, _, modes = gaussian_ring(N, generator=seeded())
    bad = torch.tensor([[torch.nan, 0.0], [torch.inf, 1.0], [0.0, -torch.inf]])
    far = torch.full((3, 2), 9.0)
    for value, same in zip(
        mode_coverage(torch.cat([points, bad]), modes, 0.01),
        mode_coverage(torch.cat([points, far]), modes, 0.01),
        strict=True,
    ):
        assert torch.equal(value, same)


@pytest.mark.parametrize("narrow", [0.5, 0.0])
def test_modes_filled_too_narrowly(narrow):
    points, labels, modes = gaussian_ring(N, generator=seeded())
    centres = modes + torch.tensor([0.005, 0.005])  # beside the mode, and still within 3 std
    coverage = mode_coverage(centres[labels] + narrow * (points - modes[labels]), modes, 0.01)
    assert coverage.high_quality > 1 - MISSED
    # Of a normal of half the width, nothing worth mention is cut off; the factor for the cut remains.
    assert coverage.spread.item() == pytest.approx(narrow / VARIANCE_INSIDE**0.5, rel=0.05, abs=1e-5)


def test_modes_filled_evenly():
    generator = seeded()
    radius, angle = (
        torch.rand(N, generator=generator).sqrt(),
        2 * math.pi * torch.rand(N, generator=generator),
    )
    disc = 2.999 * radius.unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], 1)
    spread = mode_coverage(disc, torch.zeros(1, 2), 1).spread.item()
    assert spread == pytest.approx(1.54, abs=0.03)


def test_a_ring_whose_ends_coincide():
    angles = torch.linspace(0, 2 * math.pi, 8)
    modes = torch.stack([angles.cos(), angles.sin()], 1)
    with pytest.raises(
        ValueError, match=r"modes must lie at least 2 std = 0.02 apart, but modes 0 and 7.*2πi/8"
    ):
        mode_coverage(modes, modes, 0.01)
    assert mode_coverage(modes, modes[:-1], 0.01).n_modes == 7, "it has seven places"
    with pytest.raises(ValueError, match="smaller std"):
        mode_coverage(modes, modes[:-1], 0.5)


def test_what_does_not_fit_is_named():
    points, modes = torch.zeros(5, 2), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    for bad in (torch.zeros(5, 3), torch.zeros(2), torch.zeros(0, 2)):
        with pytest.raises(ValueError, match=r"samples must have shape \(..., n, 2\), n at least 1, got"):
            mode_coverage(bad, modes, 0.1)
    with pytest.raises(ValueError, match="modes must have 2 feature"):
        mode_coverage(points, torch.zeros(3, 3), 0.1)
    with pytest.raises(ValueError, match="modes contains NaN"):
        mode_coverage(points, modes * torch.nan, 0.1)
    with pytest.raises(ValueError, match="std must be greater than 0"):
        mode_coverage(points, modes, 0)


def test_it_is_quick_and_keeps_no_gradients():
    points, _, modes = gaussian_grid(N, generator=seeded())
    points.requires_grad_()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        coverage = mode_coverage(points, modes, 0.05)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.002
    assert isinstance(coverage, ModeCoverage)
    assert not any(value.requires_grad for value in coverage)
