import numpy as np
import pytest
import torch

from course_utils.metrics import nearest_label_accuracy


def draws(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, generator=generator), torch.randint(4, (n,), generator=generator)


@pytest.mark.parametrize("k", [1, 5, 15])
def test_against_all_distances(k):
    (codes, labels), (test_codes, test_labels) = draws(200, 0), draws(300, 1)
    codes, test_codes = codes + labels[:, None], test_codes + test_labels[:, None]
    distances = np.linalg.norm(test_codes.numpy()[:, None] - codes.numpy(), axis=2)  # (300, 200)
    nearest = labels.numpy()[distances.argsort(1)[:, :k]]
    votes = [np.bincount(row, minlength=4).argmax() for row in nearest]  # of equals the smallest
    expected = np.mean(np.array(votes) == test_labels.numpy())
    assert 0.3 < expected < 0.95
    assert nearest_label_accuracy(codes, labels, test_codes, test_labels, n_neighbours=k) == expected


def test_labels_far_apart_and_labels_without_meaning():
    (codes, labels), (test_codes, test_labels) = draws(2_000, 0), draws(2_000, 1)
    apart = nearest_label_accuracy(
        codes + 100 * labels[:, None], labels, test_codes + 100 * test_labels[:, None], test_labels
    )
    assert apart == 1
    # Of 2,000 guesses among 4: a standard error of 0.0097; 5 of them
    chance = nearest_label_accuracy(codes, labels, test_codes, test_labels)
    assert chance == pytest.approx(0.25, abs=0.05)


def test_errors():
    (codes, labels), (test_codes, test_labels) = draws(10, 0), draws(5, 1)
    with pytest.raises(ValueError, match="at most the number of codes, 10, got 15"):
        nearest_label_accuracy(codes, labels, test_codes, test_labels)
    with pytest.raises(ValueError, match=r"test_labels must have shape \(5,\), one per code, got \(10,\)"):
        nearest_label_accuracy(codes, labels, test_codes, labels, n_neighbours=1)
    with pytest.raises(ValueError, match=r"test_codes must have 3 feature\(s\) per row, got 2"):
        nearest_label_accuracy(codes, labels, test_codes[:, :2], test_labels, n_neighbours=1)
