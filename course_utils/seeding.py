"""One visible seed at the top of a notebook makes every run the same."""

import random

import numpy as np
import torch

__all__ = ["seed_everything"]


def seed_everything(seed: int = 0) -> torch.Generator:
    """Seed Python, NumPy and PyTorch, and return a generator with the same seed.

    Args:
        seed: any integer from 0 to 2³² - 1.

    Returns:
        A new `torch.Generator` for the functions that take `generator=`.

    Raises:
        ValueError: if NumPy cannot take the seed.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, got {seed}; take a small integer such as 0")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that still draw from the global state
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)
