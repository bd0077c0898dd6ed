"""Matching: the loss against its formula, its optimum known in closed form, and pairs that are learned."""

import math

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.conditions import Embedding, OneHot
from course_utils.gan import ConcatDiscriminator, ProjectionDiscriminator, fit_matching, matching_loss
from course_utils.networks import mlp


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_loss_is_its_formula():
    scores = torch.randn(5, 5, generator=seeded(), dtype=torch.float64)
    rows = [float(scores[i].logsumexp(0) - scores[i, i]) for i in range(5)]
    columns = [float(scores[:, i].logsumexp(0) - scores[i, i]) for i in range(5)]
    assert float(matching_loss(scores)) == pytest.approx((sum(rows) + sum(columns)) / 10)
    assert float(matching_loss(torch.zeros(7, 7))) == pytest.approx(math.log(7))
    assert float(matching_loss(100 * torch.eye(4))) < 1e-6


def test_pair_scores_are_the_logits_of_all_pairs_without_the_unconditional_part():
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(mlp([2, 8, 4]), 4, OneHot((3,)))
    x, labels = torch.randn(3, 2), torch.tensor([2, 0, 1])
    scores = discriminator.pair_scores(x, labels)
    for i in range(3):
        for j in range(3):
            logit = discriminator(x[i : i + 1], labels[j : j + 1])
            expected = logit - discriminator.output(discriminator.features(x[i : i + 1]))
            torch.testing.assert_close(scores[i, j], expected[0, 0])


def test_it_learns_the_log_ratio_that_is_best():
    """x and c are coins that agree in 80 %: log p(x, c)/(p(x) p(c)) is log 1.6 or log 0.4, a difference of log 4.

    The difference of the learned scores is an estimate from 20,000 pairs, of standard deviation about
    1/√(20,000·0.8·0.2) = 0.018 each way; a training with mini-batches adds its own noise, so 0.15 is allowed.
    """
    torch.manual_seed(0)
    labels = torch.randint(2, (20_000,), generator=seeded(1))
    agree = torch.rand(20_000, generator=seeded(2)) < 0.8
    x = torch.where(agree, labels, 1 - labels).float()[:, None]
    discriminator = ProjectionDiscriminator(nn.Linear(1, 3), 3, OneHot((2,)))
    history = fit_matching(
        discriminator, x, labels, n_steps=1_500, batch_size=256, learning_rate=1e-2, generator=seeded(3)
    )
    scores = discriminator.pair_scores(torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])).detach()
    # Only this combination is fixed by the loss: it takes no notice of terms in x alone or in c alone.
    contrast = (scores[0, 0] - scores[0, 1] - scores[1, 0] + scores[1, 1]) / 2
    assert float(contrast) == pytest.approx(math.log(4), abs=0.15)
    assert history["loss"][-1] < history["loss"][0]


def test_the_training_is_the_loop_by_hand():
    x, labels = torch.randn(20, 2, generator=seeded(1)), torch.randint(3, (20,), generator=seeded(2))

    def player():
        torch.manual_seed(0)
        return ProjectionDiscriminator(mlp([2, 6, 4]), 4, Embedding((3,), 5))

    trained, d = player(), player()
    with training.threads(1):
        history = fit_matching(
            trained, x, labels, n_steps=7, batch_size=6, learning_rate=0.05, generator=seeded()
        )
        optimizer = torch.optim.Adam(d.parameters())
        batches = training.batches((x, labels), 6, generator=seeded())
        losses, accuracies = [], []
        for step in range(7):
            optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * step / 7)) / 2
            batch, c = next(batches)
            scores = d.pair_scores(batch, c)
            loss = matching_loss(scores)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            right = [max(range(6), key=row.__getitem__) == i for i, row in enumerate(scores.tolist())]
            accuracies.append(sum(right) / 6)
    assert history["loss"] == losses
    assert history["accuracy"] == pytest.approx(accuracies)
    for weight, expected, first in zip(
        trained.parameters(), d.parameters(), player().parameters(), strict=True
    ):
        assert torch.equal(weight, expected)
        unconditional = any(weight is own for own in trained.output.parameters())
        assert torch.equal(weight, first) == unconditional, "all is trained but ψ"


def test_what_does_not_fit_is_named():
    x, labels = torch.randn(8, 2), torch.zeros(8, dtype=torch.int64)
    with pytest.raises(TypeError, match="must be a ProjectionDiscriminator, got ConcatDiscriminator"):
        fit_matching(ConcatDiscriminator(mlp([3, 1]), OneHot((1,))), x, labels, n_steps=1, batch_size=4)
    with pytest.raises(ValueError, match="equal lengths, got 8, 7"):
        fit_matching(
            ProjectionDiscriminator(mlp([2, 3]), 3, OneHot((1,))), x, labels[:7], n_steps=1, batch_size=4
        )
    with pytest.raises(ValueError, match=r"scores must have shape \(batch, batch\), got \(2, 3\)"):
        matching_loss(torch.zeros(2, 3))
