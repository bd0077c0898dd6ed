"""Where EM starts: first responsibilities, and the parameters that follow from them."""

from typing import Any

import torch
from torch import Tensor

from course_utils.mixtures.chunks import Chunks, sample_rows

__all__ = ["INIT_PARAMS", "initial_responsibilities", "rows_to_start_from"]

INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")
ROWS_TO_START_FROM = 100_000
ROWS_AT_ONCE = 50_000


def rows_to_start_from(x: Any, *, generator: torch.Generator | None = None) -> Tensor:
    """The rows that a start is made from: all of them up to 100,000, else a random 100,000."""
    return sample_rows(Chunks(x, rows=ROWS_AT_ONCE), ROWS_TO_START_FROM, generator=generator)


def initial_responsibilities(
    x: Tensor, n_components: int, init_params: str, *, generator: torch.Generator | None = None
) -> Tensor:
    """Responsibilities (n, K) that a first M-step turns into parameters.

    Args:
        x: points (n, d).
        n_components: K.
        init_params: "kmeans": 1 for the cluster that k-means finds; "k-means++" and "random_from_data": 1 for
            the nearest of K points, chosen far apart or uniformly (scikit-learn puts a tiny Gaussian on each,
            which after one iteration is the same); "random": uniform numbers, normalised.
        generator: source of all randomness.
    """
    n = len(x)
    if init_params == "random":
        draws = torch.rand(n, n_components, generator=generator, dtype=x.dtype).to(x.device)
        return draws / draws.sum(1, keepdim=True)
    if init_params == "random_from_data":
        centres = x[torch.randperm(n, generator=generator)[:n_components]]
    else:
        # Imported here, because that takes longer than to import torch.
        from sklearn.cluster import KMeans, kmeans_plusplus

        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        array = x.cpu().numpy()
        if init_params == "kmeans":
            centres = KMeans(n_components, n_init=1, random_state=seed).fit(array).cluster_centers_
        else:
            centres, _ = kmeans_plusplus(array, n_components, random_state=seed)
        centres = torch.from_numpy(centres).to(x)
    nearest = torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)  # (n,)
    return torch.nn.functional.one_hot(nearest, n_components).to(x.dtype)
