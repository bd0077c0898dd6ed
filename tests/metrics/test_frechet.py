"""The Fréchet distance against SciPy's matrix root and closed forms, and its floor on MNIST."""

import numpy as np
import pytest
import torch
from scipy import linalg

from course_utils import metrics
from course_utils.data import load_mnist
from course_utils.metrics import (
    FrechetScore,
    frechet,
    frechet_distance,
    frechet_of_features,
    frechet_on_mnist,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def features():
    """Two sets of correlated features of different means and numbers."""
    return drawn(300, 6) @ drawn(6, 6, seed=1) + drawn(6, seed=2), drawn(200, 6, seed=3) @ drawn(6, 6, seed=4)


def test_it_is_the_formula_with_scipys_matrix_root(features):
    a, b = (x.numpy() for x in features)
    covariances = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(*features) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(*features[::-1]) == pytest.approx(expected, rel=1e-10)


def test_a_shift_and_a_scale_have_closed_forms(features):
    a, _ = features
    shift = drawn(6, seed=5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a, a + shift) == pytest.approx(shift.square().sum().item())
    # Of covariances Σ and s²Σ: (1 - s)² tr Σ.
    centred = a - a.mean(0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * a.var(0).sum().item())
    # In one dimension: the squared differences of the means and of the standard deviations.
    x, y = drawn(50, 1), 2 * drawn(60, 1, seed=1) + 5
    assert frechet_distance(x, y) == pytest.approx(
        float((x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2)
    )


def test_a_rotation_of_both_changes_nothing(features):
    rotation = torch.linalg.qr(drawn(6, 6, seed=7)).Q
    turned = frechet_distance(*(x @ rotation for x in features))
    assert turned == pytest.approx(frechet_distance(*features))


def test_fewer_examples_than_features_and_features_that_are_always_0(features):
    a, b = features
    padded = [torch.cat([x, torch.zeros(len(x), 40)], 1) for x in (a[:5], b[:4])]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(a[:5], b[:4]))
    few = drawn(5, 40)
    assert frechet_distance(few, few + 1) == pytest.approx(40)
    # Covariances in directions that have nothing in common: no overlap at all.
    x, y = torch.zeros(3, 4), torch.zeros(3, 4)
    x[:, 0], y[:, 1] = torch.tensor([-1.0, 0, 1]), torch.tensor([-2.0, 0, 2])
    assert frechet_distance(x, y) == pytest.approx(1 + 4)


def test_it_is_computed_in_float64(features):
    single = [x.float() for x in features]
    assert frechet_distance(*single) == frechet_distance(*(x.double() for x in single))


def test_features_that_cannot_be_compared_are_named():
    with pytest.raises(ValueError, match="b must have 3 feature"):
        frechet_distance(torch.zeros(5, 3), torch.zeros(5, 2))
    with pytest.raises(ValueError, match="a must have at least 2 rows"):
        frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="a contains NaN"):
        frechet_distance(torch.full((5, 3), torch.nan), torch.zeros(5, 3))


def test_real_images_are_few_floors_away_and_noisy_ones_many():
    numbers = torch.randperm(60_000, generator=torch.Generator().manual_seed(1))[:2_000]
    images = load_mnist("train").images[numbers]
    noise = torch.randn(500, 28, 28, generator=torch.Generator().manual_seed(0))
    real, few = frechet_on_mnist(images), frechet_on_mnist(images[:500])
    noisy, noisier = (frechet_on_mnist((images[:500] + std * noise).clamp(0, 1)) for std in (0.2, 0.4))
    assert real.floor == pytest.approx(1.72, abs=0.01), "what the docstring says"
    assert abs(real.floor - 1.93) < 0.22, "and of other draws"
    assert 1.3 < real.floors < 3, "and of 2,000 images"
    assert 4 < few.floors < 8, "and of 500"
    assert 4 * few.floors < noisy.floors < noisier.floors / 2
    assert isinstance(real, FrechetScore)
    assert real.floors == real.distance / real.floor


def test_features_made_before_give_the_same_score():
    images, judge = load_mnist("train").images[:50], metrics.judge("mnist")
    score = frechet_of_features(judge.features(images))
    assert score == frechet_on_mnist(images)
    real = judge.features(load_mnist("test").images)
    assert score.distance == frechet_distance(judge.features(images), real)
    with pytest.raises(ValueError, match="features must have 128 feature"):
        frechet_of_features(torch.zeros(5, 3))


def test_the_features_of_the_references_are_made_once(monkeypatch):
    frechet_on_mnist(load_mnist("test").images[:10])
    asked = []

    class Counting:
        def features(self, images):
            asked.append(len(images))
            return metrics.judge("mnist").features(images)

    monkeypatch.setattr(frechet, "judge", lambda name: Counting())
    frechet_on_mnist(load_mnist("test").images[:10])
    assert asked == [10]
