"""Gradients through choices against the exact gradient, which a tiny vocabulary allows to compute."""

import math

import pytest
import torch
from torch import nn

from course_utils.sequences import (
    BigramModel,
    LSTMModel,
    action_values,
    every_sequence,
    exact_choice_gradient,
    expected_reward,
    gumbel_noise,
    gumbel_softmax,
    gumbel_softmax_gradient,
    reinforce_gradient,
    reinforce_loss,
    sequence_gradients,
    straight_through_choice,
    straight_through_gradient,
)

N = 40_000
LOGITS = torch.tensor([0.5, -0.3, 0.1, -1.0], dtype=torch.float64)
HEIGHTS = torch.tensor([1.0, 2.0, -0.5, 3.0], dtype=torch.float64)
PROBS = LOGITS.softmax(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(x):
    return x @ HEIGHTS


def curved(x):
    """At the unit vectors the heights and 5, but something else between them."""
    return (x @ HEIGHTS).square() + 5


def off(draws, exact):
    """How many standard errors the mean of the draws is away, at most over all numbers."""
    error = draws.std(0) / math.sqrt(len(draws))
    return float(((draws.mean(0) - exact).abs() / error.clamp_min(1e-12)).max())


# One choice


@pytest.mark.parametrize("f", [linear, curved])
def test_the_exact_gradient_is_that_of_the_sum(f):
    logits = LOGITS.clone().requires_grad_()
    value = logits.softmax(0) @ f(torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(exact_choice_gradient(LOGITS, f), torch.autograd.grad(value, logits)[0])


def test_through_an_argmax_finite_differences_are_zero():
    noise = gumbel_noise((1_000, 4), LOGITS, generator=seeded())
    change = torch.tensor([1e-6, 0, 0, 0], dtype=torch.float64)
    before, after = ((LOGITS + step + noise).argmax(1) for step in (-change, change))
    assert torch.equal(before, after)


@pytest.mark.parametrize("baseline", [0.0, 5.0, "mean"])
def test_reinforce_is_unbiased_with_every_baseline(baseline):
    draws = reinforce_gradient(LOGITS, curved, n_samples=N, baseline=baseline, generator=seeded(1))
    assert off(draws, exact_choice_gradient(LOGITS, curved)) < 4.5


def test_a_baseline_of_the_reward_itself_would_be_biased():
    """Why "mean" leaves its own draw out: with all of two draws in it, half of the gradient is gone."""
    pairs = [
        reinforce_gradient(LOGITS, curved, n_samples=2, baseline="mean", generator=seeded(k))
        for k in range(1_000)
    ]
    exact = exact_choice_gradient(LOGITS, curved)
    means = torch.stack([pair.mean(0) for pair in pairs])
    assert off(means, exact) < 4.5
    assert off(means / 2, exact) > 6, "(f - mean of both) is half of (f - the other)"


def test_the_variance_with_and_without_a_baseline_is_the_one_derived():
    """Var = Σₖ pₖ (fₖ - b)² ‖eₖ - p‖² - ‖gradient‖²: summed over the logits, for each baseline."""
    values, apart = curved(torch.eye(4, dtype=torch.float64)), (torch.eye(4) - PROBS).square().sum(1)
    exact = exact_choice_gradient(LOGITS, curved)
    found, derived = [], []
    for baseline in (0.0, float(PROBS @ values)):
        draws = reinforce_gradient(LOGITS, curved, n_samples=N, baseline=baseline, generator=seeded(2))
        found.append(float(draws.var(0).sum()))
        derived.append(float(PROBS @ ((values - baseline).square() * apart) - exact.square().sum()))
    assert found == pytest.approx(derived, rel=0.05)
    assert derived[0] / derived[1] > 3, "the baseline pays"


def test_straight_through_is_exact_for_a_linear_f_and_biased_for_a_curved_one():
    flat = straight_through_gradient(LOGITS, linear, n_samples=100, generator=seeded())
    torch.testing.assert_close(flat, exact_choice_gradient(LOGITS, linear).expand(100, -1))
    bent = straight_through_gradient(LOGITS, curved, n_samples=N, generator=seeded())
    exact = exact_choice_gradient(LOGITS, curved)
    assert off(bent, exact) > 20
    # f' at the vertex k is 2 hₖ h, so the mean is 2 E[h] · (exact gradient of the linear h).
    expected = 2 * (PROBS @ HEIGHTS) * exact_choice_gradient(LOGITS, linear)
    assert off(bent, expected) < 4.5


def bias_and_std(tau):
    draws = gumbel_softmax_gradient(LOGITS, curved, n_samples=N, tau=tau, generator=seeded(3))
    return float((draws.mean(0) - exact_choice_gradient(LOGITS, curved)).norm()), float(
        draws.var(0).sum().sqrt()
    )


def test_a_cool_gumbel_softmax_has_less_bias_and_more_variance():
    biases, stds = zip(*(bias_and_std(tau) for tau in (0.1, 0.5, 2.0)), strict=True)
    assert biases[0] < biases[1] < biases[2]
    assert stds[0] > stds[1] > stds[2]
    assert biases[0] < 4.5 * stds[0] / math.sqrt(N) + 0.05 * biases[2]


@pytest.mark.parametrize("tau", [0.1, 3.0])
def test_the_largest_number_of_a_gumbel_softmax_is_an_exact_draw(tau):
    soft = gumbel_softmax(LOGITS.expand(N, -1), tau=tau, generator=seeded())
    torch.testing.assert_close(soft.sum(1), torch.ones(N, dtype=torch.float64))
    shares = torch.bincount(soft.argmax(1), minlength=4) / N
    assert ((shares - PROBS).abs() < 4.5 * (PROBS * (1 - PROBS) / N).sqrt()).all()


def test_hard_choices_are_unit_vectors_with_the_soft_gradient():
    rows = LOGITS.expand(50, -1).clone().requires_grad_()
    hard = gumbel_softmax(rows, tau=0.7, hard=True, generator=seeded())
    soft = gumbel_softmax(rows, tau=0.7, generator=seeded())
    assert torch.allclose(hard.max(1).values, torch.ones(50, dtype=torch.float64))
    weights = torch.randn(50, 4, generator=seeded(), dtype=torch.float64)
    grads = [torch.autograd.grad((choice * weights).sum(), rows)[0] for choice in (hard, soft)]
    torch.testing.assert_close(*grads)
    drawn = straight_through_choice(rows, generator=seeded())
    torch.testing.assert_close(
        torch.autograd.grad((drawn * weights).sum(), rows)[0],
        torch.autograd.grad((rows.softmax(1) * weights).sum(), rows)[0],
    )


def test_a_straight_through_choice_is_a_drawn_unit_vector():
    drawn = straight_through_choice(LOGITS.expand(N, -1), generator=seeded())
    torch.testing.assert_close(drawn.max(1).values, torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(drawn.sum(1), torch.ones(N, dtype=torch.float64))
    assert ((drawn.mean(0) - PROBS).abs() < 4.5 * (PROBS * (1 - PROBS) / N).sqrt()).all()


def test_gumbel_noise_has_the_moments_of_its_distribution():
    noise = gumbel_noise((N,), LOGITS, generator=seeded())
    assert abs(float(noise.mean()) - 0.5772157) < 4.5 * math.pi / math.sqrt(6 * N)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, rel=0.06)


# Sequences


def tiny(kind):
    torch.manual_seed(0)
    model = BigramModel(3, 3) if kind == "bigram" else LSTMModel(3, 3, embedding_dim=2, hidden=2)
    model = model.double()
    for weights in model.parameters():
        nn.init.normal_(weights)
    return model


def reward(tokens):
    """High where the last token repeats the first one, and for many twos."""
    return (tokens[:, 0] == tokens[:, 2]).double() + 0.3 * (tokens == 2).double().sum(1) + 4


def flat_gradient(value, model):
    return torch.cat([grad.flatten() for grad in torch.autograd.grad(value, list(model.parameters()))])


def true_values(model):
    """Action values of all 27 sequences by enumeration, (27, 3)."""
    every = every_sequence(3, 3)
    p, r = model.log_prob(every).exp().detach(), reward(every)
    columns = []
    for t in (1, 2, 3):
        same = (every[:, None, :t] == every[None, :, :t]).all(2).double()
        columns.append((same @ (p * r)) / (same @ p))
    return torch.stack(columns, 1)


@pytest.mark.parametrize("kind", ["bigram", "lstm"])
def test_rollouts_are_unbiased(kind):
    """Against the action value that enumeration gives, for every prefix of all 27 sequences."""
    model, every, n_rollouts = tiny(kind), every_sequence(3, 3), 1_000
    values = action_values(model, every, reward, n_rollouts=n_rollouts, generator=seeded())
    true = true_values(model)
    torch.testing.assert_close(values[:, 2], true[:, 2])
    widest = reward(every).std()  # a generous standard deviation for one rollout
    assert ((values - true)[:, :2].abs() < 5 * widest / math.sqrt(n_rollouts)).all()


@pytest.mark.parametrize("kind", ["bigram", "lstm"])
def test_the_policy_gradient_of_action_values_is_the_exact_one(kind):
    """Σₓ p(x) Σₜ Qₜ ∇ log p(xₜ | before) over all sequences, without any randomness, and with every baseline."""
    model, every = tiny(kind), every_sequence(3, 3)
    exact = flat_gradient(expected_reward(model, reward), model)
    p, true = model.log_prob(every).exp().detach(), true_values(model)
    for value in (true, reward(every)[:, None]):
        for baseline in (0.0, 4.0, torch.tensor([[1.0, -2.0, 3.0]])):
            weighted = 27 * p[:, None] * (value - baseline)
            surrogate = reinforce_loss(model.token_log_prob(every), weighted)
            torch.testing.assert_close(-flat_gradient(surrogate, model), exact)


def sequence_draws(model, n, *, baseline):
    """Gradient estimates of n drawn sequences; each of the 27 score vectors is computed once."""
    tokens = model.sample(n, generator=seeded(4))
    scores = sequence_gradients(model, every_sequence(3, 3))[tokens @ torch.tensor([9, 3, 1])]
    return (reward(tokens) - baseline)[:, None] * scores


def test_reinforce_on_sequences_is_unbiased_and_a_baseline_helps():
    model, n = tiny("bigram"), 20_000
    exact = flat_gradient(expected_reward(model, reward), model)
    mean = float(expected_reward(model, reward).detach())
    without, with_one = (sequence_draws(model, n, baseline=b) for b in (0.0, mean))
    assert off(without, exact) < 4.5
    assert off(with_one, exact) < 4.5
    ratio = float(without.var(0).sum() / with_one.var(0).sum())
    every = every_sequence(3, 3)
    p, scores = model.log_prob(every).exp().detach(), sequence_gradients(model, every).square().sum(1)
    derived = [float(p @ ((reward(every) - b).square() * scores) - exact.square().sum()) for b in (0.0, mean)]
    assert ratio == pytest.approx(derived[0] / derived[1], rel=0.1)
    assert ratio > 10


def test_no_gradient_goes_through_the_values():
    log_prob = torch.randn(2, 3, requires_grad=True)
    value = torch.randn(2, 3, requires_grad=True)
    reinforce_loss(log_prob, value).backward()
    assert value.grad is None
    torch.testing.assert_close(log_prob.grad, -value.detach() / 2)


def test_errors():
    with pytest.raises(ValueError, match="tau must be greater than 0, got 0"):
        gumbel_softmax(LOGITS, tau=0)
    with pytest.raises(ValueError, match="baseline must be one of 'mean', got 'best'"):
        reinforce_gradient(LOGITS, linear, n_samples=4, baseline="best")
    with pytest.raises(ValueError, match=r"value must have shape \(2, 3\) or \(2, 1\), got \(2,\)"):
        reinforce_loss(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ValueError, match="n_rollouts must be at least 1"):
        action_values(tiny("bigram"), every_sequence(3, 3), reward, n_rollouts=0)
