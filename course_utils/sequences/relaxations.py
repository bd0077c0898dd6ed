"""One choice among K tokens, and four ways to send a gradient back to its logits.

The objective is E[f(x)], where x is one of the K unit vectors, drawn with probabilities softmax(logits). A draw is a
step function of the logits, so its derivative is 0 almost everywhere. Each estimator gives one gradient per draw, so
that bias and variance can be measured.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from course_utils.sequences.model import draw_tokens
from course_utils.validation import check_choice, check_count, check_number

__all__ = [
    "exact_choice_gradient",
    "gumbel_noise",
    "gumbel_softmax",
    "gumbel_softmax_gradient",
    "reinforce_gradient",
    "straight_through_choice",
    "straight_through_gradient",
]

Function = Callable[[Tensor], Tensor]


def exact_choice_gradient(logits: Tensor, f: Function) -> Tensor:
    """∇ Σₖ pₖ f(eₖ) = pₖ (f(eₖ) - E f): (K,), for logits (K,) and f from (n, K) to (n,)."""
    probs = logits.detach().softmax(0)
    values = f(torch.eye(len(logits), dtype=logits.dtype, device=logits.device))
    return probs * (values - probs @ values)


def gumbel_noise(shape: tuple[int, ...], like: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Draws from the Gumbel distribution, -log(-log u) with u uniform, on the device and of the dtype of `like`."""
    device = like.device if generator is None else generator.device
    uniform = torch.rand(shape, generator=generator, device=device, dtype=like.dtype).to(like.device)
    smallest = torch.finfo(like.dtype).tiny
    return -(-uniform.clamp_min(smallest).log()).clamp_min(smallest).log()


def gumbel_softmax(
    logits: Tensor, *, tau: float, hard: bool = False, generator: Generator | None = None
) -> Tensor:
    """Softmax((logits + g) / tau) with Gumbel noise g: a soft choice, differentiable in the logits.

    The place of its largest number is an exact draw. As tau → 0 the result becomes a unit vector, and its gradient
    wild; as tau grows it becomes flat.

    Args:
        logits: (..., K).
        tau: the temperature, above 0.
        hard: whether to give the unit vector itself, with the gradient of the soft choice.
        generator: PyTorch's global one if None.

    Returns:
        (..., K), positive, with sum 1 along the last dimension.

    Raises:
        ValueError: if tau is not above 0.

    Source: Jang, Gu and Poole (2017), equation 2; Maddison, Mnih and Teh (2017), who call it the concrete distribution.
    """
    tau = check_number(tau, "tau", above=0)
    noise = gumbel_noise(tuple(logits.shape), logits, generator=generator)
    soft = ((logits + noise) / tau).softmax(-1)
    if not hard:
        return soft
    return soft + (one_hot(soft.argmax(-1), logits.shape[-1]).to(soft) - soft).detach()


def straight_through_choice(logits: Tensor, *, generator: Generator | None = None) -> Tensor:
    """A drawn unit vector (n, K) for each row of logits (n, K), which passes its gradient on to softmax(logits).

    Source: Bengio, Léonard and Courville (2013), section 4, for softmax in place of a sigmoid.
    """
    soft = logits.softmax(-1)
    drawn = one_hot(draw_tokens(logits, generator=generator), logits.shape[-1]).to(soft)
    return soft + (drawn - soft).detach()


def reinforce_gradient(
    logits: Tensor,
    f: Function,
    *,
    n_samples: int,
    baseline: float | str = 0.0,
    generator: Generator | None = None,
) -> Tensor:
    """(f(x) - b) ∇ log p(x) = (f(x) - b) (x - p) for draws x: unbiased for every b that does not depend on x.

    Args:
        logits: (K,).
        f: from (n, K) to (n,); it is only evaluated, at unit vectors.
        n_samples: draws.
        baseline: b; or "mean", the mean of f over the *other* draws, which is independent of x.
        generator: PyTorch's global one if None.

    Returns:
        One estimate per draw, (n_samples, K).

    Raises:
        ValueError: for another word, or "mean" with fewer than two draws.

    Source: Williams (1992), equations 2 and 11.
    """
    rows = logits.detach().expand(check_count(n_samples, "n_samples"), -1)
    x = one_hot(draw_tokens(rows, generator=generator), rows.shape[1]).to(rows)
    values = f(x)
    if isinstance(baseline, str):
        check_choice(baseline, "baseline", ("mean",))
        check_count(n_samples, "n_samples, with the baseline 'mean',", minimum=2)
        shift = (values.sum() - values) / (n_samples - 1)
    else:
        shift = torch.full_like(values, check_number(baseline, "baseline"))
    return (values - shift)[:, None] * (x - rows.softmax(1))


def straight_through_gradient(
    logits: Tensor, f: Function, *, n_samples: int, generator: Generator | None = None
) -> Tensor:
    """∇ f through `straight_through_choice`, one per draw, (n_samples, K); f has to be differentiable. Biased."""
    return _through(lambda rows: straight_through_choice(rows, generator=generator), logits, f, n_samples)


def gumbel_softmax_gradient(
    logits: Tensor,
    f: Function,
    *,
    n_samples: int,
    tau: float,
    hard: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """∇ f through `gumbel_softmax`, one per draw, (n_samples, K); f has to be defined between the unit vectors.

    Unbiased for E[f(soft choice)], which is another objective than E[f(x)] unless f is linear and tau → 0.
    """

    def choice(rows: Tensor) -> Tensor:
        return gumbel_softmax(rows, tau=tau, hard=hard, generator=generator)

    return _through(choice, logits, f, n_samples)


def _through(choice: Callable[[Tensor], Tensor], logits: Tensor, f: Function, n_samples: int) -> Tensor:
    rows = logits.detach().expand(check_count(n_samples, "n_samples"), -1).clone().requires_grad_()
    with torch.enable_grad():
        total = f(choice(rows)).sum()
    return torch.autograd.grad(total, rows)[0]
