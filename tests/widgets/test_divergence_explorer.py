"""DivergenceExplorer without a browser: state, errors, and numbers against closed forms and quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from traitlets import TraitError

from course_utils.metrics import gaussian_divergences
from course_utils.widgets import DivergenceExplorer

KINDS = ["Gaussian", "uniform", "two Gaussians"]
HILLS = ["Gaussian", "two Gaussians"]
PAIRS = [(p, q) for p in KINDS for q in KINDS]
PLACES = [(-1.0, 0.5, 1.5, 0.8), (0.4, 1.2, -0.3, 0.4), (-2.0, 0.3, 2.0, 0.3)]  # centre and width of p, of q


def explorer_of(kinds, place):
    (p_kind, q_kind), (p_centre, p_width, q_centre, q_width) = kinds, place
    return DivergenceExplorer(
        p_kind=p_kind, p_centre=p_centre, p_width=p_width, q_kind=q_kind, q_centre=q_centre, q_width=q_width
    )


class Known:
    """The same density by SciPy."""

    def __init__(self, kind, centre, width):
        self.flat = kind == "uniform"
        if self.flat:
            self.parts = [stats.uniform(centre - width, 2 * width)]
            self.ends = [centre - width, centre + width]
        else:
            offsets, std = ([0], width) if kind == "Gaussian" else ([-width, width], width / 3)
            self.parts = [stats.norm(centre + offset, std) for offset in offsets]
            self.ends = [centre - 8 * width, centre + 8 * width]

    def pdf(self, x):
        return np.mean([part.pdf(x) for part in self.parts], axis=0)

    def logpdf(self, x):
        return np.logaddexp.reduce([part.logpdf(x) for part in self.parts]) - math.log(len(self.parts))

    def cdf(self, x):
        return np.mean([part.cdf(x) for part in self.parts], axis=0)


def quadrature(function, *densities):
    """By Gauss and Legendre, in 2,000 pieces without a jump."""
    ends = [end for density in densities for end in density.ends]
    edges = np.unique(np.concatenate([np.linspace(min(ends), max(ends), 2000), ends]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        values = function(edges[:-1, None] + half * (1 + nodes))
    return float((half * weights * values).sum())


def known(explorer):
    return Known(*explorer.p), Known(*explorer.q)


def kl_by_quadrature(p, q):
    if q.flat and not (p.flat and p.ends[0] >= q.ends[0] and p.ends[1] <= q.ends[1]):
        return math.inf
    return quadrature(lambda x: np.where(p.pdf(x) > 0, p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), 0), p, q)


def js_by_quadrature(p, q):
    def term(a, b):
        return np.where(a > 0, a * np.log(2 * a / (a + b)), 0) / 2

    return quadrature(lambda x: term(p.pdf(x), q.pdf(x)) + term(q.pdf(x), p.pdf(x)), p, q)


def w1_by_quadrature(p, q):
    return quadrature(lambda x: abs(p.cdf(x) - q.cdf(x)), p, q)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kinds", PAIRS)
def test_divergences_are_those_of_quadrature(kinds, place):
    explorer = explorer_of(kinds, place)
    p, q = known(explorer)
    found = explorer.divergences
    assert float(found.kl) == pytest.approx(kl_by_quadrature(p, q), rel=1e-5)
    assert float(found.reverse_kl) == pytest.approx(kl_by_quadrature(q, p), rel=1e-5)
    assert float(found.js) == pytest.approx(js_by_quadrature(p, q), rel=1e-5)
    tv = quadrature(lambda x: 0.5 * abs(p.pdf(x) - q.pdf(x)), p, q)
    assert float(found.total_variation) == pytest.approx(tv, rel=1e-5)
    assert float(found.wasserstein) == pytest.approx(w1_by_quadrature(p, q), rel=1e-4)


@pytest.mark.parametrize("distance", [0.0, 0.4, 3.0, 8.0])
def test_of_gaussians_all_divergences_are_known(distance):
    explorer = DivergenceExplorer(p_centre=-4, p_width=0.3, q_centre=-4 + distance, q_width=0.3)
    found = explorer.divergences
    assert float(found.kl) == pytest.approx(distance**2 / (2 * 0.09), abs=1e-9)
    assert float(found.total_variation) == pytest.approx(math.erf(distance / 0.6 / math.sqrt(2)), abs=1e-6)
    assert float(found.wasserstein) == pytest.approx(distance, abs=1e-6)
    explorer.q_width = 1.1
    normals = [torch.distributions.Normal(d.centre, d.width) for d in (explorer.p, explorer.q)]
    for mine, exact in zip(explorer.divergences, gaussian_divergences(*normals), strict=True):
        assert float(mine) == pytest.approx(float(exact), rel=1e-5, abs=1e-7)


def test_of_segments_all_divergences_are_known():
    explorer = explorer_of(("uniform", "uniform"), (0, 0.5, 0.25, 1.0))
    found = [float(value) for value in explorer.divergences]
    js = math.log(2) + 0.5 * (math.log(2 / 3) + 0.5 * math.log(1 / 3))
    # p is inside q; the quantiles differ by 0.25 + t with t even over [-0.5, 0.5].
    assert found == pytest.approx([math.log(2), math.inf, js, 0.5, 0.3125], rel=1e-5)
    explorer.q_centre, explorer.q_width = 3.0, 0.5
    assert [float(value) for value in explorer.divergences] == pytest.approx(
        [math.inf, math.inf, math.log(2), 1.0, 3.0], rel=1e-6
    )
    explorer.q_centre = 0.0
    assert [float(value) for value in explorer.divergences] == pytest.approx([0.0] * 5, abs=1e-9)


def test_ends_that_agree_up_to_rounding_are_the_same():
    explorer = explorer_of(("uniform", "uniform"), (0.1, 0.7, 0.4, 0.4))
    assert explorer.p.ends[1] != explorer.q.ends[1]
    assert math.isfinite(explorer.divergences.reverse_kl)
    explorer.q_centre = 0.41
    assert math.isinf(explorer.divergences.reverse_kl)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kinds", PAIRS)
def test_gradients_are_the_expected_slopes_of_the_losses(kinds, place):
    explorer = explorer_of(kinds, place)
    p, q = known(explorer)

    def expected(loss):
        def logit(x):
            return p.logpdf(x) - q.logpdf(x)

        def term(x):
            a, b = logit(x - 1e-6), logit(x + 1e-6)
            slope = (loss(b) - loss(a)) / 2e-6
            return np.where(np.isfinite(a) & np.isfinite(b), q.pdf(x) * slope, 0)  # no jump is crossed

        return quadrature(term, p, q)

    found = explorer.gradients
    assert found.saturating == pytest.approx(
        expected(lambda logit: -np.logaddexp(0, logit)), rel=1e-3, abs=1e-9
    )
    assert found.non_saturating == pytest.approx(
        expected(lambda logit: np.logaddexp(0, -logit)), rel=1e-3, abs=1e-9
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("p_kind", HILLS)
@pytest.mark.parametrize("q_kind", HILLS)
def test_gradients_are_those_of_divergences(p_kind, q_kind, place):
    """Saturating: of 2 JS. Non-saturating: of KL(q ‖ p) - 2 JS (Arjovsky and Bottou 2017, theorem 2.5)."""
    explorer = explorer_of((p_kind, q_kind), place)

    def slope(divergence):
        values = []
        for side in (-1, 1):
            explorer.q_centre = place[2] + side * 1e-3
            values.append(divergence(*known(explorer)))
        explorer.q_centre = place[2]
        return (values[1] - values[0]) / 2e-3

    found, js = explorer.gradients, slope(js_by_quadrature)
    assert found.saturating == pytest.approx(2 * js, rel=1e-3, abs=1e-7)
    reverse_kl = slope(lambda p, q: kl_by_quadrature(q, p))
    assert found.non_saturating == pytest.approx(reverse_kl - 2 * js, rel=1e-3, abs=1e-7)
    assert found.wasserstein == pytest.approx(slope(w1_by_quadrature), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("kinds", [("uniform", "uniform"), ("uniform", "Gaussian"), ("Gaussian", "uniform")])
def test_the_slope_of_w1_where_there_are_segments(kinds):
    explorer = explorer_of(kinds, (0.0, 0.6, 0.5, 1.0))
    values = []
    for centre in (0.499, 0.501):
        explorer.q_centre = centre
        values.append(w1_by_quadrature(*known(explorer)))
    explorer.q_centre = 0.5
    assert explorer.gradients.wasserstein == pytest.approx((values[1] - values[0]) / 0.002, rel=1e-3)


def test_far_apart_one_loss_vanishes_one_explodes_and_wasserstein_is_1():
    explorer = DivergenceExplorer(p_centre=-4, p_width=0.3, q_centre=4, q_width=0.3)
    found = explorer.gradients
    assert 0 < found.saturating < 1e-30
    assert found.non_saturating == pytest.approx(8 / 0.09)
    assert found.wasserstein == pytest.approx(1)
    assert float(explorer.divergences.js) == pytest.approx(math.log(2), abs=1e-9)
    explorer.p_centre, explorer.q_centre = 4, -4
    assert explorer.gradients == pytest.approx([-gradient for gradient in found])


@pytest.mark.parametrize("kinds", PAIRS)
def test_no_push_where_the_centres_agree(kinds):
    assert explorer_of(kinds, (0.3, 0.5, 0.3, 1.5)).gradients == (0, 0, 0)


def test_no_gradient_on_segments_but_wassersteins():
    explorer = explorer_of(("uniform", "uniform"), (0.0, 0.5, 0.5, 0.5))
    assert explorer.gradients == (0, 0, pytest.approx(1))


def test_descent_can_lead_away_from_the_centre_of_p():
    """To the nearer of its two peaks."""
    explorer = explorer_of(("two Gaussians", "Gaussian"), (0.0, 1.5, 0.6, 0.3))
    assert explorer.gradients.saturating < 0
    assert explorer.gradients.non_saturating < 0


def test_state_given_at_the_start_and_set_later():
    explorer = DivergenceExplorer(p_kind="two Gaussians", q_centre=-0.5)
    assert explorer.p == ("two Gaussians", -1.0, 0.5)
    assert explorer.q == ("Gaussian", -0.5, 0.5)
    explorer.q_width, explorer.q_centre = torch.tensor([[1.5]]), np.float64(2)
    assert explorer.q == ("Gaussian", 2.0, 1.5)
    assert "DivergenceExplorer of two Gaussians at -1 and Gaussian at 2" in repr(explorer)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        (
            "p_kind",
            "Cauchy",
            r"p_kind must be one of \['Gaussian', 'uniform', 'two Gaussians'\], got 'Cauchy'",
        ),
        ("q_kind", "gaussian", "q_kind must be one of .* got 'gaussian'"),
        ("p_centre", 4.5, "p_centre must be from -4 to 4, got 4.5"),
        ("q_centre", float("nan"), "q_centre must be from -4 to 4, got nan"),
        ("p_width", 0, "p_width must be from 0.3 to 2, got 0"),
        ("q_width", float("inf"), "q_width must be from 0.3 to 2, got inf"),
    ],
)
def test_wrong_state_is_refused(trait, value, message):
    explorer = DivergenceExplorer()
    before = getattr(explorer, trait)
    with pytest.raises(TraitError, match=message):
        setattr(explorer, trait, value)
    assert getattr(explorer, trait) == before
    with pytest.raises(TraitError, match=message):
        DivergenceExplorer(**{trait: value})
