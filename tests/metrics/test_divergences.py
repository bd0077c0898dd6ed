"""Divergences against quadrature and closed forms, and the inequalities that hold between them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from torch.distributions import Laplace, Normal, Uniform

from course_utils.metrics import gaussian_divergences, grid_divergences

GRID = torch.linspace(-14, 14, 5_601, dtype=torch.float64)  # steps of 0.005


def normal(mean, std):
    return Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64))


def gaussian_on_grid(mean, std, x=GRID):
    return torch.from_numpy(stats.norm.pdf(x.numpy(), mean, std))


def by_numpy(p, q):
    """The five integrals of two Gaussians by a sum over a million points."""
    x, step = np.linspace(-25, 25, 1_000_001, retstep=True)
    first, second = stats.norm(*p), stats.norm(*q)
    log_p, log_q = first.logpdf(x), second.logpdf(x)
    log_m = np.logaddexp(log_p, log_q) - math.log(2)
    integrands = [
        np.exp(log_p) * (log_p - log_q),
        np.exp(log_q) * (log_q - log_p),
        0.5 * (np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m)),
        0.5 * abs(np.exp(log_p) - np.exp(log_q)),
        abs(first.cdf(x) - second.cdf(x)),
    ]
    return [step * integrand.sum() for integrand in integrands]


PAIRS = [
    ((0.0, 1.0), (1.0, 1.0)),
    ((0.5, 1.0), (-0.5, 0.4)),
    ((0.0, 0.7), (0.0, 1.1)),
    ((1.0, 0.4), (0.0, 2.0)),
]


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_gaussians_by_quadrature(p, q):
    expected = by_numpy(p, q)
    np.testing.assert_allclose(gaussian_divergences(normal(*p), normal(*q)), expected, rtol=1e-7)
    # Kinks of |p - q| and |P - Q| inside a step cost the trapezoid rule an error of the order of its square.
    on_grid = grid_divergences(gaussian_on_grid(*p), gaussian_on_grid(*q), GRID)
    np.testing.assert_allclose(on_grid[:3], expected[:3], rtol=1e-7)
    np.testing.assert_allclose(on_grid[3:], expected[3:], rtol=1e-4)


def test_gaussians_of_equal_width_have_simple_forms():
    distance = torch.linspace(0, 40, 81, dtype=torch.float64)
    std = 0.8
    found = gaussian_divergences(Normal(distance, std), normal(0.0, std))
    np.testing.assert_allclose(found.kl, distance**2 / (2 * std**2))
    np.testing.assert_allclose(found.reverse_kl, found.kl)
    np.testing.assert_allclose(
        found.total_variation, special.erf(distance.numpy() / (2 * math.sqrt(2) * std)), atol=1e-15
    )
    np.testing.assert_allclose(found.wasserstein, distance, atol=1e-15)
    assert found.js[0].abs() < 1e-12
    assert (found.js.diff() >= 0).all()
    assert found.js[-1].item() == pytest.approx(math.log(2))


def test_wasserstein_is_the_distance_of_the_quantiles():
    p, q = normal([0.0, 2.0, -1.0], [1.0, 0.3, 0.5]), normal(0.3, 0.7)
    u = torch.linspace(0, 1, 400_001, dtype=torch.float64)[:-1] + 0.5 / 400_000
    expected = (p.icdf(u[:, None]) - q.icdf(u)[:, None]).abs().mean(0)
    torch.testing.assert_close(gaussian_divergences(p, q).wasserstein, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("ratio", [100, 10, 1.001, 1 + 1e-9, 1])
@pytest.mark.parametrize("distance", [0.0, 0.4, 3.0])
def test_gaussians_of_very_different_and_nearly_equal_widths(ratio, distance):
    """Against a grid that resolves the narrow one and reaches past the wide one, 1 wide."""
    narrow = np.concatenate([distance + np.linspace(-12, 12, 20_001) / ratio, np.linspace(-12, 12, 20_001)])
    x = torch.from_numpy(np.unique(narrow))
    found = gaussian_divergences(normal(0.0, 1.0), normal(distance, 1 / ratio))
    on_grid = grid_divergences(gaussian_on_grid(0.0, 1.0, x), gaussian_on_grid(distance, 1 / ratio, x), x)
    np.testing.assert_allclose(found[2:], on_grid[2:], atol=1e-6)
    back = gaussian_divergences(normal(distance, 1 / ratio), normal(0.0, 1.0))
    np.testing.assert_allclose(back, [found[i] for i in (1, 0, 2, 3, 4)], rtol=1e-9, atol=1e-9)
    for field, value in found._asdict().items():
        if distance == 0 and ratio == 1:
            assert abs(value) < 1e-12, field


def test_far_apart_the_kl_grows_and_the_js_is_flat():
    p, q = normal([2.0, 20.0, 200.0], 0.05), normal(0.0, 0.05)
    found = gaussian_divergences(p, q)
    np.testing.assert_allclose(found.kl, [800, 80_000, 8_000_000])
    np.testing.assert_allclose(found.js, math.log(2), rtol=1e-12)
    np.testing.assert_allclose(found.total_variation, 1)
    np.testing.assert_allclose(found.wasserstein, [2, 20, 200])


def test_equal_gaussians_have_no_divergence_and_no_gradient():
    parameters = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    for value in gaussian_divergences(Normal(*parameters), normal(0.3, 0.8)):
        gradient = torch.autograd.grad(value, parameters, retain_graph=True)[0]
        assert abs(value) < 1e-12
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)


@pytest.mark.parametrize("other_std", [1.0, 0.6])
def test_gradients_reach_mean_and_width(other_std):
    start = torch.tensor([0.7, 1.0], dtype=torch.float64, requires_grad=True)

    def closed(parameters):
        return torch.stack(gaussian_divergences(Normal(*parameters), normal(0.0, other_std)))

    def on_grid(parameters):
        p = Normal(*parameters).log_prob(GRID).exp()
        return torch.stack(grid_divergences(p, gaussian_on_grid(0.0, other_std), GRID))

    jacobian = torch.autograd.functional.jacobian(closed, start)
    with torch.no_grad():
        steps = 1e-5 * torch.eye(2, dtype=torch.float64)
        differences = [(closed(start + step) - closed(start - step)) / 2e-5 for step in steps]
    torch.testing.assert_close(jacobian, torch.stack(differences, 1), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(
        torch.autograd.functional.jacobian(on_grid, start), jacobian, rtol=1e-3, atol=1e-3
    )


def test_the_gradient_of_the_js_vanishes_where_that_of_wasserstein_does_not():
    mean = torch.tensor(30.0, requires_grad=True)
    found = gaussian_divergences(Normal(mean, 1.0), normal(0.0, 1.0))
    assert torch.autograd.grad(found.js, mean, retain_graph=True)[0].abs() < 1e-12
    assert torch.autograd.grad(found.wasserstein, mean, retain_graph=True)[0] == 1
    assert torch.autograd.grad(found.kl, mean)[0] == 30


def test_disjoint_supports():
    x = torch.linspace(0, 10, 1_001, dtype=torch.float64)
    box = ((x >= 1) & (x < 2)).double()
    boxes = torch.stack([box.roll(100 * shift) for shift in range(1, 8)])  # as wide, 1, 2, ... to the right
    found = grid_divergences(box, boxes, x)
    assert found.kl.isposinf().all()
    assert found.reverse_kl.isposinf().all()
    np.testing.assert_allclose(found.js, math.log(2))
    np.testing.assert_allclose(found.total_variation, 1)
    np.testing.assert_allclose(found.wasserstein, np.arange(1, 8))


def test_a_density_of_0_makes_only_one_of_the_kl_infinite():
    x = torch.linspace(0, 2, 2_001, dtype=torch.float64)
    narrow, wide = (x <= 1).double(), torch.full_like(x, 0.5)
    found = grid_divergences(narrow, wide, x)
    assert found.kl.item() == pytest.approx(math.log(2), rel=1e-3)
    assert found.reverse_kl.isposinf()
    mixture = 0.5 * math.log(4 / 3) + 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2))  # m is 3/4, then 1/4
    assert found.js.item() == pytest.approx(mixture, rel=1e-3)
    assert found.total_variation.item() == pytest.approx(0.5, rel=1e-3)
    assert found.wasserstein.item() == pytest.approx(0.5, rel=1e-3)


def test_a_density_that_is_rounded_to_0_is_0():
    p, q = gaussian_on_grid(0.0, 1.0), gaussian_on_grid(0.0, 0.3)
    found, exact = grid_divergences(p, q, GRID), gaussian_divergences(normal(0.0, 1.0), normal(0.0, 0.3))
    assert found.kl.isposinf()
    assert exact.kl < 5
    np.testing.assert_allclose(found[1:], exact[1:], rtol=1e-4)


def test_other_densities_and_an_uneven_grid():
    x = torch.from_numpy(np.unique(np.concatenate([np.linspace(-30, 30, 30_001), np.linspace(-1, 1, 9_001)])))
    laplace, wider = (Laplace(torch.zeros((), dtype=torch.float64), b) for b in (1.0, 2.0))
    found = grid_divergences(laplace.log_prob(x).exp(), wider.log_prob(x).exp(), x)
    assert found.kl.item() == pytest.approx(math.log(2) - 0.5, rel=1e-4)
    assert found.reverse_kl.item() == pytest.approx(1 - math.log(2), rel=1e-4)
    assert found.wasserstein.item() == pytest.approx(1, rel=1e-4)  # E|x| of the one less that of the other
    same = grid_divergences(laplace.log_prob(x).exp(), laplace.log_prob(x).exp(), x)
    np.testing.assert_array_equal(same, 0)


tables = st.lists(st.one_of(st.just(0.0), st.floats(1e-300, 1.0)), min_size=6, max_size=6).filter(
    lambda values: max(values) > 1e-3
)


@given(tables, tables, tables)
def test_inequalities(first, second, third):
    x = torch.tensor([0.0, 0.5, 0.7, 2.0, 3.0, 3.1], dtype=torch.float64)
    p, q, r = (torch.tensor(values, dtype=torch.float64) for values in (first, second, third))
    p, q, r = (values / torch.trapezoid(values, x) for values in (p, q, r))
    found, back = grid_divergences(p, q, x), grid_divergences(q, p, x)
    assert not any(value.isnan() for value in found)
    assert min(found) > -1e-12
    assert found.js <= math.log(2) + 1e-12
    assert found.total_variation <= 1 + 1e-12
    assert 2 * found.total_variation**2 <= min(found.kl, found.reverse_kl) + 1e-12, "Pinsker"
    assert found.total_variation**2 / 2 <= found.js + 1e-12, "Pinsker, to the middle of p and q"
    assert found.js <= math.log(2) * found.total_variation + 1e-12
    assert found.wasserstein <= 3.1 * found.total_variation + 1e-12
    for name in ("js", "total_variation", "wasserstein"):
        assert abs(getattr(found, name) - getattr(back, name)) < 1e-12, "they are symmetric"
    assert (found.kl, found.reverse_kl) == (back.reverse_kl, back.kl)
    for name in ("total_variation", "wasserstein"):
        detour = getattr(grid_divergences(p, r, x), name) + getattr(grid_divergences(r, q, x), name)
        assert getattr(found, name) <= detour + 1e-12


def test_batches_broadcast():
    means = torch.tensor([[0.0, 1.0], [2.0, 3.0], [-1.0, 4.0]], dtype=torch.float64)
    stds = torch.tensor([1.0, 0.5], dtype=torch.float64)
    closed = gaussian_divergences(Normal(means, 1.0), Normal(0.0, stds))
    p = torch.stack([torch.stack([gaussian_on_grid(float(m), 1.0) for m in row]) for row in means])
    q = torch.stack([gaussian_on_grid(0.0, float(s)) for s in stds])
    on_grid = grid_divergences(p, q, GRID)
    for exact, found in zip(closed, on_grid, strict=True):
        assert exact.shape == found.shape == (3, 2)
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-6)
    assert grid_divergences(p[0, 0], q[0], GRID).kl.shape == ()


def test_what_does_not_fit_is_named():
    p = gaussian_on_grid(0.0, 1.0)
    with pytest.raises(
        ValueError, match=r"p must integrate to 1 over x, got 0\.5.*divide by torch.trapezoid"
    ):
        grid_divergences(0.5 * p, p, GRID)
    with pytest.raises(ValueError, match=r"q must integrate to 1 over x, got 0\.5.*wider or finer grid"):
        grid_divergences(2 * p[2_800:], p[2_800:], GRID[2_800:])
    with pytest.raises(ValueError, match=r"q must be at least 0, got -.*q\.exp\(\)"):
        grid_divergences(p, p.log(), GRID)
    with pytest.raises(ValueError, match="p contains NaN"):
        grid_divergences(p * torch.nan, p, GRID)
    with pytest.raises(ValueError, match=r"q must have shape \(\.\.\., 5601\), one value per point of x"):
        grid_divergences(p, p[1:], GRID)
    for bad in (GRID.flip(0), GRID[:1], GRID[None]):
        with pytest.raises(ValueError, match="x must be an increasing grid"):
            grid_divergences(p, p, bad)
    with pytest.raises(TypeError, match=r"q must be a torch.distributions.Normal, got Uniform"):
        gaussian_divergences(Normal(0.0, 1.0), Uniform(0.0, 1.0))
