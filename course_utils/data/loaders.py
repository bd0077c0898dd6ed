"""Real data as named tuples of tensors: MNIST, scikit-learn's digits and iris, Old Faithful."""

import functools
import io
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.data import files
from course_utils.validation import check_choice

__all__ = [
    "Images",
    "LabelledPoints",
    "Points",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_old_faithful",
]


class Images(NamedTuple):
    """Grey images (n, height, width) float32, 0 is black and 1 is white, and labels (n,) int64."""

    images: Tensor
    labels: Tensor


class Points(NamedTuple):
    """Points (n, d), one example per row."""

    points: Tensor


class LabelledPoints(NamedTuple):
    """Points (n, d), one example per row, and labels (n,) int64."""

    points: Tensor
    labels: Tensor


def load_mnist(split: str = "train") -> Images:
    """Load MNIST: images (n, 28, 28) float32 in [0, 1], labels (n,) int64 in 0..9.

    The first call of a split reads and checks the file (well under 2 s), later ones return the same tensors
    at once. They are shared: `clone()` before you change them in place.

    Args:
        split: "train" (n = 60,000) or "test" (n = 10,000).

    Raises:
        ValueError: if `split` is neither.
        DataFileError: if the bundled file is missing or damaged.

    Source: LeCun, Cortes, Burges, The MNIST database of handwritten digits (CC BY-SA 3.0).
    """
    return _load_mnist(check_choice(split, "split", ("train", "test")))


@functools.cache
def _load_mnist(split: str) -> Images:
    with np.load(io.BytesIO(files.read("mnist.npz")), allow_pickle=False) as arrays:
        images = torch.from_numpy(arrays[f"{split}_images"]).float().div_(255)
        labels = torch.from_numpy(arrays[f"{split}_labels"]).long()
    return Images(images, labels)


def load_digits() -> Images:
    """Load scikit-learn's small digits: images (1797, 8, 8) float32 in [0, 1], labels (1797,) int64 in 0..9.

    The pixels have 17 grey levels, k/16 for k = 0..16.

    Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, its test part.
    """
    from sklearn import datasets  # here, because it takes seconds that MNIST need not wait for

    digits = datasets.load_digits()
    return Images(torch.from_numpy(digits.images / 16).float(), torch.from_numpy(digits.target).long())


def load_iris() -> LabelledPoints:
    """Load iris: points (150, 4) float64, labels (150,) int64, 50 each of setosa, versicolor, virginica.

    The columns are sepal length, sepal width, petal length, petal width, in cm. Points are float64, so that
    fits can be compared with published figures to their last digit.

    Source: Fisher (1936), as scikit-learn ships it.
    """
    from sklearn import datasets

    iris = datasets.load_iris()
    return LabelledPoints(torch.from_numpy(iris.data).double(), torch.from_numpy(iris.target).long())


def load_old_faithful() -> Points:
    """Load Old Faithful: points (272, 2) float64, minutes of eruption, minutes of waiting for the next.

    Points are float64, so that fits can be compared with published figures to their last digit.

    Raises:
        DataFileError: if the bundled file is missing or damaged.

    Source: Azzalini and Bowman (1990), the table that R ships as `faithful`.
    """
    table = np.loadtxt(io.BytesIO(files.read("old_faithful.csv")), delimiter=",", skiprows=1)
    return Points(torch.from_numpy(table))
