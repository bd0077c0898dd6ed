"""Gradient estimators against the exact gradient; active units; the two parts of the KL."""

import math

import pytest
import torch
from torch import nn

from course_utils.distributions import kl_to_standard_normal
from course_utils.vae import (
    VAE,
    Gaussian,
    active_units,
    aggregate_posterior,
    mlp_vae,
    reparameterized_gradient,
    score_function_gradient,
)

N = 100_000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("estimator", [score_function_gradient, reparameterized_gradient])
def test_both_estimators_are_unbiased(estimator):
    """f(z) = Σⱼ aⱼ (zⱼ - 1)²: E f = Σⱼ aⱼ ((mⱼ - 1)² + σⱼ²), so ∂/∂m = 2a(m - 1) and ∂/∂logvar = aσ²."""
    a = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
    mean = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    logvar = torch.tensor([0.0, -1.0, 0.7], dtype=torch.float64)
    estimate = estimator(lambda z: (a * (z - 1) ** 2).sum(1), mean, logvar, n_samples=N, generator=seeded())
    for got, exact in zip(estimate, (2 * a * (mean - 1), a * logvar.exp()), strict=True):
        error = got.std(0) / math.sqrt(N)
        assert ((got.mean(0) - exact).abs() < 4.5 * error).all()
        assert ((got.mean(0) - exact).abs() / exact.abs() < 0.1).all()


def test_the_reparameterised_gradient_has_the_smaller_variance(capsys):
    """For f(z) = z² at N(m, 1), both variances by the moments of a Gaussian."""
    m = 1.0
    mean, logvar = torch.tensor([m], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    score, path = (
        estimator(lambda z: z[:, 0] ** 2, mean, logvar, n_samples=N, generator=seeded())
        for estimator in (score_function_gradient, reparameterized_gradient)
    )
    # With z = m + e: Var[z² e] = E[z⁴ e²] - (2m)², and E[(m + e)⁴ e²] = m⁴ + 18 m² + 15.
    exact = m**4 + 18 * m**2 + 15 - 4 * m**2
    assert float(score.mean.var()) == pytest.approx(exact, rel=0.1)
    assert float(path.mean.var()) == pytest.approx(4, rel=0.05)
    with capsys.disabled():
        print(f"\nvariance of the score-function gradient over the reparameterised one: {exact / 4:.1f}")


def test_a_function_of_the_wrong_shape_is_named():
    zero = torch.zeros(2)
    for estimator in (score_function_gradient, reparameterized_gradient):
        with pytest.raises(ValueError, match=r"f must give one number per row of z, \(5,\), got \(5, 2\)"):
            estimator(lambda z: z**2, zero, zero, n_samples=5)


def encoder_that_uses_the_first(latent_dim=3):
    """Posterior means: x in the first dimension, a constant in the others."""
    encoder = nn.Linear(1, 2 * latent_dim)
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.bias.zero_()
        encoder.weight[0] = 1
        encoder.bias[1] = 5.0
        encoder.bias[latent_dim] = math.log(0.01)
    return VAE(nn.Sequential(encoder), nn.Sequential(nn.Linear(latent_dim, 1)), latent_dim, Gaussian())


def test_active_units_are_those_whose_mean_varies():
    x = torch.randn(3_000, 1, generator=seeded())
    assert active_units(encoder_that_uses_the_first(), x).tolist() == [True, False, False]
    assert active_units(encoder_that_uses_the_first(), 0.05 * x).sum() == 0


def test_the_kl_splits_into_information_and_distance_to_the_prior():
    """x ~ N(0, 1), q(z|x) = N(x, 0.01): q(z) = N(0, 1.01), information ½ log(101), and 12.5 nats for the 5."""
    x = torch.randn(4_000, 1, generator=seeded())
    model = encoder_that_uses_the_first()
    split = aggregate_posterior(model, x, n_samples=3_000, generator=seeded(1))
    assert split.kl == pytest.approx(float(kl_to_standard_normal(*model.encode(x)).mean()), rel=1e-4)
    assert split.kl == pytest.approx(split.mutual_information + split.kl_to_prior)
    assert split.mutual_information == pytest.approx(0.5 * math.log(101), abs=5 * split.standard_error + 0.05)
    assert split.kl_to_prior == pytest.approx(12.5, abs=0.2)


def test_information_is_at_most_the_logarithm_of_the_number_of_examples():
    torch.manual_seed(0)
    model = mlp_vae((2,), 2, likelihood=Gaussian(0.1))
    with torch.no_grad():
        model.encoder[-1].bias[2:] = -20  # next to no noise: every example has a code of its own
    x = torch.tensor([[0.0, 0.0], [5.0, 5.0], [-5.0, 5.0]])
    split = aggregate_posterior(model, x, n_samples=500, generator=seeded())
    assert split.mutual_information == pytest.approx(math.log(3), abs=1e-4)
