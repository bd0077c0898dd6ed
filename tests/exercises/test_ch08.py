"""Exercises of chapter 8: right answers written in other ways, and known mistakes as popular code writes them."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils import translation
from course_utils.exercises import ch08


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


# ---- right answers in other words


def median_by_sorting(targets):
    return np.sort(targets.numpy(), axis=0)[len(targets) // 2]


def median_by_search(targets):
    """Of all values that occur at a pixel, the one with the smallest cost there."""
    costs = (targets[:, None] - targets).abs().mean(1)  # (candidate, height, width)
    return targets.gather(0, costs.argmin(0, keepdim=True))[0]


def loss_of_the_papers_code(fake_logits, made, target, l1_weight):
    adversarial = nn.BCEWithLogitsLoss()(fake_logits, torch.ones_like(fake_logits))
    return adversarial + nn.L1Loss()(made, target) * l1_weight


def side_by_the_jacobian(layers):
    network = nn.Sequential(
        *(nn.Conv1d(1, 1, kernel, stride=stride, bias=False) for kernel, stride in layers)
    )
    for layer in network:
        nn.init.ones_(layer.weight)
    x = torch.ones(1, 1, 400, requires_grad=True)
    network(x)[0, 0, 0].backward()
    return int((x.grad != 0).sum())


def side_backwards(layers):
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return side


def side_of_the_package(layers):
    network = nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride=stride) for kernel, stride in layers))
    return translation.receptive_field(network)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch08.best_under_l1, median_by_sorting),
        (ch08.best_under_l1, median_by_search),
        (ch08.best_under_l1, lambda targets: targets.quantile(0.5, dim=0)),
        (ch08.pix2pix_loss, loss_of_the_papers_code),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: (
                -functional.logsigmoid(logits).mean() + weight * translation.absolute_error(made, target)
            ),
        ),
        (ch08.seen_pair, translation.joined),
        (ch08.seen_pair, lambda outlines, pictures: np.concatenate([outlines[:, None], pictures], axis=1)),
        (ch08.side_of_patch, side_by_the_jacobian),
        (ch08.side_of_patch, side_backwards),
        (ch08.side_of_patch, side_of_the_package),
        (ch08.cycle_loss, translation.cycle_loss),
        (
            ch08.cycle_loss,
            lambda a, a_back, b, b_back: functional.l1_loss(a, a_back) + functional.l1_loss(b, b_back),
        ),
        (ch08.quantised, lambda x, n_levels: torch.round((n_levels - 1) * x) / (n_levels - 1)),
        (
            ch08.quantised,
            lambda x, n: torch.linspace(0, 1, n)[(x[..., None] - torch.linspace(0, 1, n)).abs().argmin(-1)],
        ),
    ],
)
def test_right_answers_in_other_words_pass(exercise, answer):
    assert exercise.check(answer).status == "passed", exercise.check(answer)


# ---- mistakes in other words


@pytest.mark.parametrize(
    ("exercise", "mistake", "message"),
    [
        (ch08.best_under_l1, lambda targets: targets.numpy().mean(0), "This is the mean"),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: (
                nn.BCEWithLogitsLoss()(logits, torch.zeros_like(logits)) + weight * nn.L1Loss()(made, target)
            ),
            "discriminator's term",
        ),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: (
                functional.softplus(-logits).mean() + weight * nn.MSELoss()(made, target)
            ),
            "that is L2",
        ),
        (ch08.seen_pair, lambda outlines, pictures: pictures.clone(), "Only the picture"),
        (
            ch08.side_of_patch,
            lambda layers: sum(k for k, _ in layers) - len(layers) + 1,
            "strides are missing",
        ),
        (
            ch08.cycle_loss,
            lambda a, a_back, b, b_back: nn.MSELoss()(a, a_back) + nn.MSELoss()(b, b_back),
            "squared",
        ),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: (
                torch.log(1 - torch.sigmoid(logits)).mean() + weight * nn.L1Loss()(made, target)
            ),
            "minimax loss",
        ),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: (
                nn.BCEWithLogitsLoss()(logits, torch.ones_like(logits))
                + weight * nn.L1Loss(reduction="sum")(made, target) / len(made)
            ),
            "added up over pixels",
        ),
        (
            ch08.pix2pix_loss,
            lambda logits, made, target, weight: loss_of_the_papers_code(
                logits.mean((1, 2, 3)), made, target, weight
            ),
            "averaged before the loss",
        ),
        (ch08.seen_pair, lambda outlines, pictures: translation.joined(pictures, outlines), "not the last"),
        (ch08.cycle_loss, lambda a, a_back, b, b_back: functional.l1_loss(a_back, a), "Only images of A"),
        (
            ch08.cycle_loss,
            lambda a, a_back, b, b_back: translation.cycle_loss(a, a_back, b, b_back) / 2,
            "mean of the two domains",
        ),
        (ch08.quantised, lambda x, n: torch.round(x * n) / n, r"n_levels \+ 1 levels"),
        (ch08.quantised, lambda x, n: (x * (n - 1)).int() / (n - 1), "always rounds down"),
        (ch08.quantised, lambda x, n: torch.round(x * (n - 1)).long(), "numbers of the levels"),
        (ch08.quantised, lambda x, n: np.round(x.numpy(), 1), "one decimal"),
    ],
)
def test_mistakes_in_other_words_are_named(exercise, mistake, message):
    assert re.search(message, said(exercise, mistake))


def test_a_wrong_shape_is_said():
    message = said(ch08.seen_pair, lambda outlines, pictures: torch.zeros(1, 4, 2, 2))
    assert "the result has shape (1, 4, 2, 2), expected (2, 4, 4, 4)" in message
