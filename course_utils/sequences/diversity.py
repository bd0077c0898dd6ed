"""How different the sequences of a set are from each other."""

import torch
from torch import Tensor

from course_utils.validation import check_count

__all__ = ["distinct_share"]


def distinct_share(tokens: Tensor, n_gram: int | None = None) -> float:
    """Number of different runs of tokens over the number of all runs, in (0, 1]; depends on how many there are.

    Compare sets of equal size only: the more sequences, the more of them have been seen before.

    Args:
        tokens: (n, length) int64.
        n_gram: length of a run, 2 for neighbouring pairs; None for whole sequences.

    Raises:
        ValueError: if there are no tokens, or a run is longer than a sequence.

    Source: Li et al. (2016), A diversity-promoting objective function, "distinct-1" and "distinct-2".
    """
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError(f"tokens must have shape (n, length), neither of them 0, got {tuple(tokens.shape)}")
    size = tokens.shape[1] if n_gram is None else check_count(n_gram, "n_gram")
    if size > tokens.shape[1]:
        raise ValueError(f"n_gram must be at most the length, {tokens.shape[1]}, got {size}")
    runs = tokens.unfold(1, size, 1).flatten(0, 1)  # (n·(length - size + 1), size)
    return len(torch.unique(runs, dim=0)) / len(runs)
