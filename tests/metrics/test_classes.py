import math

import pytest
import torch
from scipy import stats

from course_utils.metrics import class_entropy, within_class_distance


def test_it_is_the_entropy_of_the_shares():
    labels = torch.tensor([0] * 5 + [2] * 3 + [3])
    assert class_entropy(labels, 5) == pytest.approx(stats.entropy([5, 0, 3, 1, 0]))
    assert class_entropy(torch.arange(70) % 7, 7) == pytest.approx(math.log(7))
    assert class_entropy(torch.full((9,), 3), 10) == 0


def test_labels_drawn_evenly_are_a_little_below_the_largest():
    labels = torch.randint(10, (400, 500), generator=torch.Generator().manual_seed(0))
    gaps = torch.tensor([math.log(10) - class_entropy(row, 10) for row in labels])
    assert abs(gaps.mean() - 9 / 1_000) < 4 * gaps.std() / math.sqrt(400)


def test_labels_that_do_not_fit_are_named():
    with pytest.raises(TypeError, match=r"labels must be a tensor of integers, got torch.float32"):
        class_entropy(torch.zeros(3), 2)
    for low, high in ((-1, 1), (0, 2)):
        with pytest.raises(ValueError, match=f"labels must be from 0 to 1, got values from {low} to {high}"):
            class_entropy(torch.tensor([low, high]), 2)
    with pytest.raises(ValueError, match=r"labels must have shape \(n,\), n at least 1"):
        class_entropy(torch.zeros(0, dtype=torch.int64), 2)


def test_the_distance_within_classes_is_that_of_all_pairs():
    x = torch.randn(30, 2, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30) % 3
    expected = [
        [
            (a - b).square().mean().sqrt()
            for i, a in enumerate(x[labels == k])
            for b in x[labels == k][i + 1 :]
        ]
        for k in range(3)
    ]
    means = [float(torch.stack(distances).mean()) for distances in expected]
    assert within_class_distance(x, labels) == pytest.approx(sum(means) / 3, rel=1e-6)
    assert within_class_distance(x, labels, at_most=2) == pytest.approx(
        sum(float(distances[0]) for distances in expected) / 3, rel=1e-6
    )


def test_one_picture_per_class_has_no_distance_within():
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).repeat(4, 1)
    assert within_class_distance(x, torch.arange(12) % 3) == 0
    with pytest.raises(ValueError, match="label 2 has one"):
        within_class_distance(x[:3], torch.tensor([0, 0, 2]))
    with pytest.raises(ValueError, match="one entry per row of x, 12, got 11"):
        within_class_distance(x, torch.zeros(11, dtype=torch.int64))
