"""Exercises of chapter 3: right answers written in other ways, and known mistakes as popular code writes them."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from course_utils import distributions, vae
from course_utils.exercises import ch03


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch03.gaussian_log_density, distributions.gaussian_log_prob),
        (ch03.gaussian_log_density, lambda x, m, s: Normal(m, (s / 2).exp()).log_prob(x).sum(1)),
        (ch03.kl, distributions.kl_to_standard_normal),
        (ch03.kl, lambda m, s: kl_divergence(Normal(m, (s / 2).exp()), Normal(0.0, 1.0)).sum(1)),
        (ch03.reparameterize, lambda m, s, noise: m + noise * torch.sqrt(torch.exp(s))),
        (ch03.iwae_bound, vae.iwae_bound),
    ],
)
def test_the_package_and_pytorch_agree_with_the_exercises(exercise, answer):
    assert exercise.check(answer).status == "passed"


def test_the_score_function_exercise_agrees_with_the_package():
    mean, std = torch.tensor([0.5]), 2.0
    logvar = torch.tensor([2 * math.log(std)])
    drawn = vae.score_function_gradient(
        lambda z: ch03.bowl(z[:, 0]), mean, logvar, n_samples=7, generator=torch.Generator().manual_seed(0)
    )
    noise = torch.randn(7, 1, generator=torch.Generator().manual_seed(0))
    z = (mean + std * noise)[:, 0]
    ours = ch03.score_function.reference(ch03.bowl, z, 0.5, std)
    torch.testing.assert_close(drawn.mean[:, 0], ours)


def test_the_noise_of_exp_s_is_named_with_its_consequence():
    message = said(ch03.reparameterize, lambda m, s, noise: torch.exp(s) * noise + m)
    assert "variance" in message
    assert "exp(½ logvar)" in message


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("no_half", lambda m, s: -(1 + s - m.pow(2) - s.exp()).sum(dim=1)),
        ("mean_over_dimensions", lambda m, s: -0.5 * (1 + s - m.pow(2) - s.exp()).mean(dim=1)),
        ("log_std", lambda m, s: (-s + 0.5 * ((2 * s).exp() + m**2 - 1)).sum(1)),
        ("batch_mean", lambda m, s: torch.mean(-0.5 * torch.sum(1 + s - m**2 - s.exp(), dim=1), dim=0)),
        ("total", lambda m, s: -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())),
        ("mean_of_all", lambda m, s: (-0.5 * (1 + s - m**2 - s.exp())).mean()),
    ],
)
def test_the_ways_of_popular_code_to_write_the_kl_are_recognised(name, answer):
    assert said(ch03.kl, answer) == ch03.kl.mistake_messages[name]


def test_an_elbo_from_popular_code_is_recognised():
    def loss(x, mean, logvar, noise, decode, std):
        z = mean + torch.exp(0.5 * logvar) * noise
        error = -distributions.gaussian_log_prob(x, decode(z), 2 * math.log(std))
        return error - 0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(1)

    assert said(ch03.elbo, loss) == ch03.elbo.mistake_messages["loss"]

    def at_the_mean(x, mean, logvar, noise, decode, std):
        reconstruction = distributions.gaussian_log_prob(x, decode(mean), 2 * math.log(std))
        return reconstruction - distributions.kl_to_standard_normal(mean, logvar)

    assert said(ch03.elbo, at_the_mean) == ch03.elbo.mistake_messages["at_the_mean"]


def test_an_elbo_whose_kl_is_drawn_is_called_unbiased_and_another_estimate():
    def all_from_the_draw(x, mean, logvar, noise, decode, std):
        q = Normal(mean, (0.5 * logvar).exp())
        z = q.mean + q.stddev * noise
        log_ratio = (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(1)
        return Normal(decode(z), std).log_prob(x).sum(1) + log_ratio

    message = said(ch03.elbo, all_from_the_draw)
    assert message == ch03.elbo.mistake_messages["drawn_kl"]
    assert "unbiased" in message
    assert "closed form" in ch03.elbo.task

    x, mean, logvar, _, decode, std = ch03.elbo.cases[0]
    noise = torch.randn(2_000, 4, 3, generator=torch.Generator().manual_seed(0))
    differences = torch.stack(
        [
            all_from_the_draw(x, mean, logvar, draw, decode, std)
            - ch03.elbo.reference(x, mean, logvar, draw, decode, std)
            for draw in noise
        ]
    )  # the two have the same average: their difference is 0 to 4 standard errors
    error = differences.std(0) / math.sqrt(len(differences))
    assert (differences.mean(0).abs() < 4 * error).all()


def test_noise_of_ones_own_and_a_cut_gradient_are_named():
    message = said(ch03.reparameterize, lambda m, s, noise: m + (s / 2).exp() * torch.randn(m.shape))
    assert message == ch03.reparameterize.mistake_messages["own_noise"]
    message = said(ch03.reparameterize, lambda m, s, noise: m.detach() + (s / 2).exp() * noise)
    assert "gradient_to_mean" in message
    assert "zero everywhere" in message


def test_a_mistake_nobody_foresaw_is_told_by_its_size():
    def squared_error_and_kl(x, mean, logvar, noise, decode, std):
        z = mean + torch.exp(0.5 * logvar) * noise
        return -functional.mse_loss(decode(z), x, reduction="none").sum(1) - ch03.kl_reference(mean, logvar)

    assert "expected" in said(ch03.elbo, squared_error_and_kl)
