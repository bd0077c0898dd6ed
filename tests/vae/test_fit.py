"""Training: where the optimum is known, it is reached; settings do what they say; nothing is lost."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.data import binarize, load_mnist
from course_utils.vae import VAE, Bernoulli, Gaussian, elbo, fit_vae, free_bits_kl, mlp_vae
from course_utils.vae.model import Posterior


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear_data(n=2_000, d=5):
    w = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, -1.0], [0.0, 0.3]])
    noise = 0.5 * torch.randn(n, d, generator=seeded(1))
    return torch.randn(n, 2, generator=seeded()) @ w.T + noise


def test_a_linear_vae_reaches_probabilistic_pca():
    """With σ² fixed the best p(x) is N(mean, W Wᵀ + σ²I), W from the eigenvectors (Tipping and Bishop, 1999)."""
    x, std = linear_data(), 0.5
    torch.manual_seed(0)
    model = VAE(nn.Sequential(nn.Linear(5, 4)), nn.Sequential(nn.Linear(2, 5)), 2, Gaussian(std))
    fit_vae(model, x, n_steps=4_000, batch_size=250, learning_rate=2e-2, average=0.99, generator=seeded())
    covariance = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(covariance)
    w = vectors[:, -2:] * (values[-2:] - std**2).sqrt()
    best = w @ w.T + std**2 * torch.eye(5)
    reached = model.decoder[0].weight @ model.decoder[0].weight.T + std**2 * torch.eye(5)
    torch.testing.assert_close(reached, best, atol=0.06, rtol=0)
    torch.testing.assert_close(model.decoder[0].bias, x.mean(0), atol=0.03, rtol=0)
    optimum = torch.distributions.MultivariateNormal(x.mean(0), best).log_prob(x).mean()
    reached_bound = elbo(model, x, n_samples=50, generator=seeded()).mean().detach()
    assert float(optimum) - 0.02 < float(reached_bound) < float(optimum) + 0.01


def tiny(likelihood=None, seed=0):
    torch.manual_seed(seed)
    return mlp_vae((5,), 2, hidden=(16,), likelihood=likelihood or Gaussian(0.5))


def trained(**settings):
    model = tiny()
    history = fit_vae(model, linear_data(500), batch_size=50, generator=seeded(), **settings)
    return model, history


def test_beta_trades_rate_for_distortion():
    kl = {beta: np.mean(trained(n_steps=600, beta=beta)[1]["kl"][-50:]) for beta in (0.0, 1.0, 4.0, 1000.0)}
    assert kl[0.0] > kl[1.0] > kl[4.0] > kl[1000.0]
    assert kl[1000.0] < 0.01


def test_warm_up_starts_without_the_kl_and_ends_with_it():
    same = trained(n_steps=1, warm_up=1)[1], trained(n_steps=1)[1]
    assert same[0]["bound"] == same[1]["bound"]
    early = trained(n_steps=40, warm_up=10_000)[1]["kl"]
    zero = trained(n_steps=40, beta=0.0)[1]["kl"]
    np.testing.assert_allclose(early, zero, rtol=0.05)
    assert np.mean(trained(n_steps=600, warm_up=300)[1]["kl"][-50:]) == pytest.approx(
        np.mean(trained(n_steps=600)[1]["kl"][-50:]), rel=0.2
    )


def test_the_model_ends_with_the_averaged_weights():
    measured = []

    def measure(model):
        measured.append([p.clone() for p in model.parameters()])
        return {}

    settings = {"n_steps": 20, "measure": measure, "measure_every": 20}
    model, _ = trained(average=0.9, **settings)
    last, _ = trained(**settings)
    for ours, averaged, plain in zip(model.parameters(), *measured, strict=True):
        assert torch.equal(ours, averaged)
        assert not torch.equal(ours, plain)
    for ours, plain in zip(last.parameters(), measured[1], strict=True):
        assert torch.equal(ours, plain)


def test_free_bits_cost_nothing_up_to_their_number():
    posterior = Posterior(torch.tensor([[0.0, 2.0], [0.2, -2.0]]), torch.zeros(2, 2))
    assert float(free_bits_kl(posterior, 0.5)) == pytest.approx(0.5 + 2.0)
    assert float(free_bits_kl(posterior, 0.0)) == pytest.approx(0.01 + 2.0)
    kl = np.mean(trained(n_steps=600, beta=1000.0, free_bits=0.5)[1]["kl"][-50:])
    assert 0.4 < kl < 1.1, "up to half a nat in each of two dimensions survives a β that kills all else"


def test_the_importance_weighted_bound_is_trained_too():
    _, history = trained(n_steps=300, n_importance=5)
    assert np.mean(history["bound"][-30:]) > np.mean(history["bound"][:30]) + 1
    assert "kl" not in history
    with pytest.raises(ValueError, match=r"n_importance above 1.*leave beta at 1"):
        trained(n_steps=1, n_importance=5, beta=2.0)


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path):
    images = load_mnist("test").images[:200]

    def run(n_steps, checkpoint):
        torch.manual_seed(0)
        model = mlp_vae((28, 28), 3, hidden=(20,))
        settings = {"draw": binarize, "average": 0.9, "generator": seeded(), "batch_size": 20}
        try:
            history = fit_vae(
                model,
                images,
                n_steps=60,
                checkpoint=checkpoint,
                checkpoint_every=7,
                measure=stop(n_steps),
                measure_every=1,
                **settings,
            )
        except Halt:
            return None
        return [*model.state_dict().values(), torch.tensor(history["bound"])]

    class Halt(Exception):
        pass

    def stop(n_steps):
        calls = []

        def measure(model):
            calls.append(1)
            if len(calls) == n_steps:
                raise Halt
            return {}

        return measure

    whole = run(None, tmp_path / "a.pt")
    assert run(25, tmp_path / "b.pt") is None
    for a, b in zip(whole, run(None, tmp_path / "b.pt"), strict=True):
        assert torch.equal(a, b)


def test_what_is_drawn_and_recorded():
    images = load_mnist("test").images[:100]
    seen = []

    def look(x, *, generator):
        seen.append(binarize(x, generator=generator))
        return seen[-1]

    torch.manual_seed(0)
    model = mlp_vae((28, 28), 2, hidden=(10,))
    history = fit_vae(
        model,
        images,
        n_steps=10,
        batch_size=10,
        draw=look,
        record_every=4,
        generator=seeded(),
        measure=lambda model: {"units": 1.0},
        measure_every=5,
    )
    assert len(seen) == 10
    assert set(torch.stack(seen).unique().tolist()) == {0.0, 1.0}
    assert len(history["bound"]) == 2
    assert len(history["units"]) == 2
    assert torch.tensor(history["bound"]) == pytest.approx(
        torch.tensor(history["reconstruction"]) - torch.tensor(history["kl"]), abs=1e-3
    )


def test_bad_input_is_named():
    x = linear_data(100)
    for settings, message in [
        ({"beta": -1.0}, r"beta must be at least 0"),
        ({"free_bits": -0.1}, r"free_bits must be at least 0"),
        ({"warm_up": -1}, r"warm_up must be at least 0"),
        ({"n_importance": 0}, r"n_importance must be at least 1"),
        ({"batch_size": 101}, r"size must be at most the number of examples, 100"),
        ({"learning_rate": 0.0}, r"learning_rate must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit_vae(tiny(), x, **({"n_steps": 1, "batch_size": 10} | settings))
    with pytest.raises(ValueError, match=r"x contains NaN"):
        fit_vae(tiny(), x * math.nan, n_steps=1)
    with pytest.warns(UserWarning, match=r"binarize") as caught:
        fit_vae(tiny(Bernoulli()), torch.full((100, 5), 0.4), n_steps=3, batch_size=10)
    assert len(caught) == 1, "once, not at every step"


def test_binarize_draws_with_the_grey_value_as_probability():
    grey = torch.tensor([0.0, 0.25, 1.0]).expand(40_000, 3)
    drawn = binarize(grey, generator=seeded())
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    means = drawn.mean(0).tolist()
    assert means[0] == 0
    assert means[2] == 1
    assert means[1] == pytest.approx(0.25, abs=5 * math.sqrt(0.1875 / 40_000))
