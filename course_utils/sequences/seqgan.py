"""SeqGAN: a generator of tokens that learns by REINFORCE, rewarded by a discriminator that learns beside it.

Source: Yu, Zhang, Wang and Yu (2017), SeqGAN: sequence generative adversarial nets with policy gradient, algorithm 1.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

from course_utils import training
from course_utils.history import History
from course_utils.sequences.model import SequenceModel, check_tokens
from course_utils.sequences.policy import Reward, reinforce_loss
from course_utils.sequences.rollouts import action_values
from course_utils.validation import check_choice, check_count, check_number

__all__ = ["BASELINES", "discriminator_step", "fit_seqgan", "generator_step", "verdict"]

BASELINES = ("none", "mean")


def discriminator_step(
    discriminator: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor
) -> float:
    """One step on -log D(real) - log(1 - D(fake)), mean over both; returns that loss before the step."""
    logits_real, logits_fake = discriminator(torch.cat([real, fake])).split([len(real), len(fake)])
    loss = (softplus(-logits_real).mean() + softplus(logits_fake).mean()) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def verdict(discriminator: nn.Module, *, batch_size: int = 1_024) -> Reward:
    """The reward that a discriminator gives: its probability that a sequence is real, in [0, 1], in evaluation mode."""

    @torch.no_grad()
    def reward(tokens: Tensor) -> Tensor:
        was_training = discriminator.training
        discriminator.eval()
        parts = [torch.sigmoid(discriminator(part)) for part in tokens.split(batch_size)]
        discriminator.train(was_training)
        return torch.cat(parts)

    return reward


def generator_step(
    model: SequenceModel,
    optimizer: torch.optim.Optimizer,
    reward: Reward,
    *,
    batch_size: int = 64,
    n_rollouts: int = 4,
    baseline: str = "mean",
    max_gradient: float = 5.0,
    generator: Generator | None = None,
) -> float:
    """Draw sequences, value each choice, and take one step of REINFORCE; returns the mean reward.

    Args:
        model: the generator network.
        optimizer: of its parameters.
        reward: of finished sequences.
        batch_size: sequences drawn.
        n_rollouts: for `action_values`; 0 gives each choice the reward of its whole sequence.
        baseline: "none", or "mean", the mean value of the *other* sequences of the batch at the same place.
        max_gradient: the gradient is made shorter where its length is above this.
        generator: for all draws.
    """
    tokens = model.sample(batch_size, generator=generator)
    if n_rollouts:
        values = action_values(model, tokens, reward, n_rollouts=n_rollouts, generator=generator)
    else:
        values = reward(tokens)[:, None]
    shift = (values.sum(0) - values) / (batch_size - 1) if baseline == "mean" else 0.0
    loss = reinforce_loss(model.token_log_prob(tokens), values, shift) / model.length
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_gradient)
    optimizer.step()
    return float(values[:, -1].mean())


def fit_seqgan(
    model: SequenceModel,
    discriminator: nn.Module,
    real: Tensor,
    *,
    n_steps: int,
    n_warm_up: int = 0,
    n_fakes: int | None = None,
    n_discriminator: int = 5,
    batch_size: int = 64,
    n_rollouts: int = 4,
    baseline: str = "mean",
    reward: Reward | None = None,
    learning_rate: float = 1e-2,
    discriminator_learning_rate: float = 1e-3,
    decay_from: float = 1.0,
    max_gradient: float = 5.0,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 20,
    measure: Callable[[SequenceModel], Mapping[str, float]] | None = None,
    measure_every: int = 20,
    label: str = "SeqGAN",
) -> History:
    """Train both players in place, by Adam, on one thread (see `training.threads`).

    Each round: the discriminator takes `n_discriminator` steps, each on as many real as newly drawn sequences; then the
    generator takes one, `generator_step`. The paper trains the model by maximum likelihood before (`fit_mle`), and the
    discriminator too (`n_warm_up`): without that the reward says nothing at the start.

    NOTE: the paper has 16 rollouts by an older copy of the generator, draws the fakes of many discriminator steps at
    once, and has no baseline; here the present generator rolls out.

    Args:
        model: the generator network.
        discriminator: tokens (batch, length) to logits (batch,), such as `SequenceDiscriminator`. Not used, and not
            trained, with a reward.
        real: (n, length) int64, the real sequences.
        n_steps: rounds.
        n_warm_up: steps of the discriminator alone, before the first round.
        n_fakes: drawn at once for all of these, at least `batch_size`, where drawing takes longer than learning; with
            None they are drawn anew for each step, as in the rounds.
        n_discriminator: steps of the discriminator in each round; 0 freezes it.
        batch_size: sequences drawn, and real ones, of each step; at least 2.
        n_rollouts: ways to finish each prefix; 0 gives each choice the reward of its whole sequence.
        baseline: one of `BASELINES`; see `generator_step`.
        reward: a reward of your own in place of the discriminator's verdict: plain REINFORCE.
        learning_rate: of the generator.
        discriminator_learning_rate: of the discriminator.
        decay_from: share of the training after which both rates fall along a line to 0.
        max_gradient: limit of the length of the generator's gradient.
        generator: for mini-batches and draws; PyTorch's global one if None. Dropout uses the global one.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: rounds between saves.
        measure: called as `measure(model)` without gradients, gives numbers by name to record.
        measure_every: rounds between those calls; there is one after the last round in any case.
        label: name of the training, for the progress bar.

    Returns:
        History of "reward", the mean over the drawn batch, "discriminator_loss" (0.69 if it cannot tell), and of what
        `measure` gave.

    Raises:
        TypeError, ValueError: for tokens that do not fit, or a number out of range.
        FloatingPointError: if a loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    check_tokens(real, model.n_tokens, model.length)
    check_count(batch_size, "batch_size", minimum=2), check_choice(baseline, "baseline", BASELINES)
    n_steps, n_rollouts = check_count(n_steps, "n_steps"), check_count(n_rollouts, "n_rollouts", minimum=0)
    n_warm_up = check_count(n_warm_up, "n_warm_up", minimum=0)
    n_fakes = n_fakes if n_fakes is None else check_count(n_fakes, "n_fakes", minimum=batch_size)
    n_discriminator = check_count(n_discriminator, "n_discriminator", minimum=0)
    measure_every = check_count(measure_every, "measure_every")
    rates = [check_number(learning_rate, "learning_rate", above=0)]
    rates.append(check_number(discriminator_learning_rate, "discriminator_learning_rate", above=0))
    check_number(max_gradient, "max_gradient", above=0)
    decay_from = check_number(decay_from, "decay_from", minimum=0)
    batches = training.batches(real, batch_size, generator=generator)
    players: list[nn.Module] = [model, discriminator]
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rate, fused=True)
        for player, rate in zip(players, rates, strict=True)
    ]
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {
            "model": model,
            "discriminator": discriminator,
            "optimizer": optimizers[0],
            "discriminator_optimizer": optimizers[1],
            "batches": batches,
        }
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)
    reward_of = verdict(discriminator) if reward is None else reward

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * training.line(step / n_steps, decay_from)
            if reward is None:
                fakes = _fakes(model, batch_size, n_warm_up if step == 0 else 0, n_fakes, generator)
                for fake in itertools.islice(fakes, n_discriminator + (n_warm_up if step == 0 else 0)):
                    loss = discriminator_step(discriminator, optimizers[1], next(batches), fake)
                    history.record(step, discriminator_loss=loss)
            mean = generator_step(
                model,
                optimizers[0],
                reward_of,
                batch_size=batch_size,
                n_rollouts=n_rollouts,
                baseline=baseline,
                max_gradient=max_gradient,
                generator=generator,
            )
            history.record(None, reward=mean)
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                with torch.no_grad():
                    history.record(None, **measure(model))
    return history


def _fakes(
    model: SequenceModel, batch_size: int, n_warm_up: int, n_fakes: int | None, generator: Generator | None
) -> Iterator[Tensor]:
    """Batches of drawn sequences; those of the warm-up out of `n_fakes` drawn at once, if that is given."""
    if n_warm_up and n_fakes is not None:
        pool = training.batches(model.sample(n_fakes, generator=generator), batch_size, generator=generator)
        yield from itertools.islice(pool, n_warm_up)
    while True:
        yield model.sample(batch_size, generator=generator)
