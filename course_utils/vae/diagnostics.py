"""What goes on inside a VAE: the truth on a grid where z is one number, active units, the aggregate posterior."""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.distributions import gaussian_log_prob, kl_to_standard_normal, reparameterize
from course_utils.networks import apply_in_batches
from course_utils.vae.bounds import log_likelihood
from course_utils.vae.model import VAE, Posterior
from course_utils.validation import check_count, check_tensor

__all__ = ["AggregatePosterior", "GridTruth", "active_units", "aggregate_posterior", "truth_on_grid"]


class GridTruth(NamedTuple):
    """p(x) and p(z | x), by quadrature."""

    z: Tensor  # (n_grid,) the grid
    log_prob: Tensor  # (batch,) log p(x), nats
    log_posterior: (
        Tensor  # (batch, n_grid) log p(z | x) at the grid points, finite where p(z | x) rounds to 0
    )

    @property
    def posterior(self) -> Tensor:
        """(batch, n_grid) density p(z | x) at the grid points."""
        return self.log_posterior.exp()


class AggregatePosterior(NamedTuple):
    """The two parts of the mean KL, nats: kl = mutual_information + kl_to_prior."""

    kl: float  # mean over x of KL(q(z | x) ‖ p(z))
    mutual_information: float  # of x and z under q: what the code tells about the example
    kl_to_prior: float  # KL(q(z) ‖ p(z)) of the average q(z) = mean of q(z | x)
    standard_error: float  # of the two estimates


@torch.no_grad()
def truth_on_grid(
    model: VAE, x: Tensor, *condition: Tensor, low: float = -8.0, high: float = 8.0, n_grid: int = 4001
) -> GridTruth:
    """Log p(x) = log ∫ p(x | z) p(z) dz and p(z | x) for a z of one number, by the trapezoid rule.

    Args:
        model: a VAE with latent_dim 1.
        x: (batch, *shape).
        condition: of a `ConditionalVAE`.
        low: the lower end of the grid.
        high: the upper end.
        n_grid: number of its points.

    Returns:
        The grid, `log_prob` and `log_posterior`, and from it `posterior`.

    Raises:
        ValueError: if z has more dimensions, or the grid too few points.
    """
    if model.latent_dim != 1:
        raise ValueError(f"model must have latent_dim 1 for a grid over z, got {model.latent_dim}")
    n_grid = check_count(n_grid, "n_grid", minimum=3)
    z = torch.linspace(low, high, n_grid, dtype=check_tensor(x, "x").dtype, device=x.device)
    width = z.new_full((n_grid,), (high - low) / (n_grid - 1))
    width[[0, -1]] /= 2
    rows = []
    for i in range(len(x)):
        given = (part[i : i + 1].expand(n_grid, *part.shape[1:]) for part in condition)
        output = model.output(z[:, None], *given)
        rows.append(log_likelihood(model, x[i].expand(n_grid, *x.shape[1:]), output))
    joint = torch.stack(rows) + gaussian_log_prob(z, 0.0, 0.0)  # (batch, n_grid), log p(x, z)
    log_prob = (joint + width.log()).logsumexp(1)
    return GridTruth(z, log_prob, joint - log_prob[:, None])


def active_units(model: VAE, x: Tensor, *condition: Tensor, threshold: float = 0.01) -> Tensor:
    """Which dimensions of z the encoder uses: those whose mean varies over the data by more than a threshold.

    Args:
        model: the VAE.
        x: (n, *shape).
        condition: of a `ConditionalVAE`.
        threshold: for the variance of the means over x.

    Returns:
        (latent_dim,) booleans; `.sum()` counts them.

    Source: Burda, Grosse and Salakhutdinov (2015), section 5.2.
    """
    return _posteriors(model, x, condition).mean.var(0) > threshold


@torch.no_grad()
def aggregate_posterior(
    model: VAE, x: Tensor, *condition: Tensor, n_samples: int = 2_000, generator: Generator | None = None
) -> AggregatePosterior:
    """Split the KL term: how much the code tells about x, and how far the codes of all x are from the prior.

    q(z) is the mixture of the q(z | x) of all x given, in equal parts, so that the mutual information is that
    of x drawn from these examples and is at most log n.

    Args:
        model: the VAE.
        x: (n, *shape), n up to some thousands.
        condition: of a `ConditionalVAE`.
        n_samples: draws from q(z).
        generator: for the draws.

    Source: Hoffman and Johnson (2016), ELBO surgery.
    """
    posterior = _posteriors(model, x, condition)
    n = len(posterior.mean)
    device = None if generator is None else generator.device
    rows = torch.randint(n, (check_count(n_samples, "n_samples"),), generator=generator, device=device).to(
        x.device
    )
    own = Posterior(*(part[rows] for part in posterior))
    z = reparameterize(*own, generator=generator)
    log_mixture = apply_in_batches(lambda z: _log_mixture(z, posterior), z, size=100)
    information = gaussian_log_prob(z, *own) - log_mixture  # (n_samples,)
    error = float(information.std() / math.sqrt(n_samples))
    kl = float(kl_to_standard_normal(*posterior).mean())
    return AggregatePosterior(kl, float(information.mean()), kl - float(information.mean()), error)


def _posteriors(model: VAE, x: Tensor, condition: tuple[Tensor, ...]) -> Posterior:
    with torch.no_grad():
        parts = [
            torch.cat(model.encode(*part), 1)
            for part in zip(x.split(1000), *(c.split(1000) for c in condition), strict=True)
        ]
    return Posterior(*torch.cat(parts).chunk(2, dim=1))


def _log_mixture(z: Tensor, components: Posterior) -> Tensor:
    """Log-density (m,) of z (m, d) under an equal mixture of n Gaussians."""
    mean, logvar = components  # (n, d)
    squares = (z[:, None] - mean).square() * torch.exp(-logvar)  # (m, n, d)
    each = -0.5 * (squares + logvar + math.log(2 * math.pi)).sum(2)
    return each.logsumexp(1) - math.log(len(mean))
