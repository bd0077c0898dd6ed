"""ELBOExplorer without a browser: its state, its errors, and its numbers against closed forms and other quadrature."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import nn
from traitlets import TraitError

from course_utils.vae import VAE, Bernoulli, Gaussian, mlp_conditional_vae, mlp_vae, truth_on_grid
from course_utils.widgets import ELBOExplorer

X = [[1.2, 0.3], [0.0, -0.4], [-1.5, 2.0]]


class Arc(nn.Module):
    """A decoder whose posterior has two modes where x is above the middle of the arc."""

    def forward(self, z):
        return torch.cat([1.5 * z, z.square() - 1], 1)


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2))


def curved(std=0.5):
    return VAE(encoder(), nn.Sequential(Arc()), 1, Gaussian(std))


def linear(std=0.5):
    """E[x | z] = w z + b, for which p(z | x) is a Gaussian in closed form."""
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [0.5]]))
        layer.bias.copy_(torch.tensor([0.25, -0.5]))
    return VAE(encoder(), nn.Sequential(layer), 1, Gaussian(std))


def exact_posterior(x, std=0.5):
    """Bishop (2006), equations 2.116 and 2.117."""
    w, b = np.array([1.0, 0.5]), np.array([0.25, -0.5])
    variance = 1 / (1 + w @ w / std**2)
    return variance * w @ (np.array(x) - b) / std**2, variance


@pytest.fixture(scope="module")
def two_models():
    return ELBOExplorer({"linear": linear(), "curved": curved()}, X)


@pytest.mark.parametrize("mean", [-4.0, -0.3, 4.0])
@pytest.mark.parametrize("logvar", [-7.8, -1.0, 1.4])
@pytest.mark.parametrize("name", ["linear", "curved"])
def test_the_bound_and_the_gap_are_log_p(two_models, name, mean, logvar):
    explorer = two_models
    explorer.model, explorer.mean, explorer.logvar, explorer.index = name, mean, logvar, 2
    assert explorer.elbo + explorer.gap == pytest.approx(explorer.log_prob, abs=1e-6)
    assert explorer.elbo == explorer.reconstruction - explorer.kl
    assert explorer.gap > -1e-9


@pytest.mark.parametrize("index", range(len(X)))
def test_of_a_linear_decoder_all_terms_are_known(index):
    explorer = ELBOExplorer(linear(), X, index=index)
    mean, variance = exact_posterior(X[index])
    w, b = np.array([1.0, 0.5]), np.array([0.25, -0.5])
    marginal = stats.multivariate_normal(b, np.outer(w, w) + 0.25 * np.eye(2))
    assert explorer.log_prob == pytest.approx(marginal.logpdf(X[index]), abs=1e-6)
    explorer.mean, explorer.logvar = mean, np.log(variance)
    assert explorer.gap == pytest.approx(0, abs=1e-6), "q is the posterior"
    assert explorer.elbo == pytest.approx(explorer.log_prob, abs=1e-6)
    explorer.mean, explorer.logvar = mean + 0.7, np.log(2 * variance)
    gap = 0.5 * (2 + 0.49 / variance - 1 - np.log(2))  # KL between two Gaussians
    assert explorer.gap == pytest.approx(gap, abs=1e-6)


def test_a_curved_decoder_against_adaptive_quadrature_and_the_truth_on_a_grid():
    model, x = curved().double(), torch.tensor(X[2], dtype=torch.float64)
    explorer = ELBOExplorer(model, X, index=2)
    explorer.mean, explorer.logvar = 0.8, -0.6
    q = stats.norm(0.8, np.exp(-0.3))

    def log_likelihood(z):
        decoded = np.array([1.5 * z, z * z - 1])
        return stats.norm(decoded, 0.5).logpdf(x.numpy()).sum()

    expected = integrate.quad(lambda z: q.pdf(z) * log_likelihood(z), -8, 8, epsabs=1e-10, limit=200)[0]
    assert explorer.reconstruction == pytest.approx(expected, abs=1e-6)
    assert explorer.log_prob == pytest.approx(float(truth_on_grid(model, x[None]).log_prob), abs=1e-7)


def test_what_the_browser_gets():
    models = {"linear": linear(), "curved": curved()}
    explorer = ELBOExplorer(models, X)
    tables = np.frombuffer(explorer._log_likelihood).reshape(2, 3, -1)
    z = np.linspace(-explorer.reach, explorer.reach, tables.shape[2])
    for name, table in zip(models, tables, strict=True):
        for i in (0, 900, 1024, 2048):
            output = models[name].double().output(torch.tensor([[z[i]]], dtype=torch.float64))
            expected = [
                models[name].likelihood.log_prob(torch.tensor([x], dtype=torch.float64), output).item()
                for x in X
            ]
            np.testing.assert_allclose(table[:, i], expected, rtol=1e-9)
    curves = np.frombuffer(explorer._curves, np.float32).reshape(2, -1, 2)
    np.testing.assert_allclose(curves[1, [0, 80, 160]], [[-6, 15], [0, -1], [6, 15]], atol=1e-5)
    np.testing.assert_allclose(explorer._x, X, rtol=1e-6)


def test_it_begins_and_is_reset_with_the_encoders_q():
    model = curved()
    explorer = ELBOExplorer(model, X, index=1)
    posterior = [part.detach() for part in model.encode(torch.tensor(X))]
    assert (explorer.mean, explorer.logvar) == pytest.approx([float(part[1]) for part in posterior], abs=1e-6)
    explorer.index = 2
    assert explorer.mean == pytest.approx(posterior[0][1].item(), abs=1e-6), "another x leaves q as it is"
    explorer.reset()
    assert (explorer.mean, explorer.logvar) == pytest.approx([float(part[2]) for part in posterior], abs=1e-6)
    with torch.no_grad():
        model.encoder[0].bias.copy_(torch.tensor([9.0, -30.0]))
    explorer = ELBOExplorer(model, X)
    assert (explorer.mean, explorer.logvar) == (4.0, -7.8), "within the limits"


def test_a_model_without_an_encoder_begins_with_the_prior():
    class Decoder:
        latent_dim, likelihood = 1, Gaussian(0.5)

        def output(self, z):
            return 2 * z

    explorer = ELBOExplorer(Decoder(), [[0.5]])
    assert (explorer.mean, explorer.logvar, explorer.kl) == (0.0, 0.0, 0.0)
    assert explorer.log_prob == pytest.approx(stats.norm(0, np.sqrt(4.25)).logpdf(0.5), abs=1e-6)


def test_coins_are_likelihoods_too():
    """z decides the logit of one coin: p(x = 1) is 1/2, by symmetry."""
    model = VAE(nn.Sequential(nn.Linear(1, 2)), nn.Sequential(nn.Linear(1, 1, bias=False)), 1, Bernoulli())
    explorer = ELBOExplorer(model, [[0.0], [1.0]])
    assert explorer.log_prob == pytest.approx(-np.log(2), abs=1e-9)


def test_the_model_stays_as_it_was():
    model = mlp_vae((2,), 1, hidden=(8,), likelihood=Gaussian(0.5)).train()
    explorer = ELBOExplorer(model, X)
    before = explorer.log_prob
    assert model.training
    assert next(model.parameters()).dtype == torch.float32
    with torch.no_grad():
        next(model.decoder.parameters()).add_(1)
    assert explorer.log_prob == before


def test_tensors_are_as_good_as_numbers():
    explorer = ELBOExplorer(curved(), X)
    explorer.mean, explorer.logvar = torch.tensor([[0.5]]), np.float64(-1.0)
    assert (explorer.mean, explorer.logvar) == (0.5, -1.0)
    assert "ELBOExplorer of model, x no. 0" in repr(explorer)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("model", "deep", r"model must be one of \['linear', 'curved'\], got 'deep'"),
        ("index", 3, "index must be the number of an x, from 0 to 2, got 3"),
        ("index", -1, "index must be the number of an x, from 0 to 2, got -1"),
        ("mean", 4.5, "mean must be from -4 to 4, got 4.5"),
        ("mean", float("nan"), "mean must be from -4 to 4, got nan"),
        ("logvar", -9, r"logvar \(log σ²\) must be from -7.8 to 1.4, got -9"),
    ],
)
def test_wrong_state_is_refused(trait, value, message):
    explorer = ELBOExplorer({"linear": linear(), "curved": curved()}, X)
    before = getattr(explorer, trait)
    with pytest.raises(TraitError, match=message):
        setattr(explorer, trait, value)
    assert getattr(explorer, trait) == before


@pytest.mark.parametrize(
    ("models", "x", "message"),
    [
        ({}, X, "models must have at least one model"),
        (mlp_vae((2,), 2), X, "model must have latent_dim 1, got 2; widgets.LatentExplorer"),
        ({"big": mlp_vae((3,), 1)}, X, r"big must decode z to an x of 1 or 2 numbers.*got \(2049, 3\)"),
        (curved(), [0.5, 1.0], r"x must have shape \(n_samples, n_features\)"),
        (curved(), [[0.5]], r"x must have 2 feature\(s\) per row, got 1"),
        (curved(), [[0.5, float("inf")]], "x contains NaN or infinity"),
        (curved(), torch.zeros(61, 2), "x must have at most 60 rows, got 61; take a few of them"),
        ({"sharp": linear(std=0.001)}, X, r"sharp has a p\(z \| x\) that is too narrow for the grid"),
    ],
)
def test_what_does_not_fit_is_named(models, x, message):
    with pytest.raises(ValueError, match=message):
        ELBOExplorer(models, x)


def test_what_is_no_model_is_named():
    with pytest.raises(TypeError, match=r"curved must be a VAE, or have latent_dim.* got Linear"):
        ELBOExplorer({"curved": nn.Linear(1, 2)}, X)
    with pytest.raises(TypeError, match="model must be a VAE without a condition"):
        ELBOExplorer(mlp_conditional_vae((2,), 1, (10,)), X)


def test_a_likelihood_that_is_not_finite_is_named():
    model = curved()
    with torch.no_grad():
        model.likelihood.std = float("nan")
    with pytest.raises(ValueError, match=r"model must have a finite log p\(x \| z\)"):
        ELBOExplorer(model, X)
