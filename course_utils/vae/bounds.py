"""The evidence lower bound, the importance-weighted one, and log p(x) itself; nats, one value per example.

`*condition` is empty for a VAE, and the conditions for a `ConditionalVAE`.
"""

import math
import warnings
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.distributions import gaussian_log_prob, kl_to_standard_normal, reparameterize
from course_utils.vae.likelihoods import Bernoulli
from course_utils.vae.model import VAE, Posterior
from course_utils.validation import check_count, check_finite, check_tensor

__all__ = [
    "ElboTerms",
    "LogMarginal",
    "elbo",
    "elbo_terms",
    "importance_log_weights",
    "iwae_bound",
    "log_marginal_likelihood",
]

ROWS_AT_ONCE = 4_000  # decoded together: their pixels stay in a processor's cache


class ElboTerms(NamedTuple):
    """elbo = reconstruction - kl."""

    reconstruction: Tensor  # (batch,) estimate of E_q[log p(x | z)], nats; no loss, and no error
    kl: Tensor  # (batch,) KL(q(z | x) ‖ N(0, I)), nats, exact


class LogMarginal(NamedTuple):
    """An estimate of log p(x)."""

    log_prob: Tensor  # (batch,) nats
    standard_error: Tensor  # (batch,) of log_prob, nats; too small where few samples carry the weight


def elbo_terms(
    model: VAE, x: Tensor, *condition: Tensor, n_samples: int = 1, generator: Generator | None = None
) -> ElboTerms:
    """The two terms of the ELBO, E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)), per example.

    Args:
        model: the VAE.
        x: (batch, *shape).
        condition: of a `ConditionalVAE`.
        n_samples: draws of z per example, over which the reconstruction is averaged.
        generator: for the draws.

    Returns:
        `reconstruction` and `kl`, (batch,) each, with gradients to all parameters.

    Raises:
        ValueError: for shapes that do not fit, or pixels outside [0, 1] given to a Bernoulli.

    Warns:
        UserWarning: for grey pixels given to a Bernoulli: the result is no likelihood.
    """
    warn_if_grey(model, x)
    posterior = model.encode(x, *condition)
    return terms(
        model, x, posterior, *condition, n_samples=check_count(n_samples, "n_samples"), generator=generator
    )


def elbo(
    model: VAE, x: Tensor, *condition: Tensor, n_samples: int = 1, generator: Generator | None = None
) -> Tensor:
    """A lower bound on log p(x) in expectation, (batch,) nats: see `elbo_terms`. Maximise it."""
    reconstruction, kl = elbo_terms(model, x, *condition, n_samples=n_samples, generator=generator)
    return reconstruction - kl


def terms(
    model: VAE,
    x: Tensor,
    posterior: Posterior,
    *condition: Tensor,
    n_samples: int = 1,
    generator: Generator | None = None,
) -> ElboTerms:
    """`elbo_terms` for a q(z | x) that is given, without looking at the values of x."""
    many = (repeated(part, n_samples) for part in posterior)
    z = reparameterize(*many, generator=generator)  # (n_samples·batch, latent_dim)
    output = model.output(z, *(repeated(part, n_samples) for part in condition))
    log_prob = log_likelihood(model, repeated(x, n_samples), output)
    return ElboTerms(log_prob.view(n_samples, -1).mean(0), kl_to_standard_normal(*posterior))


def importance_log_weights(
    model: VAE, x: Tensor, *condition: Tensor, n_importance: int, generator: Generator | None = None
) -> Tensor:
    """Log p(x | zᵢ) + log p(zᵢ) - log q(zᵢ | x) for draws zᵢ from q(z | x).

    Their exponentials average to p(x): importance sampling, with q as the proposal.

    Args:
        model: the VAE.
        x: (batch, *shape).
        condition: of a `ConditionalVAE`.
        n_importance: draws per example, k.
        generator: for the draws.

    Returns:
        (k, batch) nats, with gradients to all parameters.
    """
    k = check_count(n_importance, "n_importance")
    mean, logvar = (repeated(part, k) for part in model.encode(x, *condition))
    z = reparameterize(mean, logvar, generator=generator)  # (k·batch, latent_dim)
    output = model.output(z, *(repeated(part, k) for part in condition))
    log_weights = (
        log_likelihood(model, repeated(x, k), output)
        + gaussian_log_prob(z, 0.0, 0.0)
        - gaussian_log_prob(z, mean, logvar)
    )
    return log_weights.view(k, -1)


def iwae_bound(log_weights: Tensor) -> Tensor:
    """Log (1/k) Σᵢ wᵢ: the importance-weighted bound on log p(x), tighter in expectation as k grows.

    Args:
        log_weights: (k, batch), log wᵢ of `importance_log_weights`; k = 1 gives the ELBO, its KL estimated.

    Returns:
        (batch,) nats.

    Source: Burda, Grosse and Salakhutdinov (2015), equation 8.
    """
    if check_tensor(log_weights, "log_weights").ndim != 2 or len(log_weights) == 0:
        raise ValueError(
            f"log_weights must have shape (k, batch), k at least 1, got {tuple(log_weights.shape)}"
        )
    return log_weights.logsumexp(0) - math.log(len(log_weights))


@torch.no_grad()
def log_marginal_likelihood(
    model: VAE, x: Tensor, *condition: Tensor, n_importance: int = 5000, generator: Generator | None = None
) -> LogMarginal:
    """Estimate log p(x) by importance sampling, in bounded memory.

    It is `iwae_bound` with k = n_importance, so that its expectation stays below log p(x); the standard error
    comes from the spread of the weights (the delta method).

    Args:
        model: the VAE.
        x: (n, *shape), any number of examples.
        condition: of a `ConditionalVAE`.
        n_importance: draws per example.
        generator: for the draws.

    Returns:
        `log_prob` and `standard_error`, (n,) nats each.

    Raises:
        ValueError: for shapes that do not fit, NaN, or pixels outside [0, 1] given to a Bernoulli.

    Warns:
        UserWarning: for grey pixels given to a Bernoulli.
    """
    k = check_count(n_importance, "n_importance")
    check_finite(check_tensor(x, "x"), "x")
    warn_if_grey(model, x)
    at_once = min(k, ROWS_AT_ONCE)
    # Filled in place: small tensors that stay, made between large ones that go, would leave holes in the memory.
    log_prob, error = torch.empty(2, len(x), dtype=x.dtype, device=x.device)
    with training.threads(1):
        for rows in torch.arange(len(x)).split(max(1, ROWS_AT_ONCE // at_once)):
            part = (x[rows], *(c[rows] for c in condition))
            log_weights = torch.cat(
                [
                    importance_log_weights(model, *part, n_importance=len(draws), generator=generator)
                    for draws in torch.arange(k).split(at_once)
                ]
            ).double()  # (k, rows)
            bound = iwae_bound(log_weights)
            relative = (log_weights - bound).exp()  # weights over their mean
            log_prob[rows] = bound.to(x.dtype)
            error[rows] = (relative.std(0, correction=0) / math.sqrt(k)).to(x.dtype)
    return LogMarginal(log_prob, error)


def log_likelihood(model: VAE, x: Tensor, output: Tensor) -> Tensor:
    """Log p(x | z), (batch,) nats, with a word on shapes that do not fit."""
    if output.shape != x.shape:
        raise ValueError(
            f"x must have the shape that the decoder gives, {tuple(output.shape[1:])} per example, "
            f"got {tuple(x.shape[1:])}"
        )
    return model.likelihood.log_prob(x, output)


def repeated(x: Tensor, times: int) -> Tensor:
    """(times·batch, ...): all rows, then all rows again, and so on."""
    return x if times == 1 else x.repeat(times, *[1] * (x.ndim - 1))


def warn_if_grey(model: VAE, x: Tensor) -> None:
    """One warning where a Bernoulli likelihood is given pixels between 0 and 1."""
    if isinstance(model.likelihood, Bernoulli) and not ((x == 0) | (x == 1)).all():
        warnings.warn(
            "x has values between 0 and 1, for which a Bernoulli likelihood is a cross-entropy and no log p(x); "
            "draw black and white pixels with data.binarize(x)",
            stacklevel=3,
        )
