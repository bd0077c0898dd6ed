"""What the nearest neighbours say: whether points that are close together have the same label."""

import numpy as np
import torch
from torch import Tensor

from course_utils.validation import check_count, check_points

__all__ = ["nearest_label_accuracy"]


def nearest_label_accuracy(
    codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor, *, n_neighbours: int = 15
) -> float:
    """Share of test codes whose label is the commonest among their nearest codes, in Euclidean distance.

    Args:
        codes: (n, d).
        labels: (n,) integers.
        test_codes: (m, d).
        test_labels: (m,) integers.
        n_neighbours: how many of the n codes vote, each with one vote; of labels with equal votes the
            smallest wins.

    Returns:
        A share from 0 to 1.

    Raises:
        ValueError: if the shapes do not fit, or there are fewer codes than neighbours.
    """
    from sklearn.neighbors import KNeighborsClassifier  # here, because it takes a second to import

    codes = check_points(codes, "codes")
    test_codes = check_points(test_codes, "test_codes", n_features=codes.shape[1])
    for x, y, name in ((codes, labels, "labels"), (test_codes, test_labels, "test_labels")):
        if tuple(np.shape(y)) != (len(x),):
            raise ValueError(f"{name} must have shape ({len(x)},), one per code, got {tuple(np.shape(y))}")
    if check_count(n_neighbours, "n_neighbours") > len(codes):
        raise ValueError(
            f"n_neighbours must be at most the number of codes, {len(codes)}, got {n_neighbours}"
        )
    voters = KNeighborsClassifier(n_neighbours).fit(_array(codes), _array(labels))
    return float(voters.score(_array(test_codes), _array(test_labels)))


def _array(x: Tensor) -> np.ndarray:
    return torch.as_tensor(x).detach().cpu().numpy()
