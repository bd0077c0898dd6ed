"""REINFORCE on sequences: raise the log-probability of what was rewarded. And, for tiny worlds, the exact gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.sequences.model import SequenceModel
from course_utils.validation import check_count

__all__ = ["Reward", "every_sequence", "expected_reward", "reinforce_loss", "sequence_gradients"]

Reward = Callable[[Tensor], Tensor]  # tokens (n, length) to rewards (n,)

MOST = 2_000_000  # sequences that are still listed


def every_sequence(n_tokens: int, length: int) -> Tensor:
    """All n_tokens^length sequences, (n, length) int64, in the order of counting.

    Raises:
        ValueError: if there are more than two million of them.
    """
    n_tokens, length = check_count(n_tokens, "n_tokens"), check_count(length, "length")
    if n_tokens**length > MOST:
        raise ValueError(
            f"{n_tokens} tokens and length {length} make {n_tokens**length:.0e} sequences, too many to list; "
            f"at most {MOST:,}"
        )
    return torch.cartesian_prod(*[torch.arange(n_tokens)] * length).view(-1, length)


def expected_reward(model: SequenceModel, reward: Reward) -> Tensor:
    """E[reward] = Σ p(x) reward(x) over all sequences, (): differentiable, and exact, for a tiny vocabulary."""
    tokens = every_sequence(model.n_tokens, model.length)
    return model.log_prob(tokens).exp() @ reward(tokens)


def reinforce_loss(token_log_prob: Tensor, value: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """-Σₜ (Qₜ - bₜ) log p(xₜ | x₁, ..., xₜ₋₁), mean over the batch: its gradient estimates -∇ E[reward].

    The loss itself says nothing; only its gradient means something.

    Args:
        token_log_prob: (batch, length), of drawn sequences.
        value: Qₜ, (batch, length); or the reward of each sequence, (batch, 1). No gradient goes through it.
        baseline: bₜ, of a shape that fits; it must not depend on the choice xₜ that it stands beside.

    Raises:
        ValueError: if the shapes do not fit.

    Source: Williams (1992), theorem 2; Sutton et al. (1999), theorem 1, for Qₜ in place of the reward.
    """
    n, length = token_log_prob.shape
    if value.shape not in ((n, length), (n, 1)):
        raise ValueError(f"value must have shape {(n, length)} or {(n, 1)}, got {tuple(value.shape)}")
    advantage = (value - baseline).detach().expand(n, length)
    return -(advantage * token_log_prob).sum(1).mean()


def sequence_gradients(model: SequenceModel, tokens: Tensor) -> Tensor:
    """∇ log p(x) of each sequence, all parameters in one row: (n, n_parameters), for tokens (n, length)."""
    parameters = list(model.parameters())
    rows = []
    for log_prob in model.log_prob(tokens):
        grads = torch.autograd.grad(log_prob, parameters, retain_graph=True)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    return torch.stack(rows)
