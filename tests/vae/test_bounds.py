"""The bounds against quadrature, closed forms and torch.distributions."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import MultivariateNormal, Normal

from course_utils import vae
from course_utils.distributions import categorical_log_prob, gaussian_log_prob, kl_divergence
from course_utils.vae import (
    VAE,
    Bernoulli,
    ConditionalVAE,
    Gaussian,
    elbo,
    elbo_terms,
    importance_log_weights,
    iwae_bound,
    log_marginal_likelihood,
    mlp_conditional_vae,
    mlp_vae,
    truth_on_grid,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_vae(n_features=2, latent_dim=1, hidden=(8,), likelihood=None, seed=0):
    torch.manual_seed(seed)
    return mlp_vae((n_features,), latent_dim, hidden=hidden, likelihood=likelihood or Gaussian(0.7)).double()


def linear_vae(latent_dim=2, n_features=4, std=0.5, seed=0):
    """x = W z + b + noise, with the exact posterior as its encoder: all in closed form."""
    generator = seeded(seed)
    w = torch.randn(n_features, latent_dim, generator=generator, dtype=torch.float64)
    w = torch.linalg.qr(w).Q * torch.linspace(1, 2, latent_dim)  # orthogonal columns: a diagonal posterior
    b = torch.randn(n_features, generator=generator, dtype=torch.float64)
    decoder = nn.Sequential(nn.Linear(latent_dim, n_features).double())
    encoder = nn.Sequential(nn.Linear(n_features, 2 * latent_dim).double())
    variance = 1 / (1 + w.square().sum(0) / std**2)  # (latent_dim,)
    with torch.no_grad():
        decoder[0].weight.copy_(w)
        decoder[0].bias.copy_(b)
        to_mean = variance[:, None] * w.T / std**2
        encoder[0].weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
        encoder[0].bias.copy_(torch.cat([-to_mean @ b, variance.log()]))
    model = VAE(encoder, decoder, latent_dim, Gaussian(std))
    covariance = w @ w.T + std**2 * torch.eye(n_features, dtype=torch.float64)
    return model, MultivariateNormal(b, covariance)


def kl_on_grid(model, x):
    """KL(q(z | x) ‖ p(z | x)) by the trapezoid rule."""
    truth = truth_on_grid(model, x, low=-12, high=12, n_grid=20_001)
    mean, logvar = (part.detach() for part in model.encode(x))
    log_q = torch.stack(
        [gaussian_log_prob(truth.z, float(m), float(s)) for m, s in zip(mean, logvar, strict=True)]
    )
    integrand = log_q.exp() * (log_q - truth.log_posterior)
    return torch.trapezoid(integrand, truth.z), truth


@pytest.mark.parametrize("hidden", [(), (8,)], ids=["linear", "nonlinear"])
def test_elbo_plus_kl_to_the_posterior_is_the_log_likelihood(hidden):
    model = small_vae(hidden=hidden)
    x = torch.randn(3, 2, generator=seeded(), dtype=torch.float64)
    gap, truth = kl_on_grid(model, x)
    mean, logvar = (part.detach() for part in model.encode(x))
    # The ELBO by quadrature over z, too: nothing random is left.
    z = truth.z
    for i in range(len(x)):
        log_q = gaussian_log_prob(z, float(mean[i]), float(logvar[i]))
        log_joint = model.likelihood.log_prob(x[i].expand(len(z), 2), model.output(z[:, None]).detach())
        log_joint = log_joint + gaussian_log_prob(z, 0.0, 0.0)
        bound = torch.trapezoid(log_q.exp() * (log_joint - log_q), z)
        assert float(bound + gap[i]) == pytest.approx(float(truth.log_prob[i]), abs=1e-6)
        draws = elbo(model, x[i : i + 1], n_samples=20_000, generator=seeded()).item()
        spread = (
            importance_log_weights(model, x[i : i + 1], n_importance=20_000, generator=seeded(1)).std().item()
        )
        assert abs(draws - float(bound)) < 5 * spread / math.sqrt(20_000)


def test_the_terms_are_those_of_torch_distributions():
    model = small_vae(latent_dim=3, likelihood=Bernoulli())
    x = torch.randint(0, 2, (5, 2), generator=seeded()).double()
    reconstruction, kl = elbo_terms(model, x, generator=seeded(1))
    mean, logvar = model.encode(x)
    q, prior = Normal(mean, (0.5 * logvar).exp()), Normal(torch.zeros(3).double(), torch.ones(3).double())
    torch.testing.assert_close(kl, kl_divergence(q, prior))
    z = mean + (0.5 * logvar).exp() * torch.randn(5, 3, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(reconstruction, TorchBernoulli(logits=model.output(z)).log_prob(x).sum(1))
    torch.testing.assert_close(elbo(model, x, generator=seeded(1)), reconstruction - kl)


def test_several_draws_are_averaged_example_by_example():
    model = small_vae()
    x = torch.randn(16, 2, generator=seeded(), dtype=torch.float64)  # PyTorch draws in blocks of 16
    many = elbo_terms(model, x, n_samples=7, generator=seeded(1)).reconstruction
    generator = seeded(1)
    one_by_one = [elbo_terms(model, x, generator=generator).reconstruction for _ in range(7)]
    torch.testing.assert_close(many, torch.stack(one_by_one).mean(0))


def test_with_the_exact_posterior_every_bound_is_the_log_likelihood():
    model, marginal = linear_vae()
    x = marginal.sample((6,))
    expected = marginal.log_prob(x)
    # Every importance weight is p(x): no spread at all, for any draw.
    weights = importance_log_weights(model, x, n_importance=3, generator=seeded())
    torch.testing.assert_close(weights, expected.expand(3, -1))
    estimate = log_marginal_likelihood(model, x, n_importance=10, generator=seeded())
    torch.testing.assert_close(estimate.log_prob, expected)
    assert (estimate.standard_error < 1e-6).all()
    reconstruction, kl = elbo_terms(model, x, n_samples=50_000, generator=seeded())
    torch.testing.assert_close(reconstruction - kl, expected, atol=5 * 2 / math.sqrt(50_000), rtol=0)


def test_iwae_with_one_draw_is_the_elbo_with_a_sampled_kl():
    model = small_vae()
    x = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    weights = importance_log_weights(model, x, n_importance=1, generator=seeded(1))
    torch.testing.assert_close(iwae_bound(weights), weights[0])
    reconstruction = elbo_terms(model, x, generator=seeded(1)).reconstruction
    mean, logvar = model.encode(x)
    z = mean + (0.5 * logvar).exp() * torch.randn(4, 1, generator=seeded(1), dtype=torch.float64)
    sampled_kl = gaussian_log_prob(z, mean, logvar) - gaussian_log_prob(z, 0.0, 0.0)
    torch.testing.assert_close(weights[0], reconstruction - sampled_kl)


def test_the_expected_iwae_bound_grows_with_k_and_stays_below_the_likelihood():
    model = small_vae(seed=3)
    x = 2 * torch.randn(1, 2, generator=seeded(), dtype=torch.float64)
    truth = float(truth_on_grid(model, x).log_prob)
    weights = importance_log_weights(model, x, n_importance=64_000, generator=seeded(1)).detach().flatten()
    for k in (4, 16, 64):
        groups = weights.view(-1, 4, k // 4)  # the same draws, once as k and once as four times k/4
        bound = groups.flatten(1).logsumexp(1) - math.log(k)
        smaller = (groups.logsumexp(2) - math.log(k // 4)).mean(1)
        torch.testing.assert_close(bound, iwae_bound(groups.flatten(1).T))
        gain = bound - smaller
        assert (gain >= -1e-12).all(), "Jensen's inequality holds group by group"
        assert float(gain.mean()) > 3 * float(gain.std()) / math.sqrt(len(gain))
        assert float(bound.mean()) < truth + 3 * float(bound.std()) / math.sqrt(len(bound))


def test_importance_sampling_agrees_with_quadrature_within_its_standard_error():
    model = small_vae(seed=2)
    x = torch.randn(20, 2, generator=seeded(), dtype=torch.float64)
    estimate = log_marginal_likelihood(model, x, n_importance=5_000, generator=seeded(1))
    z_scores = (estimate.log_prob - truth_on_grid(model, x).log_prob) / estimate.standard_error
    assert z_scores.abs().max() < 5
    assert 0.5 < z_scores.std() < 1.6, "the standard error is of the right size"


def test_the_estimate_does_not_depend_on_how_the_work_is_cut(monkeypatch):
    model = small_vae()
    x = torch.randn(7, 2, generator=seeded(), dtype=torch.float64)
    sizes = []
    original = vae.bounds.importance_log_weights

    def watching(model, x, **settings):
        sizes.append(len(x) * settings["n_importance"])
        return original(model, x, **settings)

    monkeypatch.setattr("course_utils.vae.bounds.importance_log_weights", watching)
    monkeypatch.setattr("course_utils.vae.bounds.ROWS_AT_ONCE", 300)
    estimate = log_marginal_likelihood(model, x, n_importance=1_000, generator=seeded())
    assert max(sizes) <= 300, "memory is bounded"
    assert sum(sizes) == 7_000
    whole = log_marginal_likelihood(model, x[:1], n_importance=1_000, generator=seeded())
    torch.testing.assert_close(whole.log_prob, estimate.log_prob[:1])


@pytest.mark.parametrize(
    "form", [elbo, lambda *a, **k: iwae_bound(importance_log_weights(*a, n_importance=3, **k))]
)
def test_the_bound_is_per_example_and_reaches_every_parameter(form):
    model = small_vae()
    x = torch.randn(5, 2, generator=seeded(), dtype=torch.float64)
    bound = form(model, x, generator=seeded())
    assert bound.shape == (5,)
    bound.mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_likelihood_of_ones_own():
    class Categorical:
        def log_prob(self, x, output):
            return categorical_log_prob(x.argmax(1), output)

        def mean(self, output):
            return output.softmax(1)

    x = torch.eye(3, dtype=torch.float64)
    model = small_vae(n_features=3, likelihood=Categorical())
    total = truth_on_grid(model, x).log_prob.exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-6), "the three outcomes are all there is"
    assert elbo(model, x, generator=seeded()).shape == (3,)


def test_the_conditional_bound_uses_the_condition_on_both_sides():
    torch.manual_seed(0)
    model = mlp_conditional_vae((2,), 1, (3,), hidden=(8,), likelihood=Gaussian(0.5)).double()
    x = torch.randn(1, 2, generator=seeded(), dtype=torch.float64).expand(3, -1)
    labels = torch.arange(3)
    truth = truth_on_grid(model, x, labels)
    assert len(set(truth.log_prob.tolist())) == 3
    estimate = log_marginal_likelihood(model, x, labels, n_importance=20_000, generator=seeded())
    assert ((estimate.log_prob - truth.log_prob).abs() < 5 * estimate.standard_error).all()
    assert elbo_terms(model, x, labels, n_samples=3, generator=seeded()).kl.unique().numel() == 3


def test_the_posterior_on_the_grid_is_finite_in_log_where_the_density_rounds_to_zero():
    model, _ = linear_vae(1, n_features=2, std=0.05)
    x = torch.full((1, 2), 3.0, dtype=torch.float64)
    truth = truth_on_grid(model, x, low=-40, high=40)
    assert (truth.posterior == 0).any(), "this test needs a density that rounds to 0"
    assert torch.isfinite(truth.log_posterior).all()
    torch.testing.assert_close(truth.posterior, truth.log_posterior.exp(), rtol=0, atol=0)
    # p(z | x) = p(x | z) p(z) / p(x), at the far end too
    z = truth.z[:1, None]
    expected = model.likelihood.log_prob(x, model.output(z)) + gaussian_log_prob(z, 0.0, 0.0) - truth.log_prob
    torch.testing.assert_close(truth.log_posterior[0, :1], expected.detach())


def test_shapes_that_do_not_fit_are_named():
    model = small_vae()
    with pytest.raises(
        ValueError, match=r"x must have the shape that the decoder gives, \(2,\).*got \(2, 1\)"
    ):
        elbo(model, torch.zeros(3, 2, 1).double())
    bad = VAE(nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 2)), 2, Gaussian())
    with pytest.raises(
        ValueError, match=r"encoder must give \(batch, 4\), a mean and a log-variance.*got \(5, 3\)"
    ):
        elbo(bad, torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"z must have shape \(batch, 1\), got \(4, 2\)"):
        model.decode(torch.zeros(4, 2).double())
    with pytest.raises(ValueError, match=r"log_weights must have shape \(k, batch\)"):
        iwae_bound(torch.zeros(3))
    with pytest.raises(ValueError, match=r"x contains NaN"):
        log_marginal_likelihood(model, torch.full((2, 2), math.nan).double())
    with pytest.raises(ValueError, match=r"latent_dim 1 for a grid"):
        truth_on_grid(small_vae(latent_dim=2), torch.zeros(1, 2).double())


def test_logits_and_probabilities_are_not_confused():
    with pytest.raises(
        ValueError, match=r"decoder must give logits.*leave out the decoder's last layer, Sigmoid"
    ):
        VAE(nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(1, 2), nn.Sigmoid()), 1, Bernoulli())
    decoder = nn.Sequential(nn.Linear(1, 4), nn.Sigmoid(), nn.Unflatten(1, (2, 2)))
    with pytest.raises(ValueError, match=r"decoder must give logits"):
        VAE(nn.Sequential(nn.Linear(4, 2)), decoder, 1)
    VAE(nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(1, 2), nn.Sigmoid()), 1, Gaussian())


def test_grey_pixels_beside_a_bernoulli_get_one_warning():
    model = small_vae(likelihood=Bernoulli())
    with pytest.warns(UserWarning, match=r"between 0 and 1.*cross-entropy.*binarize") as caught:
        elbo(model, torch.full((5, 2), 0.3).double())
    assert len(caught) == 1
    with (
        pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"),
        pytest.warns(UserWarning, match="between 0 and 1"),
    ):
        elbo(model, torch.full((5, 2), 3.0).double())


def test_conditions_are_checked():
    model = mlp_conditional_vae((2,), 1, (3, 2), likelihood=Gaussian())
    good = torch.tensor([[0, 1], [2, 0]])
    assert model.one_hot(good).tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]
    assert model.sample(good, generator=seeded()).shape == (2, 2)
    with pytest.raises(ValueError, match=r"conditions\[:, 1\] must be from 0 to 1, got 0 to 2"):
        model.one_hot(torch.tensor([[0, 0], [1, 2]]))
    with pytest.raises(ValueError, match=r"conditions must have one row per example, shape \(batch, 2\)"):
        model.one_hot(torch.tensor([0, 1]))
    with pytest.raises(TypeError, match=r"integers"):
        model.one_hot(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"one row per row of x, 3, got 2"):
        model.encode(torch.zeros(3, 2), good)
    assert isinstance(model, ConditionalVAE)


def test_samples_follow_the_likelihood():
    torch.manual_seed(0)
    model = mlp_vae((2,), 1, likelihood=Bernoulli())
    means = model.sample(20_000, generator=seeded())
    drawn = model.sample(20_000, draw=True, generator=seeded())
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(0), means.mean(0), atol=5 * 0.5 / math.sqrt(20_000))
    noisy = mlp_vae((2,), 1, likelihood=Gaussian(0.3))
    rest = noisy.sample(20_000, draw=True, generator=seeded()) - noisy.sample(20_000, generator=seeded())
    np.testing.assert_allclose(rest.std(0), 0.3, rtol=5 / math.sqrt(2 * 20_000))
