"""What a half-finished sequence is worth: finish it several times, and take the mean of the rewards."""

import torch
from torch import Generator, Tensor

from course_utils.sequences.model import SequenceModel
from course_utils.sequences.policy import Reward
from course_utils.validation import check_count

__all__ = ["action_values"]


@torch.no_grad()
def action_values(
    model: SequenceModel,
    tokens: Tensor,
    reward: Reward,
    *,
    n_rollouts: int,
    generator: Generator | None = None,
) -> Tensor:
    """Q(x₁, ..., xₜ) = E[reward | the first t tokens], by Monte Carlo; exact for the last one, where nothing is open.

    All prefixes are finished at the same time, as one batch of n·(length - 1)·n_rollouts sequences.

    Args:
        model: draws the rest of each sequence.
        tokens: (n, length), finished sequences whose prefixes are valued.
        reward: of finished sequences, (m, length) to (m,).
        n_rollouts: ways to finish each prefix.
        generator: PyTorch's global one if None.

    Returns:
        (n, length): column t - 1 is the value of the first t tokens.

    Raises:
        ValueError: for tokens that do not fit, or fewer than one rollout.

    Source: Yu et al. (2017), SeqGAN, equation 4.
    """
    n_rollouts, (n, length) = check_count(n_rollouts, "n_rollouts"), tokens.shape
    n_known = torch.arange(1, length, device=tokens.device).repeat_interleave(n * n_rollouts)
    prefixes = tokens.repeat(n_rollouts * (length - 1), 1)  # (length - 1) blocks of n_rollouts copies
    finished = model.complete(prefixes, n_known, generator=generator)
    values = reward(finished).view(length - 1, n_rollouts, n).mean(1)  # (length - 1, n)
    return torch.cat([values.T, reward(tokens)[:, None]], 1)
