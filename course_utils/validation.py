"""Checks of what users pass in. Each error names the argument, what came, and what to do."""

import math
import operator
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "as_float_tensor",
    "check_choice",
    "check_count",
    "check_finite",
    "check_number",
    "check_points",
    "check_tensor",
]


def check_count(value: Any, name: str, *, minimum: int = 1) -> int:
    """Return `value` if it is an integer of at least `minimum`, else raise."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (isinstance(value, Tensor) and value.is_floating_point()):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def check_number(value: Any, name: str, *, minimum: float = -math.inf, above: float = -math.inf) -> float:
    """Return `value` as a float if it is a finite number, at least `minimum` and greater than `above`."""
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number) and not isinstance(value, float):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if number <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {number:g}")
    return number


def check_choice(value: Any, name: str, choices: Collection[Any]) -> Any:
    """Return `value` if it is one of `choices`, else raise with the list of them."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def check_tensor(x: Any, name: str) -> Tensor:
    """Return `x` if it is a floating-point tensor, else raise and say how to make one."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}; use torch.as_tensor")
    if not x.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {x.dtype}; {name}.float() converts it")
    return x


def as_float_tensor(x: Any, name: str) -> Tensor:
    """`x`, an array, a tensor or nested lists, as a float32 or float64 tensor, without a copy where possible.

    Half precision becomes float32; integers and anything wider become float64.
    """
    if not isinstance(x, Tensor):
        try:
            array = np.asarray(x)
        except ValueError:
            array = np.array(None)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers, got {type(x).__name__} of dtype {array.dtype}")
        if array.dtype.kind == "f":
            array = array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)
        else:
            array = array.astype(np.float64)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()  # what PyTorch cannot wrap
        return torch.from_numpy(array)
    if x.is_complex():
        raise TypeError(f"{name} must hold real numbers, got a tensor of dtype {x.dtype}")
    if x.dtype in (torch.float32, torch.float64):
        return x
    return x.to(torch.float32 if x.is_floating_point() else torch.float64)


def check_finite(x: Tensor, name: str) -> Tensor:
    """Return `x` if it has neither NaN nor infinity, else raise with the place of the first."""
    # One pass in the common case: a sum is finite only if every term is (or if it overflows: look closer).
    if not torch.isfinite(x.sum()) and not (finite := torch.isfinite(x)).all():
        index = tuple(int(i) for i in (~finite).nonzero()[0])
        count = int((~finite).sum())
        raise ValueError(
            f"{name} contains NaN or infinity: {count} value(s), the first at index {index}; "
            "remove or replace those rows first"
        )
    return x


def check_points(x: Any, name: str, *, n_features: int | None = None) -> Tensor:
    """Return `x` as a finite floating-point tensor of shape (n, d), n and d at least 1.

    Args:
        x: what the user passed: a tensor, an array, or nested lists.
        name: the argument's name, for the error.
        n_features: the d that is expected, if one is.
    """
    x = as_float_tensor(x, name)
    if x.ndim != 2 or 0 in x.shape:
        cure = f"; {name}.unsqueeze(1) makes one column of it" if x.ndim == 1 else ""
        raise ValueError(
            f"{name} must have shape (n_samples, n_features), neither of them 0, got {tuple(x.shape)}{cure}"
        )
    if n_features is not None and x.shape[1] != n_features:
        raise ValueError(f"{name} must have {n_features} feature(s) per row, got {x.shape[1]}")
    return check_finite(x, name)
