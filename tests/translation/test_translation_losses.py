"""The losses by their special cases, and the best constant answers: a median, and for squares a mean."""

import pytest
import torch

from course_utils.translation import absolute_error, cycle_loss, identity_loss


def images(seed, n=4, shape=(3, 4, 4)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_absolute_error_is_a_mean_over_batch_and_pixels():
    a, b = images(0), images(1)
    expected = sum(abs(x - y) for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)) / len(
        a.flatten()
    )
    assert absolute_error(a, b).item() == pytest.approx(expected, rel=1e-12)
    assert absolute_error(a, a) == 0


def test_the_best_answer_is_a_median():
    targets = torch.tensor([0.1, 0.2, 0.25, 0.8, 0.9])[:, None]
    answers = torch.linspace(0, 1, 101)
    costs = torch.stack([absolute_error(answer.expand(5, 1), targets) for answer in answers])
    assert answers[costs.argmin()].item() == pytest.approx(0.25)
    two = torch.tensor([[0.2], [0.7]])  # two answers, equally frequent: all between them are as good
    between = [absolute_error(torch.full((2, 1), value), two).item() for value in (0.2, 0.45, 0.7)]
    assert between == pytest.approx([0.25] * 3)


def test_the_cycle_of_an_identity_pair_costs_nothing():
    a, b = images(0), images(1, n=5)
    assert cycle_loss(a, a.clone(), b, b.clone()) == 0
    assert identity_loss(a, a.clone(), b, b.clone()) == 0


@pytest.mark.parametrize("loss", [cycle_loss, identity_loss])
def test_both_domains_count_alike(loss):
    a, b = images(0), images(1, n=6)
    assert loss(a, a + 0.25, b, b).item() == pytest.approx(0.25)
    assert loss(a, a, b, b - 0.5).item() == pytest.approx(0.5)
    assert loss(a, a + 0.25, b, b - 0.5).item() == pytest.approx(0.75)


def test_images_of_another_shape_are_refused():
    a, b = images(0), images(1, shape=(3, 4, 6))
    with pytest.raises(ValueError, match=r"made and target .* got \(4, 3, 4, 4\) and \(4, 3, 4, 6\)"):
        absolute_error(a, b)
    with pytest.raises(ValueError, match="must have one shape"):
        cycle_loss(a, a, a, b)
