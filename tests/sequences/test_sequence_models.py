"""Models of sequences: probabilities add up, draws follow them, and what comes later is not seen."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.sequences import (
    BigramModel,
    LSTMModel,
    LSTMOracle,
    distinct_share,
    draw_tokens,
    every_sequence,
    fit_mle,
)
from course_utils.sequences import fit as fit_module


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lstm(n_tokens=3, length=3):
    """With weights large enough that its probabilities differ."""
    torch.manual_seed(0)
    model = LSTMModel(n_tokens, length, embedding_dim=4, hidden=5).double()
    for weights in model.parameters():
        nn.init.normal_(weights)
    return model


def bigrams():
    torch.manual_seed(1)
    model = BigramModel(3, 3).double()
    nn.init.normal_(model.logits)
    return model


def oracle():
    return LSTMOracle(3, 3, hidden=4, generator=seeded()).double()


MODELS = pytest.mark.parametrize("build", [lstm, bigrams, oracle])


@MODELS
def test_all_probabilities_add_up_to_one(build):
    total = build().log_prob(every_sequence(3, 3)).exp().sum().detach()
    assert float(total) == pytest.approx(1, abs=1e-12)


@MODELS
def test_draws_follow_the_probabilities(build):
    """χ² over all 27 sequences has mean 26 and variance 2·26 + (Σ 1/p - 27² - 2·27 + 2)/n; 5 standard deviations."""
    model, every, n = build(), every_sequence(3, 3), 40_000
    drawn = model.sample(n, generator=seeded(2))
    counts = torch.bincount(drawn @ torch.tensor([9, 3, 1]), minlength=27)
    expected = n * model.log_prob(every).exp().detach()
    statistic = ((counts - expected).square() / expected).sum()
    variance = 52 + (1 / expected).sum() - (27**2 + 2 * 27 - 2) / n
    assert statistic < 26 + 5 * variance.sqrt()


@MODELS
def test_completions_keep_what_is_known_and_follow_the_conditional(build):
    model, n = build(), 30_000
    first = torch.tensor([[2, 0, 0]]).repeat(n, 1)
    n_known = torch.arange(n) % 3  # a third each knows 0, 1, 2 tokens
    drawn = model.complete(first, n_known, generator=seeded(3))
    assert torch.equal(drawn[n_known == 2, :2], first[n_known == 2, :2])
    every = every_sequence(3, 3)
    p = model.log_prob(every).exp().detach()
    starts = every[:, 0] == 2
    p_end = (p * starts * (every[:, 2] == 1)).sum() / (p * starts).sum()
    found = (drawn[n_known == 1, 2] == 1).double().mean()
    assert abs(found - p_end) < 4.5 * (p_end * (1 - p_end) / (n / 3)).sqrt()


@MODELS
def test_step_by_step_and_at_once_agree(build):
    model, tokens = build(), every_sequence(3, 3)
    memory, token, found = model.begin(27), torch.full((27,), 3), []
    for place in range(3):
        features, memory = model.step(token, memory)
        found.append(model.head(features))
        token = tokens[:, place]
    torch.testing.assert_close(torch.stack(found, 1), model(tokens))


@MODELS
def test_no_logit_depends_on_its_own_token_or_later_ones(build):
    model, one, other = build(), torch.tensor([[0, 1, 2]]), torch.tensor([[0, 2, 0]])
    same = (model(one) == model(other))[0].all(1)
    assert same.tolist() == [True, True, False]


def test_draws_of_one_token():
    logits = torch.tensor([[0.0, math.log(3.0), -math.inf]], dtype=torch.float64)
    drawn = draw_tokens(logits.repeat(20_000, 1), generator=seeded())
    shares = torch.bincount(drawn, minlength=3) / 20_000
    assert shares[2] == 0
    assert abs(float(shares[1]) - 0.75) < 4.5 * math.sqrt(0.75 * 0.25 / 20_000)


def test_the_oracle_is_normal_and_counts_per_token():
    model = LSTMOracle(generator=seeded())
    weights = torch.cat([p.flatten() for p in model.parameters() if p is not model.lstm.bias_hh_l0])
    n = len(weights)
    assert abs(float(weights.mean())) < 4.5 / math.sqrt(n)
    assert abs(float(weights.var()) - 1) < 4.5 * math.sqrt(2 / n)
    assert not any(p.requires_grad for p in model.parameters())
    tokens = model.sample(5, generator=seeded())
    torch.testing.assert_close(model.nll(tokens), -model.log_prob(tokens) / 20)


def test_the_oracle_knows_its_own():
    """Real data near the published 5.75 nats per token (its oracle was another draw), noise far above log 5,000."""
    for seed in range(2):
        model = LSTMOracle(generator=seeded(seed))
        real = model.nll(model.sample(200, generator=seeded(seed)))
        noise = model.nll(torch.randint(5_000, (200, 20), generator=seeded(seed)))
        assert 5.5 < real.mean() < 6.3
        assert 10.2 < noise.mean() < 11.6


# Maximum likelihood


def test_the_parts_of_a_backward_pass_add_up(monkeypatch):
    model, tokens = lstm(n_tokens=4, length=5), torch.randint(4, (7, 5), generator=seeded())
    loss = cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    expected = torch.autograd.grad(loss, list(model.parameters()))
    monkeypatch.setattr(fit_module, "LOGITS", 4 * 6)  # six rows at a time, of 35
    log_prob = fit_module._backward(model, tokens)
    assert float(log_prob) == pytest.approx(-5 * float(loss.detach()))
    for weights, grad in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weights.grad, grad)


def test_a_bigram_model_finds_the_frequencies():
    tokens = torch.tensor([[0, 1], [0, 1], [0, 0], [1, 0]]).repeat(25, 1)
    model = BigramModel(2, 2)
    fit_mle(model, tokens, n_steps=600, batch_size=100, learning_rate=0.05, generator=seeded())
    probs = model.logits.softmax(1)
    assert float(probs[2, 0]) == pytest.approx(0.75, abs=1e-3), "three of four begin with 0"
    assert float(probs[0, 1]) == pytest.approx(2 / 3, abs=1e-3)


def test_a_training_goes_on_bit_for_bit(tmp_path):
    tokens = torch.randint(4, (40, 5), generator=seeded())

    def train(n_steps, name):
        torch.manual_seed(0)
        model = LSTMModel(4, 5, embedding_dim=4, hidden=4)
        how = {"batch_size": 8, "generator": seeded(1), "checkpoint": tmp_path / name}
        history = fit_mle(model, tokens, n_steps=n_steps, checkpoint_every=3, record_every=1, **how)
        return history["log_prob"], model.state_dict()

    whole = train(6, "whole.pt")
    train(3, "parts.pt")
    parts = train(6, "parts.pt")
    assert whole[0] == parts[0]
    assert all(torch.equal(whole[1][name], parts[1][name]) for name in whole[1])


def test_measurements_are_recorded_and_the_last_step_always():
    history = fit_mle(
        bigrams(),
        torch.zeros(10, 3, dtype=torch.int64),
        n_steps=5,
        batch_size=4,
        measure=lambda model: {"p": float(model.log_prob(torch.zeros(1, 3, dtype=torch.int64)).exp())},
        measure_every=2,
        decay=True,
        generator=seeded(),
    )
    assert history.steps("p") == [1, 3, 4]
    assert history["p"][-1] > history["p"][0]


# Diversity, and errors


def test_distinct_shares():
    tokens = torch.tensor([[0, 1, 0, 1], [0, 1, 0, 1], [2, 2, 2, 2]])
    assert distinct_share(tokens) == pytest.approx(2 / 3)
    assert distinct_share(tokens, 2) == pytest.approx(3 / 9)  # 01, 10, 22
    assert distinct_share(tokens, 1) == pytest.approx(3 / 12)


def test_errors():
    model = LSTMModel(4, 5)
    with pytest.raises(TypeError, match=r"tokens must be an int64 tensor, got torch\.float32"):
        model.log_prob(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"shape \(batch, 5\), got \(2, 4\)"):
        model.log_prob(torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="lie in 0 to 3, got 0 to 4"):
        model.log_prob(torch.tensor([[0, 0, 0, 0, 4]]))
    with pytest.raises(ValueError, match=r"n_known must have shape \(2,\), got \(3,\)"):
        model.complete(torch.zeros(2, 5, dtype=torch.int64), torch.zeros(3))
    with pytest.raises(ValueError, match="n_tokens must be at least 2, got 1"):
        LSTMModel(1, 5)
    with pytest.raises(ValueError, match="n_gram must be at most the length, 5, got 6"):
        distinct_share(torch.zeros(2, 5, dtype=torch.int64), 6)
    with pytest.raises(ValueError, match="too many to list"):
        every_sequence(5_000, 20)
