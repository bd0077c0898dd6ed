import math

import numpy as np
import pytest
import torch

from course_utils.validation import (
    check_choice,
    check_count,
    check_finite,
    check_number,
    check_points,
    check_tensor,
)


def test_check_count():
    assert check_count(3, "n") == 3
    assert type(check_count(np.int64(3), "n")) is int
    assert check_count(torch.tensor(3), "n") == 3
    assert check_count(0, "n", minimum=0) == 0
    with pytest.raises(ValueError, match=r"^n must be at least 1, got 0$"):
        check_count(0, "n")
    for value in (True, 2.0, "3", None):
        with pytest.raises(TypeError, match=r"n must be an integer, got .* \("):
            check_count(value, "n")


def test_check_number():
    assert check_number(np.float32(0.5), "std") == 0.5
    assert check_number(0, "std", minimum=0) == 0
    with pytest.raises(ValueError, match=r"^std must be at least 0, got -1$"):
        check_number(-1, "std", minimum=0)
    with pytest.raises(ValueError, match=r"^std must be greater than 0, got 0$"):
        check_number(0, "std", above=0)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="std must be finite"):
            check_number(value, "std")
    for value in ("wide", None, [1, 2]):
        with pytest.raises(TypeError, match="std must be a number, got"):
            check_number(value, "std")


def test_check_choice():
    assert check_choice("full", "covariance_type", ("full", "tied")) == "full"
    with pytest.raises(ValueError, match=r"^covariance_type must be one of 'full', 'tied', got 'diag'$"):
        check_choice("diag", "covariance_type", ("full", "tied"))


def test_check_tensor():
    x = torch.zeros(2)
    assert check_tensor(x, "x") is x
    with pytest.raises(TypeError, match=r"x must be a torch.Tensor, got ndarray; use torch.as_tensor"):
        check_tensor(np.zeros(2), "x")
    with pytest.raises(TypeError, match=r"x must hold floating-point numbers, got torch.int64; x.float\(\)"):
        check_tensor(torch.tensor([1]), "x")


def test_check_finite():
    x = torch.tensor([[1.0, 2.0], [math.nan, math.inf]])
    with pytest.raises(
        ValueError, match=r"x contains NaN or infinity: 2 value\(s\), the first at index \(1, 0\)"
    ):
        check_finite(x, "x")
    huge = torch.full((4,), torch.finfo(torch.float32).max)  # finite, though its sum is not
    assert check_finite(huge, "x") is huge
    for pair in ([math.inf, -math.inf], [math.inf, 0.0]):
        with pytest.raises(ValueError, match="NaN or infinity"):
            check_finite(torch.tensor(pair), "x")


def test_check_points():
    x = torch.zeros(3, 2)
    assert check_points(x, "x", n_features=2) is x
    with pytest.raises(ValueError, match=r"x must have 4 feature\(s\) per row, got 2"):
        check_points(x, "x", n_features=4)
    with pytest.raises(ValueError, match=r"got \(3,\); x.unsqueeze\(1\) makes one column of it"):
        check_points(torch.zeros(3), "x")
    for shape in ((0, 2), (2, 0), (1, 2, 3), ()):
        with pytest.raises(
            ValueError, match=r"x must have shape \(n_samples, n_features\), neither of them 0"
        ):
            check_points(torch.zeros(shape), "x")
    with pytest.raises(ValueError, match=r"x contains NaN"):
        check_points(torch.tensor([[math.nan]]), "x")
