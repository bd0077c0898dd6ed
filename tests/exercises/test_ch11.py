"""Exercises of chapter 11: right answers written in other ways, and known mistakes as popular code writes them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils.exercises import ch11
from course_utils.sequences import reinforce_loss


def gradient_by_jacobian(probs, rewards):
    logits = probs.log()
    return torch.autograd.functional.jacobian(lambda z: z.softmax(0) @ rewards, logits)


def surrogate_by_loop(token_log_prob, reward):
    total = 0
    for log_probs, number in zip(token_log_prob, reward.tolist(), strict=True):
        total = total - number * log_probs.sum()
    return total / len(token_log_prob)


def others_by_numpy(reward):
    return np.array([np.delete(reward.numpy(), i).mean() for i in range(len(reward))])


def gumbel_by_logs(logits, noise, tau):
    powers = ((logits + noise) / tau).exp()
    return powers / powers.sum(1, keepdim=True)


def through_in_another_order(logits, drawn):
    soft = functional.softmax(logits, dim=1)
    return (drawn - soft).detach() + soft


def values_by_loop(rollouts, final):
    columns = [rollouts[:, t].mean(1) for t in range(rollouts.shape[1])]
    return torch.stack([*columns, final], 1)


@pytest.mark.parametrize(
    ("exercise", "function"),
    [
        (ch11.choice_gradient, gradient_by_jacobian),
        (ch11.reinforce_surrogate, surrogate_by_loop),
        (ch11.reinforce_surrogate, lambda log_prob, reward: reinforce_loss(log_prob, reward[:, None])),
        (ch11.baseline_of_others, others_by_numpy),
        (ch11.gumbel_choice, gumbel_by_logs),
        (ch11.straight_through, through_in_another_order),
        (ch11.rollout_values, values_by_loop),
    ],
)
def test_right_in_other_words(exercise, function):
    result = exercise.check(function)
    assert result.status == "passed", result


@pytest.mark.parametrize(
    ("exercise", "function", "words"),
    [
        (ch11.choice_gradient, lambda p, r: p * (r - r.mean()), "weighted by the probabilities"),
        (ch11.reinforce_surrogate, lambda log_prob, r: (r.detach() * log_prob.sum(1)).mean(), "The sign"),
        (ch11.reinforce_surrogate, lambda log_prob, r: -(r[:, None] * log_prob).sum(1).mean(), "detach"),
        (
            ch11.reinforce_surrogate,
            lambda log_prob, r: -(r.detach()[:, None] * log_prob).mean(),
            "mean over tokens",
        ),
        (ch11.baseline_of_others, lambda r: torch.full_like(r, r.mean().item()), "itself included"),
        (ch11.gumbel_choice, lambda z, g, tau: torch.softmax(z / tau + g, 1), "not divided by tau"),
        (ch11.straight_through, lambda z, x: x, "no gradient goes back"),
        (
            ch11.straight_through,
            lambda z, x: z.softmax(1) + (x - z.softmax(1)),
            "unless one of them is detached",
        ),
        (ch11.rollout_values, lambda r, f: torch.cat([r.max(2).values, f[:, None]], 1), "what luck brings"),
    ],
)
def test_mistakes_as_code_writes_them(exercise, function, words):
    result = exercise.check(function)
    assert result.status == "failed"
    assert words in result.message
