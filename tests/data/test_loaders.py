import hashlib
import struct

import numpy as np
import pytest
import torch
from sklearn import datasets

from course_utils.data import load_digits, load_iris, load_mnist, load_old_faithful


@pytest.mark.parametrize(("split", "n"), [("train", 60_000), ("test", 10_000)])
def test_mnist_shapes_and_types(split, n):
    images, labels = load_mnist(split)
    assert images.shape == (n, 28, 28)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (0, 1)
    assert labels.shape == (n,)
    assert labels.dtype == torch.int64
    assert labels.unique().tolist() == list(range(10))


def test_mnist_moments():
    images = load_mnist().images.double()
    assert images.mean().item() == pytest.approx(0.13066, abs=5e-6)
    assert images.std().item() == pytest.approx(0.30811, abs=5e-6)


def idx_md5(array):
    """MD5 of the array as a file in the IDX format: two zero bytes, type 8 (uint8), rank, sizes, bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return hashlib.md5(header + array.tobytes()).hexdigest()


def as_bytes(images):
    return (images * 255).round().to(torch.uint8).numpy()


def test_mnist_is_the_original():
    images, labels = load_mnist("train")
    assert idx_md5(as_bytes(images)) == "6bbc9ace898e44ae57da46a324031adb"
    assert idx_md5(labels.numpy().astype(np.uint8)) == "a25bea736e30d166cdddb491f175f624"
    assert idx_md5(as_bytes(load_mnist("test").images)) == "2646ac647ad5339dbf082846283269ea"


def test_mnist_is_remembered():
    assert load_mnist().images is load_mnist("train").images


@pytest.mark.parametrize("split", ["validation", None, ["train"]])
def test_mnist_unknown_split(split):
    with pytest.raises(ValueError, match=r"split must be one of 'train', 'test', got"):
        load_mnist(split)


def test_digits_equal_scikit_learn():
    theirs = datasets.load_digits()
    ours = load_digits()
    assert ours.images.shape == (1797, 8, 8)
    assert (ours.images.dtype, ours.labels.dtype) == (torch.float32, torch.int64)
    assert np.array_equal(ours.images.numpy() * 16, theirs.images)
    assert np.array_equal(ours.labels.numpy(), theirs.target)
    assert ours.images.max() == 1


def test_iris_equals_scikit_learn():
    theirs = datasets.load_iris()
    ours = load_iris()
    assert ours.points.shape == (150, 4)
    assert (ours.points.dtype, ours.labels.dtype) == (torch.float64, torch.int64)
    assert np.array_equal(ours.points.numpy(), theirs.data)
    assert np.array_equal(ours.labels.numpy(), theirs.target)


def test_old_faithful():
    (points,) = load_old_faithful()
    assert points.shape == (272, 2)
    assert points.dtype == torch.float64
    assert points.mean(0).tolist() == pytest.approx([3.487783, 70.897059], abs=5e-7)
    assert points[0].tolist() == [3.6, 79]
    assert points[-1].tolist() == [4.467, 74]


@pytest.mark.parametrize("load", [load_digits, load_iris, load_old_faithful])
def test_small_sets_are_fresh(load):
    load()[0].zero_()
    assert load()[0].abs().sum() > 0
