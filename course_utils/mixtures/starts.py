"""Where EM starts: first responsibilities, and the parameters that follow from them."""

from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans, kmeans_plusplus
from torch import Tensor

from course_utils.mixtures.chunks import Chunks, as_float_tensor, is_array, sample_rows

__all__ = ["INIT_PARAMS", "initial_responsibilities", "rows_to_start_from"]

INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")
ROWS_FROM_CHUNKS = 50_000


def rows_to_start_from(x: Any, *, generator: torch.Generator | None = None) -> Tensor:
    """The rows that a start is made from: all of an array, a random 50,000 of data in chunks."""
    if is_array(x):
        return as_float_tensor(x)
    return sample_rows(Chunks(x), ROWS_FROM_CHUNKS, generator=generator)


def initial_responsibilities(
    x: Tensor, n_components: int, init_params: str, *, generator: torch.Generator | None = None
) -> Tensor:
    """Responsibilities (n, K) that a first M-step turns into parameters, as in scikit-learn.

    Args:
        x: points (n, d).
        n_components: K.
        init_params: "kmeans": 1 for the cluster that k-means finds; "k-means++" and "random_from_data": 1
            at K chosen points only, spread out or uniformly; "random": uniform numbers, normalised.
        generator: source of all randomness.
    """
    n = len(x)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    if init_params == "random":
        draws = torch.rand(n, n_components, generator=generator, dtype=x.dtype).to(x.device)
        return draws / draws.sum(1, keepdim=True)
    responsibilities = x.new_zeros(n, n_components)
    components = torch.arange(n_components)
    if init_params == "kmeans":
        labels = KMeans(n_components, n_init=1, random_state=seed).fit(x.cpu().numpy()).labels_
        responsibilities[torch.arange(n), torch.from_numpy(labels).long()] = 1
    elif init_params == "k-means++":
        _, chosen = kmeans_plusplus(x.cpu().numpy(), n_components, random_state=seed)
        responsibilities[torch.from_numpy(chosen), components] = 1
    else:
        chosen = np.random.default_rng(seed).choice(n, n_components, replace=False)
        responsibilities[torch.from_numpy(chosen), components] = 1
    return responsibilities
