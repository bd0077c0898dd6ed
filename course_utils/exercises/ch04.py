"""Exercises of chapter 4: the VAE in practice.

One convention: nats, summed over pixels and over dimensions of z, one value per example or a mean over the batch.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Bernoulli
from torch.nn import functional

from course_utils.distributions import kl_to_standard_normal
from course_utils.exercises.exercise import Exercise, Question, seeded, with_names
from course_utils.vae import ConditionalVAE, mlp_conditional_vae

__all__ = [
    "active_units",
    "all_exercises",
    "best_elbo",
    "beta_loss",
    "beta_on_means",
    "blur",
    "collapsed_units",
    "free_bits",
    "grey_or_binary",
    "held_out",
    "importance_estimate",
    "linear_combination",
    "nearest_image",
    "one_pixel",
    "questions",
    "recall_gap",
    "recall_k",
    "recall_noise",
    "reconstruction",
    "same_style",
    "sigma_as_beta",
    "size_of_the_gap",
    "style_leak",
    "which_is_better",
]

CHAPTER = "ch04"


# --- reconstruction ---------------------------------------------------------------------------------


def reconstruction_reference(x: Tensor, logits: Tensor) -> Tensor:
    log_on, log_off = functional.logsigmoid(logits), functional.logsigmoid(-logits)  # log p, log(1 - p)
    each = x * log_on + (1 - x) * log_off  # (batch, h, w), one of the two for each pixel
    return each.sum((1, 2))  # (batch,)


def reconstruction_mean(x: Tensor, logits: Tensor) -> Tensor:
    return reconstruction_reference(x, logits) / x[0].numel()


def reconstruction_default_loss(x: Tensor, logits: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, x)


def reconstruction_mean_of_all(x: Tensor, logits: Tensor) -> Tensor:
    return -functional.binary_cross_entropy_with_logits(logits, x)


def reconstruction_batch(x: Tensor, logits: Tensor) -> Tensor:
    return reconstruction_reference(x, logits).mean()


def reconstruction_batch_loss(x: Tensor, logits: Tensor) -> Tensor:
    return -reconstruction_reference(x, logits).mean()


def reconstruction_total(x: Tensor, logits: Tensor) -> Tensor:
    return reconstruction_reference(x, logits).sum()


def reconstruction_total_loss(x: Tensor, logits: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def reconstruction_swapped(x: Tensor, logits: Tensor) -> Tensor:
    return -functional.binary_cross_entropy_with_logits(x, logits, reduction="none").sum((1, 2))


def reconstruction_elements(x: Tensor, logits: Tensor) -> Tensor:
    return -functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


def reconstruction_loss(x: Tensor, logits: Tensor) -> Tensor:
    return -reconstruction_reference(x, logits)


def reconstruction_no_sigmoid(x: Tensor, logits: Tensor) -> Tensor:
    return (x * logits.log() + (1 - x) * (1 - logits).log()).sum((1, 2))


def reconstruction_no_sigmoid_loss(x: Tensor, logits: Tensor) -> Tensor:
    return -functional.binary_cross_entropy(logits, x, reduction="none").sum((1, 2))


def reconstruction_two_sigmoids(x: Tensor, logits: Tensor) -> Tensor:
    return reconstruction_reference(x, logits.sigmoid())


def reconstruction_rounded(x: Tensor, logits: Tensor) -> Tensor:
    p = logits.sigmoid()
    return (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2))


def reconstruction_clamped(x: Tensor, logits: Tensor) -> Tensor:
    return -functional.binary_cross_entropy(logits.sigmoid(), x, reduction="none").sum((1, 2))


def reconstruction_rounded_distribution(x: Tensor, logits: Tensor) -> Tensor:
    return Bernoulli(probs=logits.sigmoid()).log_prob(x).sum((1, 2))


def reconstruction_offset(x: Tensor, logits: Tensor) -> Tensor:
    p = logits.sigmoid()
    return (x * (p + 1e-8).log() + (1 - x) * (1 - p + 1e-8).log()).sum((1, 2))


def reconstruction_cut(x: Tensor, logits: Tensor) -> Tensor:
    p = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    return (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2))


def reconstruction_overflow(x: Tensor, logits: Tensor) -> Tensor:
    return (x * logits - (1 + logits.exp()).log()).sum((1, 2))


def reconstruction_only_ink(x: Tensor, logits: Tensor) -> Tensor:
    return (x * functional.logsigmoid(logits)).sum((1, 2))


def reconstruction_squares(x: Tensor, logits: Tensor) -> Tensor:
    return -(x - logits.sigmoid()).square().sum((1, 2))


def black_and_white(*shape: int, seed: int) -> Tensor:
    """Images of zeros and ones."""
    return (seeded(*shape, seed=seed) > 0.4).float()


def reconstruction_cases() -> list[tuple[Tensor, Tensor]]:
    logits = 2 * seeded(4, 5, 6, seed=1)
    sure = (
        torch.full((2, 3, 3), 150.0) * seeded(2, 3, 3, seed=3).sign()
    )  # a decoder that is sure, at times wrongly
    return [
        (black_and_white(4, 5, 6, seed=0), logits),
        (black_and_white(2, 3, 3, seed=2), sure),
        (black_and_white(3, 4, 4, seed=4), seeded(3, 4, 4, seed=5).sigmoid()),
    ]


reconstruction = Exercise(
    "reconstruction",
    chapter=CHAPTER,
    task="log p(x | z) of each image for a Bernoulli likelihood: x of zeros and ones and the decoder's logits, "
    "(batch, h, w) both, to (batch,), in nats. It has to be right for logits of any size.",
    reference=reconstruction_reference,
    cases=reconstruction_cases,
    mistakes={
        "mean_over_pixels": (
            reconstruction_mean,
            "This averages over the pixels of each image. Beside a KL that is summed, the KL would weigh as many times "
            "too much as there are pixels: sum.",
        ),
        "default_loss": (
            reconstruction_default_loss,
            "This is PyTorch's cross-entropy with its default reduction: a mean over all pixels of all images, and a "
            "loss. Say reduction='none', sum over the pixels of each image, and turn the sign.",
        ),
        "mean_of_all": (
            reconstruction_mean_of_all,
            "The sign is right, but this is one mean over all pixels of all images: reduction='none', then sum over "
            "the pixels of each image.",
        ),
        "batch_mean": (
            reconstruction_batch,
            "This is the mean over the batch. Give one value for each image, shape (batch,); the caller averages.",
        ),
        "batch_mean_loss": (
            reconstruction_batch_loss,
            "This is the mean over the batch of the reconstruction error. Give log p(x | z) itself, without the minus, "
            "and one value for each image.",
        ),
        "total": (
            reconstruction_total,
            "This is one sum for the whole batch, which doubles with twice the images. Sum over rows and columns only.",
        ),
        "total_loss": (
            reconstruction_total_loss,
            "This is the cross-entropy of the whole batch in one sum. Say reduction='none', sum over the pixels of "
            "each image, and turn the sign.",
        ),
        "swapped": (
            reconstruction_swapped,
            "x and the logits have changed places: PyTorch's losses take what the network says first, the data second.",
        ),
        "not_summed": (
            reconstruction_elements,
            "Right for each pixel. Given z the pixels are independent, so the logarithms of an image add up: sum over "
            "rows and columns.",
        ),
        "loss": (
            reconstruction_loss,
            "This is -log p(x | z), the cross-entropy: a loss. The reconstruction term of the ELBO is the "
            "log-probability, never positive.",
        ),
        "no_sigmoid": (
            reconstruction_no_sigmoid,
            "The logits are taken for probabilities, so that logarithms of negative numbers appear. A logit is "
            "log p/(1 - p): p = sigmoid(logit).",
        ),
        "no_sigmoid_loss": (
            reconstruction_no_sigmoid_loss,
            "binary_cross_entropy takes probabilities, and these are logits: there is "
            "binary_cross_entropy_with_logits.",
        ),
        "two_sigmoids": (
            reconstruction_two_sigmoids,
            "The sigmoid is applied twice: every probability ends between 0.5 and 0.73. What takes logits applies the "
            "sigmoid itself.",
        ),
        "rounded": (
            reconstruction_rounded,
            "Right for small logits. For large ones sigmoid rounds to 0 or 1, and its logarithm is -inf; times 0, NaN. "
            "Compute log p and log(1 - p) from the logits: logsigmoid(logits) and logsigmoid(-logits).",
        ),
        "clamped": (
            reconstruction_clamped,
            "Right for small logits. binary_cross_entropy cuts logarithms off at -100, so a decoder that is sure and "
            "wrong gets away with less than it owes: take the version with logits.",
        ),
        "offset": (
            reconstruction_offset,
            "Right for small logits. The 1e-8 inside the logarithm is a floor: no pixel costs more than 18 nats, "
            "however sure and wrong the decoder is. logsigmoid(logits) and logsigmoid(-logits) need no floor.",
        ),
        "cut": (
            reconstruction_cut,
            "Right for small logits. Cutting p off at 1e-6 is a floor: no pixel costs more than 14 nats, however sure "
            "and wrong the decoder is. logsigmoid(logits) and logsigmoid(-logits) need no floor.",
        ),
        "overflow": (
            reconstruction_overflow,
            "Right for small logits. exp(150) is too large for a float32, so log(1 + exp(logits)) is infinite: "
            "functional.softplus(logits) is the same without the detour.",
        ),
        "rounded_distribution": (
            reconstruction_rounded_distribution,
            "Right for small logits. Bernoulli(probs) cuts probabilities off before 0 and 1, so no pixel costs more "
            "than 16 nats: give it the logits, Bernoulli(logits=logits).",
        ),
        "only_ink": (
            reconstruction_only_ink,
            "Only the white pixels count here, x = 1. Ink where there is none has to cost as well: the term "
            "(1 - x) log(1 - p) is missing.",
        ),
        "squared_error": (
            reconstruction_squares,
            "This is a negative squared error, the shape of a Gaussian's log-density. For a coin of probability p it "
            "is log p where x is 1, and log(1 - p) where x is 0.",
        ),
    },
    hints=[
        "A pixel is a coin that shows 1 with p = sigmoid(logit): x log p + (1 - x) log(1 - p), then sum over pixels.",
        "-functional.binary_cross_entropy_with_logits(logits, x, reduction='none') is that for each pixel; "
        ".sum((1, 2)).",
    ],
)


# --- importance_estimate ----------------------------------------------------------------------------


def importance_estimate_reference(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_2pi = math.log(2 * math.pi)
    log_prior = -0.5 * (z**2 + log_2pi).sum(2)  # (k, batch)
    log_q = -0.5 * ((z - mean) ** 2 / logvar.exp() + logvar + log_2pi).sum(2)  # (k, batch)
    log_weights = log_lik + log_prior - log_q  # log of p(x | z) p(z) / q(z | x)
    return log_weights.logsumexp(0) - math.log(len(z))  # (batch,), log of the mean weight


def importance_parts(z: Tensor, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Log p(z) and log q(z | x), (k, batch) each."""
    log_prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(2)
    log_q = -0.5 * ((z - mean) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(2)
    return log_prior, log_q


def log_mean(log_weights: Tensor) -> Tensor:
    """Log of the mean over the draws, (batch,)."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def importance_elbo(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return (log_lik + log_prior - log_q).mean(0)


def importance_closed_elbo(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return log_lik.mean(0) - kl_to_standard_normal(mean, logvar)


def importance_no_log_k(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return importance_estimate_reference(log_lik, z, mean, logvar) + math.log(len(z))


def importance_log_batch(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return importance_no_log_k(log_lik, z, mean, logvar) - math.log(len(mean))


def importance_underflow(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return (log_lik + log_prior - log_q).exp().mean(0).log()


def importance_max(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return (log_lik + log_prior - log_q).amax(0)


def importance_no_prior(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return log_mean(log_lik - importance_parts(z, mean, logvar)[1])


def importance_no_q(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return log_mean(log_lik + importance_parts(z, mean, logvar)[0])


def importance_likelihood_only(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return log_mean(log_lik)


def importance_times_q(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return log_mean(log_lik + log_prior + log_q)


def importance_reversed(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return log_mean(log_lik - log_prior + log_q)


def importance_closed_kl(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return log_mean(log_lik) - kl_to_standard_normal(mean, logvar)


def importance_no_width(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return importance_estimate_reference(log_lik, z, mean, logvar) - 0.5 * logvar.sum(1)


def importance_log_std(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return importance_estimate_reference(log_lik, z, mean, 2 * logvar)


def importance_dimension_mean(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_prior, log_q = importance_parts(z, mean, logvar)
    return log_mean(log_lik + (log_prior - log_q) / z.shape[2])


def importance_loss(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return -importance_estimate_reference(log_lik, z, mean, logvar)


def importance_batch(log_lik: Tensor, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return importance_estimate_reference(log_lik, z, mean, logvar).mean()


def importance_cases() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    cases = []
    for seed, (k, batch, latent_dim, level) in enumerate(
        [(6, 4, 3, -2.0), (5, 3, 2, -500.0), (3, 2, 1, -1.0)]
    ):
        mean, logvar = (
            seeded(batch, latent_dim, seed=seed),
            0.6 * seeded(batch, latent_dim, seed=seed + 10) - 1,
        )
        z = mean + (0.5 * logvar).exp() * seeded(k, batch, latent_dim, seed=seed + 20)
        cases.append((level + 2 * seeded(k, batch, seed=seed + 30), z, mean, logvar))
    return cases


importance_estimate = Exercise(
    "importance_estimate",
    chapter=CHAPTER,
    task="Estimate log p(x) by importance sampling, from k draws of q(z | x) = N(mean, σ²): z is "
    "(k, batch, latent_dim), log_lik the log p(x | z) of each draw, (k, batch), mean and logvar are "
    "(batch, latent_dim), and the prior is N(0, I). One value for each example, (batch,), in nats; also where "
    "log_lik is near -500.",
    reference=importance_estimate_reference,
    cases=importance_cases,
    mistakes={
        "mean_of_logs": (
            importance_elbo,
            "This is the mean of the log-weights: the ELBO from k draws, a bound that more draws do not tighten. "
            "The estimate is the logarithm of the mean weight.",
        ),
        "elbo": (
            importance_closed_elbo,
            "This is reconstruction - KL: the ELBO, a bound. For the estimate each draw needs its own weight, "
            "p(x | z) p(z) / q(z | x), and the logarithm comes after the mean.",
        ),
        "no_log_k": (
            importance_no_log_k,
            "Too large by log k: the weights are summed, not averaged. With 5,000 draws that flatters by 8.5 nats.",
        ),
        "log_batch": (
            importance_log_batch,
            "The logarithm that is subtracted is that of the batch size. The weights are averaged over the k draws, "
            "which are dimension 0: log_lik has shape (k, batch).",
        ),
        "underflow": (
            importance_underflow,
            "Right while the weights are near 1; exp(-500) is 0 in the computer, and log 0 is -inf. Stay with "
            "logarithms: torch.logsumexp.",
        ),
        "max": (
            importance_max,
            "This is the largest log-weight. It is part of the mean, but the mean divides by k and has the others too.",
        ),
        "no_prior": (importance_no_prior, "The prior is missing: the weight is p(x | z) p(z) / q(z | x)."),
        "no_q": (
            importance_no_q,
            "The weights are not divided by q(z | x). That the draws come from q, not evenly from everywhere, has to "
            "be corrected for.",
        ),
        "likelihood_only": (
            importance_likelihood_only,
            "This averages p(x | z). It would estimate p(x) if z came from the prior; these draws come from q, which "
            "prefers the z that explain x. Weigh each by p(z) / q(z | x).",
        ),
        "times_q": (
            importance_times_q,
            "The log-density of q is added: the weights are multiplied by it. They are divided by it: subtract.",
        ),
        "reversed": (
            importance_reversed,
            "Prior and q have changed places: the weight has p(z) above and q(z | x) below.",
        ),
        "closed_kl": (
            importance_closed_kl,
            "Half of it is an average of weights, half is the KL in closed form, which is an average of logarithms: "
            "neither the bound nor the estimate. Put log p(z) - log q(z | x) of each draw inside the logsumexp.",
        ),
        "no_width": (
            importance_no_width,
            "In log q the term -½ logvar is missing. (The 2π cancel between prior and q; the widths do not.)",
        ),
        "log_std": (
            importance_log_std,
            "In log q, logvar is treated as log σ. It is log σ²: the variance is exp(logvar).",
        ),
        "dimension_mean": (
            importance_dimension_mean,
            "The log-densities of z are averaged over its dimensions. They are independent: sum.",
        ),
        "loss": (importance_loss, "This is the negative, a loss: turn the sign."),
        "batch_mean": (
            importance_batch,
            "This is the mean over the batch. Give one value for each example, shape (batch,).",
        ),
    },
    hints=[
        "p(x) is the mean under q of the weights p(x | z) p(z) / q(z | x). First the logarithm of each weight, "
        "(k, batch), from three log-densities.",
        "log_w = log_lik + log N(z | 0, I) - log N(z | mean, σ²), the last two summed over dimension 2; then "
        "log_w.logsumexp(0) - log k.",
    ],
)


# --- beta_loss --------------------------------------------------------------------------------------


class RateDistortion(NamedTuple):
    """What a code costs, what it does not say, and the objective."""

    distortion: Tensor
    rate: Tensor
    loss: Tensor


def beta_loss_reference(log_probs: Tensor, kls: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
    distortion = -log_probs.sum(1).mean()  # summed over pixels, averaged over the batch
    rate = kls.sum(1).mean()  # summed over the dimensions of z, averaged over the batch
    return distortion, rate, distortion + beta * rate


def beta_loss_with(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    """The right answer, to be spoiled."""
    return RateDistortion(*beta_loss_reference(log_probs, kls, beta))


def beta_loss_sign(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(distortion=-right.distortion)


def beta_loss_sign_in_both(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    distortion, rate, _ = beta_loss_with(log_probs, kls, beta)
    return RateDistortion(-distortion, rate, -distortion + beta * rate)


def beta_loss_objective(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(loss=-right.loss)


def beta_loss_minus(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(loss=right.distortion - beta * right.rate)


def beta_loss_on_distortion(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(loss=beta * right.distortion + right.rate)


def beta_loss_in_rate(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(rate=beta * right.rate)


def beta_loss_no_beta(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(loss=right.distortion + right.rate)


def beta_loss_pixel_mean(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    _, rate, _ = beta_loss_with(log_probs, kls, beta)
    distortion = -log_probs.mean()
    return RateDistortion(distortion, rate, distortion + beta * rate)


def beta_loss_dimension_mean(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    distortion, _, _ = beta_loss_with(log_probs, kls, beta)
    return RateDistortion(distortion, kls.mean(), distortion + beta * kls.mean())


def beta_loss_both_means(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    return RateDistortion(-log_probs.mean(), kls.mean(), -log_probs.mean() + beta * kls.mean())


def beta_loss_on_pixel_mean(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_pixel_mean(log_probs, kls, beta)
    return right._replace(loss=beta * right.distortion + right.rate)


def beta_loss_examples(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    distortion, rate = -log_probs.sum(1), kls.sum(1)
    return RateDistortion(distortion, rate, distortion + beta * rate)


def beta_loss_totals(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    return RateDistortion(*(len(kls) * part for part in beta_loss_with(log_probs, kls, beta)))


def beta_loss_order(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    distortion, rate, loss = beta_loss_with(log_probs, kls, beta)
    return RateDistortion(rate, distortion, loss)


def beta_loss_of_means(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    return beta_loss_with(log_probs, kls, beta)._replace(loss=beta_loss_both_means(log_probs, kls, beta).loss)


def beta_loss_bound(log_probs: Tensor, kls: Tensor, beta: float) -> RateDistortion:
    right = beta_loss_with(log_probs, kls, beta)
    return right._replace(loss=-right.distortion - right.rate)


def beta_loss_cases() -> list[tuple[Tensor, Tensor, float]]:
    return [
        (-seeded(4, 9).abs(), seeded(4, 3, seed=1).square(), 4.0),
        (-seeded(3, 20, seed=2).abs(), seeded(3, 2, seed=3).square(), 0.5),
    ]


beta_loss = Exercise(
    "beta_loss",
    chapter=CHAPTER,
    task="Distortion, rate and the loss of a β-VAE, three numbers in this order: from log p of each pixel given z, "
    "log_probs (batch, n_pixels), and the KL of each dimension, kls (batch, latent_dim). All in nats per image, "
    "means over the batch; the loss is to be minimised, and at beta = 1 it is the negative ELBO.",
    reference=beta_loss_reference,
    cases=beta_loss_cases,
    observe=with_names(RateDistortion),
    mistakes={
        "sign_of_distortion": (
            beta_loss_sign,
            "The loss is right, but what you give as distortion is the reconstruction term. Distortion counts what is "
            "lost: -log p(x | z), never negative here.",
        ),
        "reconstruction_added": (
            beta_loss_sign_in_both,
            "The sign of the distortion is turned, in the loss as well: minimising it would make the data less "
            "probable. Distortion is -log p(x | z).",
        ),
        "objective": (
            beta_loss_objective,
            "Distortion and rate are right. The third number is an objective to be maximised, reconstruction - β·KL; "
            "the loss is its negative.",
        ),
        "bound": (
            beta_loss_bound,
            "Distortion and rate are right. The third number is -D - R, the ELBO whatever β is; the loss is D + β·R.",
        ),
        "loss_of_means": (
            beta_loss_of_means,
            "Distortion and rate are right, and the loss is made of other numbers: of means over pixels and "
            "dimensions. Use the two that you have, D + β·R.",
        ),
        "minus": (
            beta_loss_minus,
            "The rate is subtracted: such a loss rewards a code for being expensive. Both are costs: add them.",
        ),
        "beta_on_distortion": (
            beta_loss_on_distortion,
            "β multiplies the distortion. It is the price of the rate: a large β makes the code cheap and the pictures "
            "poor, and your loss does the opposite.",
        ),
        "beta_in_rate": (
            beta_loss_in_rate,
            "The loss is right, but the rate you report has β in it. Report what the code costs, KL in nats: "
            "otherwise two models with different β cannot be compared.",
        ),
        "no_beta": (
            beta_loss_no_beta,
            "The β is missing in the loss: this is the negative ELBO, whatever β is.",
        ),
        "pixel_mean": (
            beta_loss_pixel_mean,
            "The log-probabilities are averaged over the pixels, the KL is summed. That multiplies β by the number of "
            "pixels: on MNIST, β = 1 would really be 784. Sum over pixels, then average over the batch.",
        ),
        "beta_on_pixel_mean": (
            beta_loss_on_pixel_mean,
            "β multiplies a mean over pixels. Measured as the weight of the KL beside a sum, that is n_pixels / β: "
            "on MNIST a 'β = 500' of this kind is 784/500, less than 2. Sum over pixels, and put β before the rate.",
        ),
        "dimension_mean": (
            beta_loss_dimension_mean,
            "The KL is averaged over the dimensions of z. That divides β by their number: sum over them.",
        ),
        "both_means": (
            beta_loss_both_means,
            "Both terms are means, over pixels and over dimensions of z. Their numbers differ, so that β is multiplied "
            "by n_pixels / latent_dim: sum both, then average over the batch.",
        ),
        "not_averaged": (
            beta_loss_examples,
            "Right for each example. Three numbers are asked for: their means over the batch.",
        ),
        "order": (
            beta_loss_order,
            "The numbers are right, but the first two have changed places: distortion, rate, loss.",
        ),
        "totals": (
            beta_loss_totals,
            "These are sums over the batch. Average over it, so that the numbers do not depend on the batch size.",
        ),
    },
    hints=[
        "Distortion: what the decoder loses, -log p(x | z). Rate: what the code costs, the KL. Sum over pixels and "
        "over dimensions, average over examples.",
        "distortion = -log_probs.sum(1).mean(); rate = kls.sum(1).mean(); and the loss adds β times the rate.",
    ],
)


# --- free_bits --------------------------------------------------------------------------------------


def free_bits_reference(kls: Tensor, free: float) -> Tensor:
    each = kls.mean(0)  # (latent_dim,), what each dimension costs on average over the batch
    return each.clamp_min(free).sum()  # the first `free` nats of each cost nothing extra


def free_bits_each(kls: Tensor, free: float) -> Tensor:
    return kls.clamp_min(free).sum(1).mean()


def free_bits_total(kls: Tensor, free: float) -> Tensor:
    return kls.sum(1).mean().clamp_min(free)


def free_bits_total_times(kls: Tensor, free: float) -> Tensor:
    return kls.sum(1).mean().clamp_min(free * kls.shape[1])


def free_bits_total_each(kls: Tensor, free: float) -> Tensor:
    return kls.sum(1).clamp_min(free).mean()


def free_bits_min(kls: Tensor, free: float) -> Tensor:
    return kls.mean(0).clamp_max(free).sum()


def free_bits_subtracted(kls: Tensor, free: float) -> Tensor:
    return (kls.mean(0) - free).clamp_min(0).sum()


def free_bits_added(kls: Tensor, free: float) -> Tensor:
    return (kls.mean(0) + free).sum()


def free_bits_mean(kls: Tensor, free: float) -> Tensor:
    return kls.mean(0).clamp_min(free).mean()


def free_bits_sum_first(kls: Tensor, free: float) -> Tensor:
    return kls.sum(0).clamp_min(free).sum()


def free_bits_each_mean(kls: Tensor, free: float) -> Tensor:
    return kls.clamp_min(free).mean()


def free_bits_axis(kls: Tensor, free: float) -> Tensor:
    return kls.mean(1).clamp_min(free).sum()


def free_bits_none(kls: Tensor, free: float) -> Tensor:
    return kls.sum(1).mean()


def free_bits_dimensions(kls: Tensor, free: float) -> Tensor:
    return kls.mean(0).clamp_min(free)


def free_bits_dropped(kls: Tensor, free: float) -> Tensor:
    each = kls.mean(0)
    return (each * (each > free)).sum()


class Priced(NamedTuple):
    """The price, and how it changes with each KL."""

    price: Any
    gradient: Tensor


def value_and_gradient(function: Callable[..., Any], kls: Tensor, free: float) -> Priced:
    """Zeros for the gradient where the function cuts it."""
    kls = kls.requires_grad_()
    price = function(kls, free)
    if not isinstance(price, Tensor) or not price.requires_grad:
        return Priced(price, torch.zeros_like(kls))
    return Priced(price, torch.autograd.grad(price.sum(), kls)[0])


def free_bits_detached(kls: Tensor, free: float) -> Tensor:
    return free_bits_reference(kls.detach(), free)


def free_bits_cases() -> list[tuple[Tensor, float]]:
    """A collapsed dimension, one that only some examples use, a batch below the limit, an example below it."""
    costs = torch.tensor([[3.0, 0.05, 0.6, 0.0], [1.0, 0.15, 0.1, 0.0], [5.0, 0.01, 0.2, 0.02]])
    return [
        (costs, 0.25),
        (2 * seeded(5, 3).square(), 1.0),
        (0.02 * seeded(4, 6).square(), 0.5),
        (torch.tensor([[0.1, 0.2], [3.0, 1.0]]), 0.5),
    ]


free_bits = Exercise(
    "free_bits",
    chapter=CHAPTER,
    task="The KL term with free bits: from the KL of each example and dimension, kls (batch, latent_dim), to one "
    "number in nats. A dimension costs its mean over the batch, but at least `free`, so that it gains nothing "
    "by falling below; the costs of the dimensions are summed. The check also looks at the gradient.",
    reference=free_bits_reference,
    cases=free_bits_cases,
    observe=value_and_gradient,
    mistakes={
        "each_example": (
            free_bits_each,
            "The limit is applied to each example. Then one example that needs little is charged although the others "
            "use the dimension: take the mean over the batch first, then the limit.",
        ),
        "each_example_mean": (
            free_bits_each_mean,
            "The limit is applied to each example, and everything is averaged. Take the mean over the batch first, "
            "then the limit, then sum over the dimensions.",
        ),
        "total": (
            free_bits_total,
            "The limit is applied to the sum over all dimensions. One busy dimension then satisfies it, and the rest "
            "may collapse: apply it to each dimension.",
        ),
        "total_times_dimensions": (
            free_bits_total_times,
            "The limit is applied once, to the total, as latent_dim times `free`. One busy dimension can use up what "
            "was meant for all: apply it to each dimension, before the sum.",
        ),
        "total_of_each_example": (
            free_bits_total_each,
            "The limit is applied to the whole KL of each example. It belongs to each dimension, after the mean over "
            "the batch.",
        ),
        "min": (
            free_bits_min,
            "This caps the cost from above: every nat beyond `free` is free, so the code may become as expensive as it "
            "likes. The other way round: at least `free`, the maximum of the two.",
        ),
        "subtracted": (
            free_bits_subtracted,
            "The gradient is right, but the price is too small by `free` for each dimension: max(free, KL) is "
            "asked for, not max(0, KL - free).",
        ),
        "added": (
            free_bits_added,
            "`free` is added to each dimension's cost. A constant has no gradient: nothing is free then.",
        ),
        "mean_over_dimensions": (
            free_bits_mean,
            "The dimensions are averaged. Sum them, as in every KL of this course.",
        ),
        "sum_over_batch": (
            free_bits_sum_first,
            "You sum over the batch before the limit, so that it depends on the batch size. Average.",
        ),
        "wrong_axis": (
            free_bits_axis,
            "The mean is taken over the dimensions of each example. Take it over the batch: dimension 0.",
        ),
        "no_limit": (
            free_bits_none,
            "This is the plain KL, without free bits: a dimension below `free` still gains by falling to 0.",
        ),
        "dropped": (
            free_bits_dropped,
            "The gradient is right, but a dimension below the limit counts 0 here. It costs `free`: otherwise the "
            "price jumps when it crosses the limit.",
        ),
        "not_summed": (free_bits_dimensions, "Right for each dimension; now sum them."),
        "detached": (
            free_bits_detached,
            "The number is right, but no gradient reaches the KLs, so that no encoder can learn from it: leave out "
            "detach(), item() and no_grad().",
        ),
    },
    hints=[
        "Three steps in this order: mean over the batch, limit, sum over the dimensions.",
        "kls.mean(0) is (latent_dim,); .clamp_min(free) gives each dimension at least `free`; then .sum().",
    ],
)


# --- active_units -----------------------------------------------------------------------------------


class Activity(NamedTuple):
    """How much each dimension is used, and how many are."""

    activity: Tensor
    n_active: int


def active_units_reference(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    activity = mean.var(0)  # (latent_dim,), how much the encoder's mean varies over the data
    return activity, int((activity > threshold).sum())


def counted(activity: Tensor, threshold: float) -> tuple[Tensor, int]:
    """The activity and how many are above the threshold."""
    return activity, int((activity > threshold).sum())


def active_units_samples(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted((mean + (0.5 * logvar).exp() * torch.randn_like(mean)).var(0), threshold)


def active_units_total(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(mean.var(0) + logvar.exp().mean(0), threshold)


def active_units_noise(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(logvar.exp().mean(0), threshold)


def active_units_kl(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted((0.5 * (logvar.exp() - 1 - logvar + mean**2)).mean(0), threshold)


def active_units_std(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(mean.std(0), threshold)


def active_units_squares(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(mean.square().mean(0), threshold)


def active_units_size(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(mean.abs().mean(0), threshold)


def active_units_axis(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    return counted(mean.var(1), threshold)


def active_units_inactive(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, int]:
    activity = mean.var(0)
    return activity, int((activity <= threshold).sum())


def active_units_share(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, float]:
    activity = mean.var(0)
    return activity, float((activity > threshold).float().mean())


def active_units_which(mean: Tensor, logvar: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    activity = mean.var(0)
    return activity, activity > threshold


def posteriors(
    seed: int, spread: list[float], centre: list[float], logvar: list[float]
) -> tuple[Tensor, Tensor]:
    """Means and log-variances of 4,000 examples; `spread` is the standard deviation of the means."""
    n = 4_000
    mean = torch.tensor(centre) + torch.tensor(spread) * seeded(n, len(spread), seed=seed)
    return mean, torch.tensor(logvar) + 0.1 * seeded(n, len(spread), seed=seed + 1)


def active_units_cases() -> list[tuple[Tensor, Tensor, float]]:
    """Dimensions that are used, collapsed, collapsed away from 0, and near the threshold."""
    used = posteriors(
        0, [0.9, 0.0, 0.001, 0.15, 0.07], [0.0, 0.0, 0.5, 0.1, 0.0], [-2.5, 0.0, 0.0, -0.2, 0.0]
    )
    collapsed = posteriors(5, [0.01, 0.01, 0.5], [0.3, 0.0, 0.0], [0.0, 0.0, -6.0])
    return [(*used, 0.01), (*collapsed, 0.01), (*used, 0.5)]


active_units = Exercise(
    "active_units",
    chapter=CHAPTER,
    task="Which dimensions of z does an encoder use? From mean and logvar of q(z | x) for n examples, (n, latent_dim) "
    "both: the *activity* of each dimension, the variance over the examples of the mean, (latent_dim,), and how many "
    "dimensions have more than `threshold` of it. (Divide by n or by n - 1, as you like.)",
    reference=active_units_reference,
    cases=active_units_cases,
    observe=with_names(Activity),
    rtol=1e-3,  # n = 4,000: to divide by n or by n - 1 makes a difference of 2.5e-4
    atol=1e-7,
    mistakes={
        "samples": (
            active_units_samples,
            "This is the variance of draws from q. A collapsed dimension, q = N(0, 1) for every x, has variance 1 and "
            "would be counted: take the variance of the means.",
        ),
        "total_variance": (
            active_units_total,
            "The noise, exp(logvar), is added to the variance of the means. That is the variance of the draws, near 1 "
            "for a collapsed dimension too: only the part that depends on x counts.",
        ),
        "mean_of_variances": (
            active_units_noise,
            "This is the mean of the variances, exp(logvar): how noisy the code is. It is 1 for a collapsed dimension "
            "and small for a used one. Asked for is the variance of the means.",
        ),
        "kl": (
            active_units_kl,
            "This is the mean KL of each dimension. It often tells the same, but a dimension whose mean is 0.5 for "
            "every x has a KL too, and says nothing about x: take the variance of the means.",
        ),
        "std": (
            active_units_std,
            "This is the standard deviation. The threshold is meant for the variance, its square.",
        ),
        "not_centred": (
            active_units_squares,
            "This is the mean square. A mean that is 0.5 for every x does not vary: subtract the average over the "
            "examples before you square, or call var.",
        ),
        "size": (
            active_units_size,
            "This is how far the means are from 0. What counts is how much they differ from example to example: "
            "their variance.",
        ),
        "wrong_axis": (
            active_units_axis,
            "The variance is taken over the dimensions of each example. Take it over the examples: dimension 0.",
        ),
        "inactive": (
            active_units_inactive,
            "The activity is right, but you count the dimensions that are not above the threshold.",
        ),
        "share": (
            active_units_share,
            "The activity is right; give the number of active dimensions, not their share.",
        ),
        "which": (
            active_units_which,
            "The activity is right, and so is which dimensions are active. Asked for is how many: sum.",
        ),
    },
    hints=[
        "If the encoder ignores x in a dimension, what does its mean look like over many x? You need only one of the "
        "two arguments.",
        "activity = mean.var(0); then count where it is above the threshold: (activity > threshold).sum().",
    ],
)


# --- same_style -------------------------------------------------------------------------------------


def same_style_reference(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    z = model.encode(x, labels).mean  # (n, latent_dim), the style: encoded with the image's own label
    columns = [model.decode(z, label.expand(len(x))) for label in wanted]  # m times (n, h, w)
    return torch.stack(columns, 1)  # (n, m, h, w)


def decode_all(model: ConditionalVAE, z: Tensor, wanted: Tensor) -> Tensor:
    """Every z with every label, (n, m, h, w)."""
    return torch.stack([model.decode(z, label.expand(len(z))) for label in wanted], 1)


def same_style_asked(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    columns = []
    for label in wanted:
        asked = label.expand(len(x))
        columns.append(model.decode(model.encode(x, asked).mean, asked))
    return torch.stack(columns, 1)


def same_style_swapped(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return torch.stack(
        [model.decode(model.encode(x, label.expand(len(x))).mean, labels) for label in wanted], 1
    )


def same_style_prior(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return decode_all(model, torch.randn(len(x), model.latent_dim), wanted)


def same_style_samples(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return torch.stack([model.sample(label.expand(len(x))) for label in wanted], 1)


def same_style_drawn(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    mean, logvar = model.encode(x, labels)
    return decode_all(model, mean + (0.5 * logvar).exp() * torch.randn_like(mean), wanted)


def same_style_drawn_anew(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    mean, logvar = model.encode(x, labels)
    drawn = (mean + (0.5 * logvar).exp() * torch.randn_like(mean) for _ in wanted)
    return torch.stack([model.decode(z, y.expand(len(x))) for z, y in zip(drawn, wanted, strict=True)], 1)


def same_style_own(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    z = model.encode(x, labels).mean
    return torch.stack([model.decode(z, labels) for _ in wanted], 1)


def same_style_logits(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    z = model.encode(x, labels).mean
    return torch.stack([model.output(z, label.expand(len(x))) for label in wanted], 1)


def same_style_transposed(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return same_style_reference(model, x, labels, wanted).transpose(0, 1)


def same_style_scrambled(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    z = model.encode(x, labels).mean
    pictures = model.decode(z.repeat(len(wanted), 1), wanted.repeat_interleave(len(x)))
    return pictures.reshape(len(x), len(wanted), *pictures.shape[1:])


def same_style_repeated(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    z = model.encode(x, labels).mean.repeat(len(wanted), 1)
    pictures = model.decode(z, wanted.repeat(len(x)))
    return pictures.reshape(len(x), len(wanted), *pictures.shape[1:])


def same_style_pairs(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return model.decode(model.encode(x, labels).mean, wanted)


def same_style_flat(model: ConditionalVAE, x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return same_style_reference(model, x, labels, wanted).flatten(0, 1)


def small_model(seed: int) -> ConditionalVAE:
    """An untrained conditional VAE of 3×4 pixels: its answers mean nothing, and no two are alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = mlp_conditional_vae((3, 4), 2, (5,), hidden=(16,))
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(3)
    return model.requires_grad_(False)


def same_style_cases() -> list[tuple[ConditionalVAE, Tensor, Tensor, Tensor]]:
    model, other = small_model(0), small_model(1)
    x = black_and_white(3, 3, 4, seed=6)
    return [
        (model, x, torch.tensor([4, 0, 2]), torch.tensor([0, 1, 2, 3, 4])),
        (other, x, torch.tensor([1, 1, 3]), torch.tensor([3, 0, 2])),
        (model, x[:1], torch.tensor([2]), torch.tensor([4, 1])),
    ]


same_style = Exercise(
    "same_style",
    chapter=CHAPTER,
    task="The same style, other digits: for images x (n, h, w) with their labels (n,) and the wanted labels (m,), the "
    "table of pictures (n, m, h, w), with image i's style drawn as digit wanted[j] at [i, j], values in [0, 1]. "
    "`model` is a ConditionalVAE: `model.encode(x, labels)` gives `.mean` and `.logvar`, "
    "`model.decode(z, labels)` gives the mean pictures. Take the mean as the code.",
    reference=same_style_reference,
    cases=same_style_cases,
    mistakes={
        "encoded_as_asked": (
            same_style_asked,
            "You encode with the label that is asked for. The encoder is told the truth in training: told that a 3 is "
            "an 8, it gives a code that means nothing. Encode with the image's own label, decode with the wanted one.",
        ),
        "swapped": (
            same_style_swapped,
            "The labels have changed places: the own one belongs into encode, the wanted ones into decode.",
        ),
        "prior": (
            same_style_prior,
            "These codes are drawn from the prior, so the pictures know nothing of x. The style is what the encoder "
            "says of x: model.encode(x, labels).mean.",
        ),
        "samples": (
            same_style_samples,
            "model.sample draws a new style for every picture, and x is not used. Encode x, and decode its code.",
        ),
        "drawn": (
            same_style_drawn,
            "The code is drawn from q, so that the table changes at every call. Take the mean of q.",
        ),
        "drawn_anew": (
            same_style_drawn_anew,
            "A new code is drawn from q for each digit: then no row has one style. Take the mean of q, once.",
        ),
        "own_label": (
            same_style_own,
            "Decoded with the image's own label every time: m equal reconstructions. Decode with the wanted labels.",
        ),
        "logits": (
            same_style_logits,
            "These are logits, from model.output. Pictures in [0, 1] come from model.decode.",
        ),
        "transposed": (
            same_style_transposed,
            "Rows and columns have changed places: one row for each image, one column for each wanted label, "
            "(n, m, h, w). With torch.stack, that is the dimension 1.",
        ),
        "scrambled": (
            same_style_scrambled,
            "The right pictures at the wrong places: they are computed label by label, and then read as if they came "
            "image by image. Repeat z with repeat_interleave and the labels with repeat, or stack along dimension 1.",
        ),
        "both_repeated": (
            same_style_repeated,
            "z and the labels are repeated in the same way, so that they run through together and most pairs are "
            "missing or in the wrong place. One of them has to stay while the other runs: z.repeat_interleave(m, 0), "
            "wanted.repeat(n).",
        ),
        "pairs": (
            same_style_pairs,
            "This pairs image i with wanted label i. Every image is asked for with every label, n·m pictures.",
        ),
        "flat": (
            same_style_flat,
            "The pictures are right and in the right order; give them the shape (n, m, h, w).",
        ),
    },
    hints=[
        "Encode once. Then one call of decode for each wanted label, all with the same z; decode wants as many labels "
        "as there are codes.",
        "z = model.encode(x, labels).mean; label.expand(len(x)) repeats one label; "
        "torch.stack([... for label in wanted], 1).",
    ],
)


all_exercises = [reconstruction, importance_estimate, beta_loss, free_bits, active_units, same_style]


# --- questions --------------------------------------------------------------------------------------

recall_gap = Question(
    "recall_gap",
    chapter=CHAPTER,
    text="The ELBO of an image is -95 nats. What is log p(x)?",
    choices={
        "a": (
            "-95, up to the randomness of the draws",
            "The gap, KL(q(z | x) ‖ p(z | x)), lies between them. More draws for the same average do not close it.",
        ),
        "b": (
            "At least -95: larger by the KL from q(z | x) to the true posterior, which is unknown",
            "log p(x) = ELBO + KL(q(z | x) ‖ p(z | x)), and a KL is never negative.",
            True,
        ),
        "c": (
            "-95 plus the KL term that the loss has",
            "That is the KL to the prior. The gap is the KL to the posterior p(z | x), which no program can compute.",
        ),
    },
)
recall_noise = Question(
    "recall_noise",
    chapter=CHAPTER,
    text="Without the KL term the encoder makes its noise smaller and smaller. Why does the ELBO stop it?",
    choices={
        "a": (
            "A narrow q is expensive, and at some width more precision costs more nats than it saves",
            "The KL grows like -log σ. So the width says how precisely the decoder needs to know this number.",
            True,
        ),
        "b": (
            "The gradient through z = m + σε vanishes for small σ",
            "It does get smaller, but without the KL nothing pulls the other way, and σ went on falling.",
        ),
        "c": (
            "The KL fixes σ at 1 for every x",
            "That is where the KL alone would put it. The reconstruction pulls it down, and the two balance.",
        ),
    },
)
recall_k = Question(
    "recall_k",
    chapter=CHAPTER,
    text="For a trained model you compute the importance-weighted bound with k = 1, 50 and 5,000 draws, averaged over "
    "10,000 images. What happens?",
    choices={
        "a": (
            "The three agree, up to chance",
            "Only if q were the exact posterior: then every weight is p(x).",
        ),
        "b": (
            "It rises with k, towards the mean of log p(x)",
            "In expectation it never falls, and k = 1 is the ELBO. The model is the same all the time.",
            True,
        ),
        "c": (
            "It rises with k, because the model gets better",
            "The model is not trained further. More draws only show more of what it is worth.",
        ),
    },
)
grey_or_binary = Question(
    "grey_or_binary",
    chapter=CHAPTER,
    text="Paper A binarises MNIST and reports -ELBO = 95 nats. Paper B leaves the pixels grey, and reports 'binary "
    "cross-entropy + KL = 101 nats'. Which model is better?",
    choices={
        "a": (
            "A: 95 is less than 101",
            "B's number is of another kind. Even a perfect reconstruction has a cross-entropy above 0 where a pixel is "
            "grey: -x log x - (1 - x) log(1 - x).",
        ),
        "b": (
            "B: grey pixels are harder, so 101 is the better result",
            "'Harder' cannot be counted in nats: for grey values a Bernoulli has no likelihood at all.",
        ),
        "c": (
            "The numbers cannot be compared: only A's is a bound on the negative log-probability of its data",
            "Values between 0 and 1 never come from a coin. To compare, both have to score the same binarised images.",
            True,
        ),
    },
)
size_of_the_gap = Question(
    "size_of_the_gap",
    chapter=CHAPTER,
    text="On the same test images a model has an ELBO of -95.0, and an importance-sampled log p(x) of -90.5 with "
    "k = 5,000. What is the difference of 4.5 nats?",
    choices={
        "a": (
            "An estimate, from below, of the mean KL from q(z | x) to the true posterior",
            "log p(x) - ELBO is that KL. The estimate is itself too low in expectation, so the gap is 4.5 or more.",
            True,
        ),
        "b": (
            "The noise of the two estimates",
            "Noise has both signs and shrinks with more images. This difference stays.",
        ),
        "c": (
            "How far the model is from the true distribution of digits",
            "Both numbers are about one model. The gap is what its encoder cannot express, not what the model lacks.",
        ),
    },
)
which_is_better = Question(
    "which_is_better",
    chapter=CHAPTER,
    text="Model A: 'NLL 89.9', which is -ELBO. Model B: 'NLL 88.7', importance-sampled with k = 5,000. The same test "
    "images. Which has the higher likelihood?",
    choices={
        "a": (
            "B: its number is lower",
            "A's number includes its gap, B's hardly any. With a gap above 1.2 nats, A would be the better one.",
        ),
        "b": (
            "A: a bound of 89.9 is worth more than an estimate of 88.7",
            "The bound says that A's NLL is at most 89.9. It may be far less, or not: nobody has measured it.",
        ),
        "c": (
            "It cannot be told: a bound beside an estimate with k draws. Measure both in the same way, with the same k",
            "Neither number should be called NLL without saying which it is.",
            True,
        ),
    },
)
beta_on_means = Question(
    "beta_on_means",
    chapter=CHAPTER,
    text="A program has the loss: cross-entropy, averaged over 784 pixels, plus 4 times the KL, averaged over 20 "
    "dimensions; it calls that 'β = 4'. Which β is it, with both terms summed?",
    choices={
        "a": (
            "4: both terms are means, so nothing changes",
            "They are means over different numbers of things, so they are divided by different numbers.",
        ),
        "b": (
            "4 · 20/784 ≈ 0.1",
            "The other way round: the mean makes the cross-entropy 784 times smaller, and so the KL weigh more.",
        ),
        "c": (
            "4 · 784/20 ≈ 157",
            "Multiply the whole loss by 784: the summed cross-entropy plus 784 · 4/20 times the summed KL. Expect "
            "every dimension to collapse.",
            True,
        ),
    },
)
best_elbo = Question(
    "best_elbo",
    chapter=CHAPTER,
    text="The same network is trained with β = 0.25, 1 and 4, to the end, on plenty of data. Which one has the best "
    "reconstruction term on test images, and which the best ELBO?",
    choices={
        "a": (
            "β = 0.25 both: it reconstructs best, and the ELBO is mostly reconstruction",
            "Its codes are expensive: the ELBO has the full KL, whatever β it was trained with.",
        ),
        "b": (
            "Reconstruction: β = 0.25. ELBO: β = 1",
            "A small β buys distortion with rate. At β = 1 the loss is the negative ELBO itself.",
            True,
        ),
        "c": (
            "Reconstruction: β = 0.25. ELBO: β = 4",
            "β = 4 has the cheapest code, but it pays more nats of distortion than it saves.",
        ),
    },
)
collapsed_units = Question(
    "collapsed_units",
    chapter=CHAPTER,
    text="Which of these lines, measured over the test set, belongs to a collapsed dimension of z?",
    choices={
        "a": (
            "Variance of the means 0.95, mean σ² 0.05, KL 1.5 nats",
            "A dimension in full use: the means differ from image to image, and the noise is small beside that.",
        ),
        "b": (
            "Variance of the means 0.0001, mean σ² 1.0, KL 0.00 nats",
            "q is N(0, 1) whatever x is: the code says nothing, and costs nothing. A draw of it still varies, "
            "from the noise alone.",
            True,
        ),
        "c": (
            "Variance of the means 6.2, mean σ² 0.0001, KL 7.2 nats",
            "The noise has nearly died: an expensive, precise code, as with a very small β.",
        ),
    },
)
blur = Question(
    "blur",
    chapter=CHAPTER,
    text="You draw z from the prior and show the decoder's means. Why are these pictures softer than the data?",
    choices={
        "a": (
            "A mean is the best answer, pixel by pixel, to all images that may have led to this z",
            "Where a stroke may lie here or a pixel further, both get a part of the ink. A draw of the pixels is not "
            "soft, it is ragged: given z, the pixels are independent.",
            True,
        ),
        "b": (
            "z is noisy, and the noise is seen in the picture",
            "One picture has one z. The noise of q matters in another way: it makes several images share a z.",
        ),
        "c": (
            "A VAE minimises the squared error, and no other loss would be as soft",
            "With a Bernoulli likelihood there is no squared error, and the means are soft as well. It is the pixels' "
            "independence.",
        ),
    },
)
one_pixel = Question(
    "one_pixel",
    chapter=CHAPTER,
    text="To a 7 you add one white pixel: at the end of its tail, or alone in an empty corner. The squared error to "
    "the original is the same. What follows for a loss that is made of it?",
    choices={
        "a": (
            "It counts pixels and knows no shapes: as reconstructions the two cost the same",
            "That one pixel lengthens a stroke and the other is dirt is a relation among pixels, and the error adds up "
            "pixels one by one. A cross-entropy does as well.",
            True,
        ),
        "b": (
            "Nothing: two pictures with the same error look equally good",
            "Nobody would call them equal: one is a 7, the other a 7 with dirt.",
        ),
        "c": (
            "A model trained with it puts dirt into corners",
            "It hardly will: a mean over many digits is empty there. The loss makes pictures soft, not dirty.",
        ),
    },
)
nearest_image = Question(
    "nearest_image",
    chapter=CHAPTER,
    text="For 1,000 samples the nearest training image is on average as far away as it is for 1,000 unseen test "
    "images. What does that show?",
    choices={
        "a": (
            "The samples are as good as real digits",
            "A distance to one image says nothing about quality: noise is far from every image, and an average of "
            "several is near many.",
        ),
        "b": (
            "The samples are no copies of training images, by this distance and on average",
            "No more than that. A few copies may hide in an average, a shifted copy is far away in pixels, and "
            "whole kinds of digits may be missing.",
            True,
        ),
        "c": (
            "The model has learned the distribution of the data",
            "Missing kinds of digits, for one thing, cannot be seen from the samples that are there.",
        ),
    },
)
linear_combination = Question(
    "linear_combination",
    chapter=CHAPTER,
    text="'A VAE only makes linear combinations of its training images.' You fit each sample by its 20 nearest "
    "training images, and they explain a good part of it. What do you need, to judge the claim?",
    choices={
        "a": (
            "More neighbours: with 1,000 of them the fit gets better",
            "With enough images the fit is perfect for any picture: 784 independent ones combine to every picture.",
        ),
        "b": (
            "Nothing: a good fit proves the claim",
            "Perhaps any digit is fitted as well by its neighbours. Without a comparison the number means nothing.",
        ),
        "c": (
            "The same number for unseen test images, and for a blurred copy of them",
            "If real digits nobody has combined are explained as well, the fit says something about digits, "
            "and softness alone makes a picture easier to fit.",
            True,
        ),
    },
)
sigma_as_beta = Question(
    "sigma_as_beta",
    chapter=CHAPTER,
    text="Two VAEs with a Gaussian decoder of fixed σₓ: one with σₓ = 0.1, one with σₓ = 1. How much more does the KL "
    "weigh in the second, beside ½ the squared error?",
    choices={
        "a": ("10 times as much", "In the log-density the squared error is divided by σₓ², not by σₓ."),
        "b": (
            "100 times as much",
            "-log p(x | z) is ‖x - g(z)‖² / 2σₓ² and a constant. Multiply by σₓ²: beside ½‖x - g(z)‖² stands σₓ²·KL.",
            True,
        ),
        "c": (
            "The same: β is 1 in both",
            "In both the loss is the negative ELBO, of two different models. σₓ chooses how much an error costs.",
        ),
    },
)
style_leak = Question(
    "style_leak",
    chapter=CHAPTER,
    text="A conditional VAE encodes a 3, is asked for an 8 in the same style, and draws a 3. What has happened?",
    choices={
        "a": (
            "z says which digit it is, so the decoder has learned not to read the label",
            "The label is free and the same fact in z costs nats, so the ELBO is against it. A KL that weighs too "
            "little, or a training that is too short, lets it happen.",
            True,
        ),
        "b": (
            "The KL is too large",
            "A high price of z drives out of it what the label says already. Here too much is in z.",
        ),
        "c": (
            "The encoder should not be given the label",
            "An encoder that knows the label can leave the digit out of z. Without it, it would have to recognise the "
            "digit first.",
        ),
    },
)
held_out = Question(
    "held_out",
    chapter=CHAPTER,
    text="A model draws creatures from attributes. Some combinations of attributes were never in its training data, "
    "and it draws them right. What has it shown?",
    choices={
        "a": (
            "That it can draw attributes it has never seen",
            "Each single attribute was in the training data, only not together. A new colour would be another test.",
        ),
        "b": (
            "Nothing, since it was trained on creatures",
            "A lookup table of all training pictures would fail here. This is more than memory.",
        ),
        "c": (
            "That it puts known attributes together anew, for combinations like those held out",
            "That is what was tested. How far it goes depends on how many were held out, and on who judges.",
            True,
        ),
    },
)

questions = [
    recall_gap,
    recall_noise,
    recall_k,
    grey_or_binary,
    size_of_the_gap,
    which_is_better,
    beta_on_means,
    best_elbo,
    collapsed_units,
    blur,
    one_pixel,
    nearest_image,
    linear_combination,
    sigma_as_beta,
    style_leak,
    held_out,
]
