"""Two ways to follow the gradient of an expectation, ∇E_q[f(z)], through a random draw.

Both are unbiased; what differs is their variance.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.distributions import reparameterize
from course_utils.vae.model import Posterior
from course_utils.validation import check_count, check_finite, check_tensor

__all__ = ["reparameterized_gradient", "score_function_gradient"]

Function = Callable[[Tensor], Tensor]


@torch.no_grad()
def score_function_gradient(
    f: Function, mean: Tensor, logvar: Tensor, *, n_samples: int, generator: Generator | None = None
) -> Posterior:
    """∇ E_q[f(z)] as the mean of f(z) ∇ log q(z), for q = N(mean, exp(logvar)): f needs no derivative.

    ∇ log q is (z - mean)/σ² for the mean, and ½((z - mean)²/σ² - 1) for logvar = log σ².

    Args:
        f: takes z (n, d), gives (n,).
        mean: (d,).
        logvar: (d,).
        n_samples: draws of z.
        generator: for the draws.

    Returns:
        One estimate per draw, `mean` and `logvar`, (n_samples, d) each; their averages estimate the gradient.

    Source: Williams (1992), REINFORCE.
    """
    z = _draws(mean, logvar, n_samples, generator)
    value = _values(f, z)[:, None]  # (n_samples, 1)
    whitened = (z - mean) * torch.exp(-0.5 * logvar)  # (n_samples, d)
    return Posterior(value * whitened * torch.exp(-0.5 * logvar), value * 0.5 * (whitened.square() - 1))


def reparameterized_gradient(
    f: Function, mean: Tensor, logvar: Tensor, *, n_samples: int, generator: Generator | None = None
) -> Posterior:
    """∇ E_q[f(z)] as the mean of ∇ f(mean + σε), ε ~ N(0, I): the draw is moved outside, f is differentiated.

    Arguments and result as in `score_function_gradient`; f has to be differentiable.

    Source: Kingma and Welling (2013), section 2.4.
    """
    means = mean.detach().expand(check_count(n_samples, "n_samples"), -1).clone().requires_grad_()
    logvars = logvar.detach().expand(n_samples, -1).clone().requires_grad_()
    with torch.enable_grad():
        total = _values(f, reparameterize(means, logvars, generator=generator)).sum()
    return Posterior(*torch.autograd.grad(total, (means, logvars)))


def _draws(mean: Tensor, logvar: Tensor, n_samples: int, generator: Generator | None) -> Tensor:
    many = (part.expand(check_count(n_samples, "n_samples"), -1) for part in (mean, logvar))
    return reparameterize(*many, generator=generator)


def _values(f: Function, z: Tensor) -> Tensor:
    values = check_finite(check_tensor(f(z), "f(z)"), "f(z)")
    if values.shape != z.shape[:1]:
        raise ValueError(f"f must give one number per row of z, ({len(z)},), got {tuple(values.shape)}")
    return values
