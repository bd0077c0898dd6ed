"""How evenly generated examples are spread over classes."""

import torch
from torch import Tensor

from course_utils.validation import check_count

__all__ = ["class_entropy"]


def class_entropy(labels: Tensor, n_classes: int) -> float:
    """Entropy of the shares of the classes, -Σₖ pₖ log pₖ: such as those that a judge sees in images.

    It is log(n_classes) if all classes are equally frequent, and 0 if there is only one; exp of it is the
    number of equally frequent classes that would have the same entropy. Labels drawn evenly are about
    (n_classes - 1)/(2n) below log(n_classes).

    Args:
        labels: (n,) integers in 0..n_classes-1, n at least 1.
        n_classes: number of classes.

    Returns:
        Nats.

    Raises:
        TypeError: if the labels are no integers.
        ValueError: if there are none, or one is out of range.
    """
    n_classes = check_count(n_classes, "n_classes")
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        came = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be a tensor of integers, got {came}; labels.long() converts a tensor")
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must have shape (n,), n at least 1, got {tuple(labels.shape)}")
    low, high = (int(value) for value in labels.aminmax())
    if low < 0 or high >= n_classes:
        raise ValueError(f"labels must be from 0 to {n_classes - 1}, got values from {low} to {high}")
    shares = labels.bincount(minlength=n_classes).double() / len(labels)
    return torch.special.entr(shares).sum().item()
