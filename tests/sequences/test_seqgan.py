"""SeqGAN: what each player's step does, what the loop does in which order, and that it goes on bit for bit."""

import math

import pytest
import torch
from torch import nn

from course_utils.sequences import (
    BigramModel,
    LSTMModel,
    RecurrentDiscriminator,
    SequenceDiscriminator,
    discriminator_step,
    fit_seqgan,
    generator_step,
    verdict,
)

REAL = torch.tensor([[0, 1, 2, 3]]).repeat(40, 1)
DISCRIMINATORS = pytest.mark.parametrize(
    "build",
    [lambda: SequenceDiscriminator(4, 4, widths=(1, 2), dropout=0.5), lambda: RecurrentDiscriminator(4, 4)],
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def likes_zeros(tokens):
    return (tokens == 0).double().mean(1).float()


@DISCRIMINATORS
def test_a_discriminator_learns_to_tell(build):
    torch.manual_seed(0)
    discriminator = build()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    generator, losses = seeded(), []
    for _ in range(100):
        fake = torch.randint(4, (40, 4), generator=generator)
        losses.append(discriminator_step(discriminator, optimizer, REAL, fake))
    assert losses[0] == pytest.approx(math.log(2), abs=0.2)
    assert losses[-1] < 0.2
    reward = verdict(discriminator, batch_size=7)
    assert float(reward(REAL).min()) > 0.5 > float(reward(torch.full((9, 4), 3)).max())


def test_the_loss_is_the_cross_entropy_of_real_and_fake():
    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(1.5))

        def forward(self, tokens):
            return self.weight * tokens[:, 0].float()

    model = First()
    real, fake = torch.tensor([[2], [0]]), torch.tensor([[1]])
    loss = discriminator_step(model, torch.optim.SGD(model.parameters(), lr=0.0), real, fake)
    p = torch.sigmoid(torch.tensor([3.0, 0.0, 1.5]))
    expected = (-p[:2].log().mean() - (1 - p[2]).log()) / 2
    assert loss == pytest.approx(float(expected), rel=1e-5)


def test_a_verdict_is_given_without_dropout_and_without_a_gradient():
    discriminator = SequenceDiscriminator(4, 4, widths=(1, 2), dropout=0.5).train()
    reward = verdict(discriminator)
    first = reward(REAL)
    assert torch.equal(first, reward(REAL))
    assert not first.requires_grad
    assert discriminator.training, "left as it was"


def test_runs_are_seen_wherever_they_stand_but_only_by_the_convolutions_alone():
    torch.manual_seed(0)
    convolutions, gru = SequenceDiscriminator(4, 6, widths=(2,)).eval(), RecurrentDiscriminator(4, 6)
    one, other = torch.tensor([[1, 2, 1, 2, 1, 2]]), torch.tensor([[1, 2, 1, 2, 1, 1]])
    both = torch.cat([one, torch.tensor([[2, 1, 2, 1, 2, 1]])])  # the same pairs, 12 and 21
    logits = convolutions(both)
    torch.testing.assert_close(logits[0], logits[1])
    assert abs(float((convolutions(one) - convolutions(other)).detach())) > 1e-4
    different = gru(both)
    assert abs(float((different[0] - different[1]).detach())) > 1e-4


@pytest.mark.parametrize("n_rollouts", [0, 2])
@pytest.mark.parametrize("baseline", ["none", "mean"])
def test_a_generator_moves_towards_what_is_rewarded(n_rollouts, baseline):
    model = BigramModel(3, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    how = {"n_rollouts": n_rollouts, "baseline": baseline, "generator": seeded()}
    rewards = [generator_step(model, optimizer, likes_zeros, **how) for _ in range(150)]
    assert rewards[0] < 0.45
    assert sum(rewards[-10:]) / 10 > 0.8


def test_the_baseline_is_the_mean_of_the_others_at_the_same_place(monkeypatch):
    seen = {}

    def spy(token_log_prob, value, baseline=0.0):
        seen["value"], seen["baseline"] = value, baseline
        return token_log_prob.sum()

    monkeypatch.setattr("course_utils.sequences.seqgan.reinforce_loss", spy)
    model = BigramModel(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    generator_step(model, optimizer, likes_zeros, batch_size=5, n_rollouts=3, generator=seeded())
    value, baseline = seen["value"], seen["baseline"]
    assert value.shape == (5, 4)
    for i in range(5):
        others = torch.cat([value[:i], value[i + 1 :]])
        torch.testing.assert_close(baseline[i], others.mean(0))


def train(path=None, n_steps=4, **changes):
    torch.manual_seed(0)
    model, discriminator = LSTMModel(4, 4, embedding_dim=4, hidden=4), RecurrentDiscriminator(4, 4, hidden=4)
    how = {"n_warm_up": 2, "n_discriminator": 2, "batch_size": 8, "generator": seeded(1)}
    how |= {"checkpoint": path, "checkpoint_every": 2} | changes
    history = fit_seqgan(model, discriminator, REAL, n_steps=n_steps, **how)
    return model, discriminator, history


def test_a_training_goes_on_bit_for_bit(tmp_path):
    whole = train(tmp_path / "whole.pt")
    train(tmp_path / "parts.pt", n_steps=2)
    parts = train(tmp_path / "parts.pt")
    for i in (0, 1):
        assert all(
            torch.equal(a, b) for a, b in zip(whole[i].parameters(), parts[i].parameters(), strict=True)
        )
    assert whole[2]["reward"] == parts[2]["reward"]
    assert len(whole[2]["discriminator_loss"]) == 2 + 4 * 2


@pytest.mark.parametrize(("n_fakes", "sizes"), [(None, [8] * 5 + [8] * 2), (20, [20, 8, 8, 8, 8])])
def test_the_fakes_of_the_warm_up_can_be_drawn_at_once(n_fakes, sizes, monkeypatch):
    """Two rounds of one discriminator's and one generator's step, after three steps of warm-up."""
    drawn, sample = [], LSTMModel.sample

    def spy(model, n, **options):
        drawn.append(n)
        return sample(model, n, **options)

    monkeypatch.setattr(LSTMModel, "sample", spy)
    _, _, history = train(n_steps=2, n_warm_up=3, n_discriminator=1, n_fakes=n_fakes)
    assert drawn == sizes
    assert len(history["discriminator_loss"]) == 3 + 2


def test_with_a_reward_of_ones_own_the_discriminator_stays():
    _, discriminator, history = train(reward=likes_zeros)
    torch.manual_seed(0)
    LSTMModel(4, 4, embedding_dim=4, hidden=4)
    untouched = RecurrentDiscriminator(4, 4, hidden=4)
    assert all(
        torch.equal(a, b) for a, b in zip(discriminator.parameters(), untouched.parameters(), strict=True)
    )
    assert "discriminator_loss" not in history


def test_the_rates_fall_and_measurements_come_in_time():
    _, _, history = train(
        measure=lambda model: {"first": float(model.sample(50)[:, 0].float().mean())}, measure_every=3
    )
    assert history.steps("first") == [2, 3]
    slow, _, _ = train(n_steps=1, learning_rate=1e-12)
    fast, _, _ = train(n_steps=1, learning_rate=1e-1)
    torch.manual_seed(0)
    untouched = LSTMModel(4, 4, embedding_dim=4, hidden=4)
    torch.testing.assert_close(slow.output.weight, untouched.output.weight)
    assert (fast.output.weight - untouched.output.weight).abs().max() > 0.05


def test_a_rate_that_falls_from_the_start_moves_less():
    torch.manual_seed(0)
    before = LSTMModel(4, 4, embedding_dim=4, hidden=4).output.bias
    steady, falling = (train(n_steps=8, decay_from=share)[0].output.bias for share in (1.0, 0.0))
    assert (falling - before).norm() < (steady - before).norm()


def test_the_game_makes_draws_more_like_the_real_ones():
    """Real sequences count 0 1 2 3. Before, a right token has probability 1/4."""
    torch.manual_seed(0)
    model = LSTMModel(4, 4, embedding_dim=8, hidden=16)
    start = float(model.token_log_prob(REAL[:1]).mean().detach())
    discriminator = RecurrentDiscriminator(4, 4)
    how = {"n_discriminator": 2, "learning_rate": 2e-2, "generator": seeded()}
    fit_seqgan(model, discriminator, REAL, n_steps=60, batch_size=32, **how)
    assert float(model.token_log_prob(REAL[:1]).mean().detach()) > start + 0.3


def test_errors():
    model, discriminator = LSTMModel(4, 4), RecurrentDiscriminator(4, 4)
    with pytest.raises(ValueError, match="baseline must be one of 'none', 'mean', got 'value'"):
        fit_seqgan(model, discriminator, REAL, n_steps=1, baseline="value")
    with pytest.raises(ValueError, match="batch_size must be at least 2, got 1"):
        fit_seqgan(model, discriminator, REAL, n_steps=1, batch_size=1)
    with pytest.raises(ValueError, match="n_fakes must be at least 64, got 5"):
        fit_seqgan(model, discriminator, REAL, n_steps=1, n_fakes=5)
    with pytest.raises(ValueError, match=r"shape \(batch, 4\), got \(40, 3\)"):
        fit_seqgan(model, discriminator, REAL[:, :3], n_steps=1)
    with pytest.raises(ValueError, match=r"widths must be at most the length, 4, got \(2, 5\)"):
        SequenceDiscriminator(4, 4, widths=(2, 5))
