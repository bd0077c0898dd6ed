"""Exercises of chapter 4: right answers written in other ways, and known mistakes as popular code writes them."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Bernoulli, Normal
from torch.nn import functional

from course_utils import distributions, vae
from course_utils.exercises import ch03, ch04


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


# ---- right answers in other words


def with_torch_distributions(log_lik, z, mean, logvar):
    q, prior = Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)
    log_w = log_lik + (prior.log_prob(z) - q.log_prob(z)).sum(-1)
    return torch.logsumexp(log_w, 0) - math.log(log_w.shape[0])


def without_the_constants(log_lik, z, mean, logvar):
    log_w = log_lik - 0.5 * (z**2 - (z - mean) ** 2 / logvar.exp() - logvar).sum(2)  # the 2π cancel
    return vae.iwae_bound(log_w)


def with_numpy(mean, logvar, threshold):
    activity = mean.numpy().var(0)
    return activity, (activity > threshold).sum()


def in_one_go(model, x, labels, wanted):
    n, m = len(x), len(wanted)
    z = model.encode(x, labels)[0].repeat_interleave(m, 0)
    return torch.sigmoid(model.output(z, wanted.repeat(n))).view(n, m, *x.shape[1:])


def image_by_image(model, x, labels, wanted):
    z = model.encode(x, labels).mean
    return [model.decode(code.expand(len(wanted), -1), wanted) for code in z]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch04.reconstruction, lambda x, logits: distributions.bernoulli_log_prob(x, logits)),
        (ch04.reconstruction, lambda x, logits: Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)),
        (
            ch04.reconstruction,
            lambda x, s: -functional.binary_cross_entropy_with_logits(s, x, reduction="none").sum((-1, -2)),
        ),
        (ch04.reconstruction, lambda x, s: (x * s - functional.softplus(s)).sum(dim=(1, 2))),
        (ch04.importance_estimate, with_torch_distributions),
        (ch04.importance_estimate, without_the_constants),
        (
            ch04.beta_loss,
            lambda p, k, beta: [-p.sum() / len(p), k.sum() / len(k), (beta * k.sum() - p.sum()) / len(p)],
        ),
        (ch04.free_bits, lambda kls, free: torch.maximum(kls.mean(0), torch.tensor(free)).sum()),
        (ch04.free_bits, lambda kls, free: free * kls.shape[1] + torch.relu(kls.mean(0) - free).sum()),
        (ch04.active_units, lambda mean, logvar, t: (mean.var(0, correction=0), (mean.var(0) > t).sum())),
        (ch04.active_units, with_numpy),
        (ch04.same_style, in_one_go),
        (ch04.same_style, image_by_image),
    ],
)
def test_right_answers_in_other_words_pass(exercise, answer):
    assert exercise.check(answer).status == "passed", exercise.check(answer)


def test_the_estimate_is_that_of_the_package():
    generator = torch.Generator().manual_seed(0)
    model = vae.mlp_vae((2, 2), 3, hidden=(8,)).double()
    x = torch.tensor([[[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], dtype=torch.float64)
    theirs = vae.iwae_bound(vae.importance_log_weights(model, x, n_importance=7, generator=generator))
    mean, logvar = (part.expand(7, -1, -1) for part in model.encode(x))
    generator.manual_seed(0)
    z = distributions.reparameterize(mean, logvar, generator=generator)
    log_lik = torch.stack([model.likelihood.log_prob(x, model.output(codes)) for codes in z])
    torch.testing.assert_close(ch04.importance_estimate_reference(log_lik, z, *model.encode(x)), theirs)


def test_the_loss_at_beta_1_is_the_negative_elbo_of_chapter_3():
    mean, logvar, noise = (
        0.7 * torch.randn(5, 2, generator=torch.Generator().manual_seed(i)) for i in range(3)
    )
    x, z = torch.zeros(5, 2), mean + (0.5 * logvar).exp() * noise
    log_probs = Normal(z, 0.5).log_prob(x)  # (5, 2)
    kls = 0.5 * (logvar.exp() - 1 - logvar + mean**2)
    elbo = ch03.elbo_reference(x, mean, logvar, noise, lambda z: z, 0.5)
    torch.testing.assert_close(ch04.beta_loss_reference(log_probs, kls, 1.0)[2], -elbo.mean())


def test_free_bits_are_those_of_the_package():
    for kls, free in ch04.free_bits.cases:
        mean = (2 * kls).sqrt()  # the KL of N(m, 1) to N(0, 1) is m²/2
        theirs = vae.free_bits_kl(vae.Posterior(mean, torch.zeros_like(mean)), free)
        torch.testing.assert_close(ch04.free_bits_reference(kls, free), theirs)


def test_active_units_are_those_of_the_package():
    for mean, logvar, threshold in ch04.active_units.cases:
        model = SimpleNamespace(encode=lambda x, m=mean, s=logvar: vae.Posterior(m[x], s[x]))
        theirs = vae.active_units(model, torch.arange(len(mean)), threshold=threshold)
        assert ch04.active_units_reference(mean, logvar, threshold)[1] == int(theirs.sum())
    counts = [ch04.active_units_reference(*case)[1] for case in ch04.active_units.cases]
    assert len(set(counts)) > 1  # a constant is no answer


# ---- mistakes as popular code makes them


def bce_of_a_blog(x, logits):
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def reparameterized_activity(mean, logvar, threshold):
    activity = distributions.reparameterize(mean, logvar).var(dim=0)
    return activity, (activity > threshold).sum()


def normal_activity(mean, logvar, threshold):
    activity = torch.normal(mean, torch.exp(0.5 * logvar)).var(0)
    return activity, (activity > threshold).sum()


@pytest.mark.parametrize(
    ("exercise", "name", "answer"),
    [
        (ch04.reconstruction, "batch_mean_loss", bce_of_a_blog),
        (
            ch04.reconstruction,
            "rounded_distribution",
            lambda x, s: Bernoulli(s.sigmoid(), validate_args=False).log_prob(x).sum((1, 2)),
        ),
        (
            ch04.reconstruction,
            "offset",
            lambda x, s: (x * (s.sigmoid() + 1e-8).log() + (1 - x) * (1 - s.sigmoid() + 1e-8).log()).sum(
                (1, 2)
            ),
        ),
        (ch04.reconstruction, "overflow", lambda x, s: (x * s - torch.log(1 + torch.exp(s))).sum((1, 2))),
        (ch04.free_bits, "each_example_mean", lambda kls, free: (torch.relu(kls - free) + free).mean()),
        (
            ch04.same_style,
            "both_repeated",
            lambda model, x, labels, wanted: model.decode(
                model.encode(x, labels).mean.repeat(len(wanted), 1), wanted.repeat(len(x))
            ).view(len(x), len(wanted), *x.shape[1:]),
        ),
        (ch04.reconstruction, "mean_over_pixels", lambda x, s: Bernoulli(logits=s).log_prob(x).mean((1, 2))),
        (
            ch04.importance_estimate,
            "closed_kl",
            lambda log_lik, z, m, s: vae.iwae_bound(log_lik) - ch03.kl_reference(m, s),
        ),
        (
            ch04.importance_estimate,
            "elbo",
            lambda log_lik, z, m, s: (log_lik - ch03.kl_reference(m, s)).mean(0),
        ),
        (
            ch04.beta_loss,
            "pixel_mean",
            lambda p, k, beta: (-p.mean(), k.sum(1).mean(), beta * k.sum(1).mean() - p.mean()),
        ),
        (
            ch04.beta_loss,
            "beta_on_pixel_mean",
            lambda p, k, beta: (-p.mean(), k.sum(1).mean(), -beta * p.mean() + k.sum(1).mean()),
        ),
        (ch04.free_bits, "total", lambda kls, free: torch.clamp(kls.sum(1).mean(), min=free)),
        (ch04.free_bits, "each_example", lambda kls, free: kls.clamp(min=free).sum(1).mean(0)),
        (ch04.free_bits, "subtracted", lambda kls, free: torch.relu(kls.mean(0) - free).sum()),
        (ch04.free_bits, "detached", lambda kls, free: kls.mean(0).clamp_min(free).sum().item()),
        (ch04.active_units, "samples", reparameterized_activity),
        (ch04.active_units, "samples", normal_activity),
        (
            ch04.same_style,
            "encoded_as_asked",
            lambda model, x, labels, wanted: torch.stack(
                [
                    torch.cat([model.decode(model.encode(image, w).mean, w) for w in wanted.split(1)])
                    for image in x.split(1)
                ]
            ),
        ),
    ],
)
def test_mistakes_as_popular_code_makes_them_are_recognised(exercise, name, answer):
    assert said(exercise, answer) == exercise.mistake_messages[name]


def test_beta_in_disguise_is_told_with_its_numbers():
    """Pitfall 8: beside a mean over pixels the weight is another one, in both directions."""
    messages = ch04.beta_loss.mistake_messages
    assert "784" in messages["pixel_mean"]
    assert "784/500" in messages["beta_on_pixel_mean"]
    log_probs, kls, beta = ch04.beta_loss.cases[0]
    n_pixels = log_probs.shape[1]
    wrong = ch04.beta_loss_pixel_mean(log_probs, kls, beta).loss
    torch.testing.assert_close(n_pixels * wrong, ch04.beta_loss_reference(log_probs, kls, n_pixels * beta)[2])
    wrong = ch04.beta_loss_on_pixel_mean(log_probs, kls, beta).loss
    right = ch04.beta_loss_reference(log_probs, kls, n_pixels / beta)[2]
    torch.testing.assert_close(n_pixels / beta * wrong, right)


# ---- mistakes that nobody foresaw, wrong types and shapes


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ch04.reconstruction, lambda x, logits: (x - logits).sum(1), "shape (4, 6), expected (4,)"),
        (ch04.reconstruction, lambda x, logits: None, "is there a `return`"),
        (ch04.reconstruction, lambda x: x, "could not be called"),
        (ch04.importance_estimate, lambda log_lik, z, mean, logvar: log_lik + mean, "RuntimeError"),
        (
            ch04.beta_loss,
            lambda p, k, beta: beta * k.sum(1).mean() - p.sum(1).mean(),
            "(distortion, rate, loss)",
        ),
        (ch04.beta_loss, lambda p, k, beta: (-p.sum(), k.sum(1).mean(), k.sum()), "istortion`"),
        (ch04.free_bits, lambda kls, free: 2 * ch04.free_bits_reference(kls, free), "exactly twice"),
        (ch04.free_bits, lambda kls, free: None, "is there a `return`"),
        (ch04.active_units, lambda mean, logvar, t: mean.var(0), "expected 2 values (activity, n_active)"),
        (ch04.active_units, lambda mean, logvar, t: (mean.var(0) > t).sum(), "a number, expected 2 values"),
        (ch04.active_units, lambda mean, logvar, t: (mean.var(0), 3), "n_active`"),
        (ch04.same_style, lambda model, x, labels, wanted: model.decode(labels, x), "z must"),
        (ch04.same_style, lambda model, x, labels, wanted: model.encode(x), "conditions"),
    ],
)
def test_other_answers_are_told_what_is_wrong(exercise, answer, words):
    assert words in said(exercise, answer)


def test_the_model_of_an_exercise_is_the_same_at_every_call():
    state = torch.get_rng_state()
    first, second = ch04.small_model(0), ch04.small_model(0)
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, first.parameters(), second.parameters()))
