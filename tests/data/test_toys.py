import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import datasets

from course_utils.data import gaussian_grid, gaussian_ring, moons_and_ring, spiral, swiss_roll, two_moons

TOYS = [gaussian_ring, gaussian_grid, two_moons, spiral, swiss_roll, moons_and_ring]
N = 40_000
Z = 5  # standard errors; with a fixed seed each test gives the same result at every run


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("toy", TOYS)
def test_types_and_determinism(toy):
    first, second = toy(100, generator=seeded()), toy(100, generator=seeded())
    assert first.points.shape == (100, 3 if toy is swiss_roll else 2)
    assert first.points.dtype == torch.float32
    if "labels" in first._fields:
        assert first.labels.shape == (100,)
        assert first.labels.dtype == torch.int64
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first.points, toy(100, generator=seeded(1)).points)


@pytest.mark.parametrize("toy", TOYS)
def test_the_generator_is_the_only_source(toy):
    state = torch.get_rng_state()
    toy(10, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(0)
    first = toy(10).points
    torch.manual_seed(0)
    assert torch.equal(first, toy(10).points)


@pytest.mark.parametrize("toy", TOYS)
def test_bad_arguments(toy):
    with pytest.raises(ValueError, match=r"n_samples must be at least 1, got 0"):
        toy(0)
    with pytest.raises(TypeError, match=r"n_samples must be an integer, got 2.5"):
        toy(2.5)
    if toy is not moons_and_ring:
        with pytest.raises(ValueError, match=r"std must be at least 0, got -1"):
            toy(10, std=-1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_ring(10, n_modes=0), "n_modes must be at least 1"),
        (lambda: gaussian_ring(10, radius=0), "radius must be greater than 0"),
        (lambda: gaussian_grid(10, side=0), "side must be at least 1"),
        (lambda: gaussian_grid(10, spacing=-2), "spacing must be greater than 0"),
        (lambda: spiral(10, n_arms=0), "n_arms must be at least 1"),
    ],
)
def test_bad_options(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n_modes", [1, 2, 7, 8])
def test_ring_has_n_distinct_places(n_modes):
    modes = gaussian_ring(10, n_modes=n_modes, radius=3.0).modes.double()
    assert modes.norm(dim=1).tolist() == pytest.approx([3] * n_modes)
    neighbours = (modes - modes.roll(1, dims=0)).norm(dim=1)
    assert neighbours.tolist() == pytest.approx([6 * math.sin(math.pi / n_modes)] * n_modes, abs=1e-6)
    assert torch.pdist(modes).gt(0.1).all()
    assert modes[0].tolist() == pytest.approx([3, 0])


def test_grid_modes():
    modes = gaussian_grid(10).modes
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert modes.shape == (25, 2)
    assert {tuple(mode) for mode in modes.tolist()} == expected
    assert gaussian_grid(10, side=2, spacing=3.0).modes.tolist() == [
        [-1.5, -1.5],
        [-1.5, 1.5],
        [1.5, -1.5],
        [1.5, 1.5],
    ]


def assert_uniform(labels, n_labels):
    counts = torch.bincount(labels, minlength=n_labels).double()
    assert len(counts) == n_labels
    standard_error = math.sqrt(len(labels) * (1 / n_labels) * (1 - 1 / n_labels))
    assert ((counts - len(labels) / n_labels).abs() < Z * standard_error).all()


def assert_isotropic_noise(noise, std):
    """Mean 0, covariance std²·I: within Z standard errors, std/√n, std²√(2/n) and std²/√n."""
    n, d = noise.shape
    noise = noise.double()
    assert (noise.mean(0).abs() < Z * std / math.sqrt(n)).all()
    covariance = noise.T @ noise / n
    tolerance = std**2 / math.sqrt(n) * (1 + (math.sqrt(2) - 1) * torch.eye(d))
    assert ((covariance - std**2 * torch.eye(d)).abs() < Z * tolerance).all()


@pytest.mark.parametrize(("toy", "std"), [(gaussian_ring, 0.01), (gaussian_grid, 0.05)])
def test_clusters_are_drawn_around_their_modes(toy, std):
    points, labels, modes = toy(N, generator=seeded())
    assert_uniform(labels, len(modes))
    for k, mode in enumerate(modes):
        assert_isotropic_noise(points[labels == k] - mode, std)


def test_ring_follows_std():
    points, labels, modes = gaussian_ring(N, std=0.3, generator=seeded())
    assert_isotropic_noise(points - modes[labels], 0.3)


def same_distribution(ours, theirs):
    """Two-sample Kolmogorov-Smirnov test of each coordinate at the level 1e-3 (a fixed seed: no flicker)."""
    return all(stats.ks_2samp(a, b).pvalue > 1e-3 for a, b in zip(ours.T, theirs.T, strict=True))


def test_moons_are_scikit_learns():
    points, labels, _ = two_moons(5_000, std=0.1, generator=seeded())
    theirs, their_labels = datasets.make_moons(5_000, noise=0.1, random_state=0)
    assert_uniform(labels, 2)
    for k in range(2):
        assert same_distribution(points[labels == k].numpy(), theirs[their_labels == k])


def test_moons_angles_are_the_true_factor():
    points, labels, angles = two_moons(N, std=0, generator=seeded())
    upper = labels == 0
    assert torch.allclose(points[upper], torch.stack([angles.cos(), angles.sin()], 1)[upper], atol=1e-6)
    lower = torch.stack([1 - angles.cos(), 0.5 - angles.sin()], 1)[~upper]
    assert torch.allclose(points[~upper], lower, atol=1e-6)
    assert stats.kstest(angles / math.pi, "uniform").pvalue > 1e-3
    noisy = two_moons(N, std=0.2, generator=seeded())
    assert_isotropic_noise(noisy.points - points, 0.2)


def test_spiral():
    points, labels, angles = spiral(N, n_arms=3, std=0, generator=seeded())
    assert_uniform(labels, 3)
    radii = points.norm(dim=1)
    assert torch.allclose(radii, angles / (3 * math.pi), atol=1e-5)
    assert stats.kstest(radii.square(), "uniform").pvalue > 1e-3
    # Turned back by its arm's angle, every point lies on the same curve.
    turn = angles + 2 * math.pi * labels / 3
    assert torch.allclose(points, radii.unsqueeze(1) * torch.stack([turn.cos(), turn.sin()], 1), atol=1e-5)
    assert_isotropic_noise(spiral(N, n_arms=3, generator=seeded()).points - points, 0.02)


def test_swiss_roll():
    points, angles, heights = swiss_roll(5_000, std=0, generator=seeded())
    theirs, their_angles = datasets.make_swiss_roll(5_000, random_state=0)
    assert same_distribution(points.numpy(), theirs)
    assert stats.ks_2samp(angles, their_angles).pvalue > 1e-3
    assert torch.equal(points[:, 1], heights)
    assert torch.allclose(points[:, 0].hypot(points[:, 2]), angles, rtol=1e-5)
    assert_isotropic_noise(swiss_roll(5_000, generator=seeded()).points - points, 0.1)


def test_moons_and_ring():
    points, labels = moons_and_ring(N, generator=seeded())
    assert_uniform(labels, 10)
    assert points.abs().max() < 2.5
    # Standard error of a mean of n points of variance about 1; of a variance, at most √(m₄/n) with m₄ < 6.
    assert (points.mean(0).abs() < Z / math.sqrt(N)).all()
    assert ((points.var(0) - 1).abs() < 0.03 + Z * math.sqrt(6 / N)).all()
    for k in range(8):
        angle = 2 * math.pi * k / 8
        mode = 1.55 * torch.tensor([math.cos(angle), math.sin(angle)])
        assert_isotropic_noise(points[labels == 2 + k] - mode, 0.08)


def test_moons_and_ring_has_the_two_moons():
    points, labels = moons_and_ring(N, generator=seeded())
    theirs, their_labels = datasets.make_moons(8_000, noise=0.05 / 0.6, random_state=0)
    for k in range(2):
        ours = points[labels == k].numpy() / 0.6 + np.array([0.5, 0.25])
        assert same_distribution(ours, theirs[their_labels == k])
