"""How generated examples are spread over classes, and how different they are within one."""

import torch
from torch import Tensor

from course_utils.validation import check_count, check_finite, check_tensor

__all__ = ["class_entropy", "within_class_distance"]


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
    n_classes, labels = check_count(n_classes, "n_classes"), check_labels(labels, "labels")
    low, high = (int(value) for value in labels.aminmax())
    if low < 0 or high >= n_classes:
        raise ValueError(f"labels must be from 0 to {n_classes - 1}, got values from {low} to {high}")
    shares = labels.bincount(minlength=n_classes).double() / len(labels)
    return torch.special.entr(shares).sum().item()


def within_class_distance(x: Tensor, labels: Tensor, *, at_most: int = 300) -> float:
    """Root of the mean squared difference of two examples of one class: mean over all pairs, then over the classes.

    It is 0 for one example per class, however good; compare it with that of real examples.

    Args:
        x: (n, ...), such as images.
        labels: (n,) integers; every class that occurs must occur twice.
        at_most: of each class, the first so many count.

    Returns:
        In units of x.

    Raises:
        TypeError: if the labels are no integers.
        ValueError: if the shapes do not fit, or a class occurs only once.
    """
    labels, at_most = check_labels(labels, "labels"), check_count(at_most, "at_most", minimum=2)
    rows = check_finite(check_tensor(x, "x"), "x").flatten(1)
    if len(rows) != len(labels):
        raise ValueError(f"labels must have one entry per row of x, {len(rows)}, got {len(labels)}")
    distances = []
    for label in labels.unique():
        own = rows[labels == label][:at_most]
        if len(own) < 2:
            raise ValueError(f"each class must have two examples at least, but label {int(label)} has one")
        distances.append(torch.pdist(own).mean() / rows.shape[1] ** 0.5)
    return torch.stack(distances).mean().item()


def check_labels(labels: Tensor, name: str) -> Tensor:
    """Return labels (n,) if they are integers and n is at least 1, else raise."""
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        came = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"{name} must be a tensor of integers, got {came}; {name}.long() converts a tensor")
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"{name} must have shape (n,), n at least 1, got {tuple(labels.shape)}")
    return labels
