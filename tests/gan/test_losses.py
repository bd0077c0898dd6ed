"""The losses against their formulas, closed forms, quadrature and a trained discriminator."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn

from course_utils.gan import (
    LOSSES,
    LatentGenerator,
    Loss,
    discriminator_loss,
    fit_gan,
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    loss_named,
    minimax_generator_loss,
    non_saturating_generator_loss,
    optimal_discriminator,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from course_utils.networks import mlp

P, Q = norm(0.5, 1.0), norm(-1.0, 1.5)  # the densities of data and of fakes on a line


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def log_densities(x):
    """(log p, log q) at x, as tensors like it."""
    return tuple(torch.as_tensor(density.logpdf(x.numpy())).to(x) for density in (P, Q))


def scores(n=40, scale=4.0, seed=0):
    """Logits between about -12 and 12, where the formulas with exp lose nothing in float64."""
    return scale * torch.randn(n, generator=seeded(seed), dtype=torch.float64)


def gradient(loss, *tensors, of=-1):
    """The gradient with respect to one of the tensors, times their length: that of the term of each example."""
    tensors = [tensor.clone().requires_grad_() for tensor in tensors]
    (result,) = torch.autograd.grad(loss(*tensors), tensors[of])
    return result * len(result)


# The optimal discriminator


def test_the_optimal_discriminator_is_the_ratio_of_the_densities():
    x = torch.linspace(-6, 6, 50, dtype=torch.float64)
    p, q = P.pdf(x), Q.pdf(x)
    np.testing.assert_allclose(optimal_discriminator(*log_densities(x)), p / (p + q), rtol=1e-12)
    far = optimal_discriminator(torch.tensor([-5_000.0, -1e5]), torch.tensor([-1e5, -5_000.0]))
    assert far.tolist() == [1, 0], "where both densities round to 0, the ratio is still right"
    with pytest.raises(
        ValueError, match=r"log_p and log_q must be at the same points, got \(3,\) and \(3, 1\)"
    ):
        optimal_discriminator(torch.zeros(3), torch.zeros(3, 1))


def test_a_trained_discriminator_comes_close_to_the_optimal_one():
    """The loss is at least that of D* plus 4 E[(D - D*)²] under (p + q)/2: Pinsker's inequality at each x.

    Fitting d weights to n examples of each class costs about d/(2n) nats in excess of D*. Here d = 49, and n is
    10,000 at least: the last 4 % of the steps, in which the rate is too small to forget any of them.
    """
    real = torch.tensor(P.ppf((np.arange(20_000) + 0.5) / 20_000), dtype=torch.float32)[:, None]
    fakes = LatentGenerator(nn.Linear(1, 1), 1)
    with torch.no_grad():
        fakes.network.weight.fill_(Q.std())
        fakes.network.bias.fill_(Q.mean())
    torch.manual_seed(0)
    discriminator = mlp([1, 16, 1], activation=nn.Tanh)
    fit_gan(
        fakes,
        discriminator,
        real,
        n_steps=500,
        batch_size=500,
        learning_rate=2e-2,
        decay_from=0.3,
        n_generator=0,
        generator=seeded(),
    )
    x = torch.linspace(-8, 8, 4_001)
    with torch.no_grad():
        logits = discriminator(x[:, None])[:, 0].double()
    best = optimal_discriminator(*log_densities(x.double()))
    p, q = (torch.as_tensor(density.pdf(x)) for density in (P, Q))
    error = torch.trapezoid((p + q) / 2 * (logits.sigmoid() - best).square(), x.double())

    def value(log_d, log_rest):
        return float(torch.trapezoid(p * log_d + q * log_rest, x.double()))

    excess = value(best.log(), (1 - best).log()) - value(
        nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    )
    assert 4 * float(error) <= excess, "Pinsker"
    assert float(error) < 49 / (2 * 10_000) / 4
    blind = torch.trapezoid((p + q) / 2 * (0.5 - best).square(), x.double())
    assert float(error) < float(blind) / 100, "the two are far enough apart for this to say something"


def test_the_value_at_the_optimum_is_twice_the_js_divergence_minus_log_4():
    def kl_to_the_middle(density):
        def integrand(x):
            return density.pdf(x) * (density.logpdf(x) - math.log((P.pdf(x) + Q.pdf(x)) / 2))

        return quad(integrand, -12, 12, epsabs=1e-10)[0]

    js = (kl_to_the_middle(P) + kl_to_the_middle(Q)) / 2

    def integrand(x):
        d = float(optimal_discriminator(*log_densities(torch.tensor(x, dtype=torch.float64))))
        return P.pdf(x) * math.log(d) + Q.pdf(x) * math.log1p(-d)

    assert quad(integrand, -12, 12, epsabs=1e-10)[0] == pytest.approx(2 * js - math.log(4), abs=1e-8)
    # The loss at n quantiles of each: a midpoint rule in the probability, with an error below 1/n.
    level = (np.arange(20_000) + 0.5) / 20_000
    logits = []
    for density in (P, Q):
        log_p, log_q = log_densities(torch.tensor(density.ppf(level)))
        logits.append(log_p - log_q)
    assert float(discriminator_loss(*logits)) == pytest.approx(math.log(4) - 2 * js, abs=1 / 20_000)


def test_a_discriminator_that_cannot_tell_has_a_loss_of_log_4():
    half = torch.zeros(7, 1, dtype=torch.float64)
    assert float(discriminator_loss(half, half[:3])) == pytest.approx(math.log(4), abs=1e-12)
    assert float(minimax_generator_loss(half)) == pytest.approx(-math.log(2), abs=1e-12)
    assert float(non_saturating_generator_loss(half)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(relativistic_discriminator_loss(half, half)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(wasserstein_critic_loss(half, half)) == 0
    assert float(hinge_discriminator_loss(half, half)) == 2
    assert float(least_squares_discriminator_loss(half + 0.5, half + 0.5)) == 0.25


# Values and gradients against the formulas


def sigmoid(s):
    return 1 / (1 + torch.exp(-s))


GENERATOR = {
    "minimax": (lambda s: torch.log(1 - sigmoid(s)), lambda s: -sigmoid(s)),
    "non_saturating": (lambda s: -torch.log(sigmoid(s)), lambda s: sigmoid(s) - 1),
    "least_squares": (lambda s: (s - 1) ** 2 / 2, lambda s: s - 1),
    "hinge": (lambda s: -s, lambda s: -torch.ones_like(s)),
    "wasserstein": (lambda s: -s, lambda s: -torch.ones_like(s)),
}

DISCRIMINATOR = {  # the terms of a real and of a fake example, and their derivatives
    "minimax": (
        lambda s: -torch.log(sigmoid(s)),
        lambda s: sigmoid(s) - 1,
        lambda s: -torch.log(1 - sigmoid(s)),
        sigmoid,
    ),
    "least_squares": (lambda s: (s - 1) ** 2 / 2, lambda s: s - 1, lambda s: s**2 / 2, lambda s: s),
    "hinge": (
        lambda s: torch.maximum(torch.zeros_like(s), 1 - s),
        lambda s: torch.where(s < 1, -1.0, 0.0).double(),
        lambda s: torch.maximum(torch.zeros_like(s), 1 + s),
        lambda s: torch.where(s > -1, 1.0, 0.0).double(),
    ),
    "wasserstein": (lambda s: -s, lambda s: -torch.ones_like(s), lambda s: s, torch.ones_like),
}
DISCRIMINATOR["non_saturating"] = DISCRIMINATOR["minimax"]


@pytest.mark.parametrize("name", GENERATOR)
def test_the_generators_losses_are_their_formulas(name):
    loss, (value, derivative) = LOSSES[name].generator, GENERATOR[name]
    fake = scores()
    torch.testing.assert_close(loss(fake), value(fake).mean())
    torch.testing.assert_close(loss(fake[:, None]), value(fake).mean())
    torch.testing.assert_close(gradient(loss, fake), derivative(fake))


@pytest.mark.parametrize("name", DISCRIMINATOR)
def test_the_discriminators_losses_are_their_formulas(name):
    loss = LOSSES[name].discriminator
    value_real, derivative_real, value_fake, derivative_fake = DISCRIMINATOR[name]
    real, fake = scores(seed=1), scores(n=15, seed=2)
    expected = value_real(real).mean() + value_fake(fake).mean()
    torch.testing.assert_close(loss(real, fake), expected)
    torch.testing.assert_close(loss(real[:, None], fake), expected)
    torch.testing.assert_close(gradient(loss, real, fake, of=0), derivative_real(real))
    torch.testing.assert_close(gradient(loss, real, fake, of=1), derivative_fake(fake))


def test_the_relativistic_losses_are_their_formulas_and_mirror_each_other():
    real, fake = scores(seed=1), scores(seed=2)
    loss = LOSSES["relativistic"]
    torch.testing.assert_close(loss.discriminator(real, fake), -torch.log(sigmoid(real - fake)).mean())
    torch.testing.assert_close(loss.generator(real, fake), -torch.log(sigmoid(fake - real)).mean())
    torch.testing.assert_close(gradient(loss.discriminator, real, fake, of=0), sigmoid(real - fake) - 1)
    torch.testing.assert_close(gradient(loss.discriminator, real, fake, of=1), 1 - sigmoid(real - fake))
    torch.testing.assert_close(gradient(loss.generator, real, fake, of=1), sigmoid(fake - real) - 1)
    torch.testing.assert_close(loss.generator(fake, real), loss.discriminator(real, fake))
    # softplus(a) - softplus(-a) = a: what one player loses by, the other wins by, but for the mean difference.
    difference = loss.generator(real, fake) - loss.discriminator(real, fake)
    torch.testing.assert_close(difference, (real - fake).mean())
    shifted = loss.discriminator(real + 100, fake + 100)
    torch.testing.assert_close(shifted, loss.discriminator(real, fake), msg="only differences count")


# What the shapes of the losses mean


def test_both_classical_losses_push_a_fake_the_same_way():
    fake = scores()
    saturating = gradient(minimax_generator_loss, fake)
    strong = gradient(non_saturating_generator_loss, fake)
    assert (saturating < 0).all()
    assert (strong < 0).all()
    torch.testing.assert_close(saturating + strong, -torch.ones_like(fake), msg="-D and -(1 - D)")


def test_the_minimax_loss_saturates_where_the_discriminator_rejects():
    rejected, accepted = torch.tensor([-12.0]).double(), torch.tensor([12.0]).double()
    assert abs(gradient(minimax_generator_loss, rejected)) < 1e-5
    assert gradient(non_saturating_generator_loss, rejected) == pytest.approx(-1, abs=1e-5)
    assert gradient(minimax_generator_loss, accepted) == pytest.approx(-1, abs=1e-5)
    assert abs(gradient(non_saturating_generator_loss, accepted)) < 1e-5


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_gains_where_it_should(name):
    """A discriminator gains by higher logits of real examples and lower ones of fakes; a generator the other way."""
    loss, real, fake = LOSSES[name], scores(8, 0.3, 1), scores(8, 0.3, 2)
    assert (gradient(loss.discriminator, real, fake, of=0) < 0).all()
    assert (gradient(loss.discriminator, real, fake + 2 * (name == "least_squares"), of=1) > 0).all()
    arguments = (real, fake) if loss.paired else (fake,)
    assert (gradient(loss.generator, *arguments) < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite(name):
    loss = LOSSES[name]
    real, fake = torch.tensor([1e4, -1e4, 1e4, -1e4]), torch.tensor([1e4, -1e4, -1e4, 1e4])
    arguments = (real, fake) if loss.paired else (fake,)
    for function, tensors in [(loss.discriminator, (real, fake)), (loss.generator, arguments)]:
        assert torch.isfinite(function(*tensors))
        for of in range(len(tensors)):
            assert torch.isfinite(gradient(function, *tensors, of=of)).all()
    assert float(discriminator_loss(-real.abs(), fake.abs())) == 2e4, "wrong and sure: linear in the logit"


# Names and errors


def test_losses_go_by_name_or_as_they_are():
    assert loss_named("hinge") == Loss(hinge_discriminator_loss, hinge_generator_loss)
    assert loss_named("wasserstein") == Loss(wasserstein_critic_loss, wasserstein_generator_loss)
    assert loss_named("least_squares") == Loss(least_squares_discriminator_loss, least_squares_generator_loss)
    assert loss_named("minimax") == Loss(discriminator_loss, minimax_generator_loss)
    assert [name for name, loss in LOSSES.items() if loss.paired] == ["relativistic"]
    own = Loss(discriminator_loss, lambda fake: -fake.mean())
    assert loss_named(own) is own
    with pytest.raises(ValueError, match=r"loss must be one of 'minimax', 'non_saturating'.*got 'wgan'"):
        loss_named("wgan")


@pytest.mark.parametrize("loss", [relativistic_discriminator_loss, relativistic_generator_loss])
@pytest.mark.parametrize("shapes", [((5,), (5, 1)), ((5, 1), (4, 1))])
def test_pairs_need_one_shape(loss, shapes):
    real, fake = map(torch.zeros, shapes)
    named = (
        r"got {} and {}; draw as many fakes".format(*map(str, shapes)).replace("(", r"\(").replace(")", r"\)")
    )
    with pytest.raises(ValueError, match=named):
        loss(real, fake)
