"""Training a GAN: the two players in turn, each with its own optimizer."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import training
from course_utils.gan.losses import Loss, loss_named
from course_utils.gan.networks import LatentGenerator
from course_utils.gan.penalties import Discriminator, Penalty, clip_weights
from course_utils.gan.steps import discriminator_step, generator_step, unrolled
from course_utils.history import History
from course_utils.validation import check_count, check_finite, check_number, check_tensor

__all__ = ["fit_gan"]


def fit_gan(
    generator_network: LatentGenerator,
    discriminator: nn.Module,
    real: Tensor,
    *,
    n_steps: int,
    conditions: Tensor | None = None,
    mismatched: bool = False,
    batch_size: int = 128,
    loss: str | Loss = "non_saturating",
    penalties: Sequence[Penalty] = (),
    learning_rate: float = 1e-3,
    discriminator_learning_rate: float | None = None,
    betas: tuple[float, float] = (0.0, 0.99),
    decay_from: float = 1.0,
    n_critic: int = 1,
    n_generator: int = 1,
    clip: float | None = None,
    n_unrolled: int = 0,
    average: float | None = None,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[LatentGenerator], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 10,
    label: str = "GAN",
) -> History:
    """Train both players in place, by Adam, on one thread (see `training.threads`).

    Args:
        generator_network: on the device of the data and of their dtype.
        discriminator: takes (batch, ...), gives one logit (or score) per example.
        real: (n, ...), in memory.
        n_steps: rounds of the game.
        conditions: of the real examples, one row each, for players that take them, such as `ConditionalGenerator`
            and `ConcatDiscriminator`.
        mismatched: whether real examples under another example's condition count as fakes; see
            `discriminator_step`.
        batch_size: real examples, and fakes, of each step.
        loss: a name of `LOSSES`, or a `Loss`.
        penalties: terms of the discriminator's loss.
        learning_rate: of the generator.
        discriminator_learning_rate: the generator's if None; another one gives two time scales.
        betas: of Adam, for both.
        decay_from: share of the training after which both rates fall along a line to 0.
        n_critic: the discriminator's steps in a round; 0 freezes it.
        n_generator: the generator's steps in a round; 0 freezes it.
        clip: limit of the discriminator's weights, put back after each of its steps; none if None.
        n_unrolled: steps of the discriminator that the generator looks ahead; see `unrolled`.
        average: decay of a moving average of the generator's weights (`training.Average`), which it has at the end
            in place of its last ones; none if None.
        generator: for mini-batches, z and penalties; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: rounds between saves.
        measure: called as `measure(generator_network)` in evaluation mode without gradients (with the averaged one,
            if there is an average), gives numbers by name to record.
        measure_every: rounds between those calls; there is one after the last round in any case.
        record_every: rounds between the entries of the losses.
        label: name of the training, for the progress bar.

    Returns:
        History of "discriminator_loss" and "generator_loss", each without penalties, on one mini-batch, and of what
        `measure` gave.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind or out of range.
        FloatingPointError: if a loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    check_finite(check_tensor(real, "real"), "real")
    n_steps, loss = check_count(n_steps, "n_steps"), loss_named(loss)
    rates = [check_number(learning_rate, "learning_rate", above=0)]
    rates.append(
        rates[0]
        if discriminator_learning_rate is None
        else check_number(discriminator_learning_rate, "discriminator_learning_rate", above=0)
    )
    n_critic = check_count(n_critic, "n_critic", minimum=0)
    n_generator = check_count(n_generator, "n_generator", minimum=0)
    n_unrolled = check_count(n_unrolled, "n_unrolled", minimum=0)
    decay_from = check_number(decay_from, "decay_from", minimum=0)
    clip = None if clip is None else check_number(clip, "clip", above=0)
    for penalty in penalties:
        if not isinstance(penalty, Penalty):
            raise TypeError(
                f'penalties must be a list of Penalty, got {penalty!r} in it; [Penalty("r1", 0.5)] is one'
            )
        check_count(penalty.every, "every of a penalty")
    measure_every = check_count(measure_every, "measure_every")
    record_every = check_count(record_every, "record_every")

    if conditions is None and mismatched:
        raise ValueError("mismatched=True needs conditions, one row for each real example")
    if conditions is not None and n_unrolled:
        raise ValueError(
            "n_unrolled must be 0 with conditions: unrolling is written for players without them"
        )
    rows = real if conditions is None else (real, conditions)
    batches = training.batches(rows, batch_size, generator=generator)

    def draw() -> tuple[Tensor, Tensor | None]:
        """A batch of examples, and their conditions."""
        return (next(batches), None) if conditions is None else next(batches)

    players = (generator_network, discriminator)
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rate, betas=betas, fused=True)
        for player, rate in zip(players, rates, strict=True)
    ]
    averaged = training.Average(generator_network, average or 0.0)
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {
            "generator": generator_network,
            "discriminator": discriminator,
            "generator_optimizer": optimizers[0],
            "discriminator_optimizer": optimizers[1],
            "batches": batches,
            "average": averaged,
        }
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)
    unroll = partial(unrolled, discriminator, optimizers[1], n_steps=n_unrolled, loss=loss)
    bound = [penalty.bound(generator) for penalty in penalties]

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * training.line(step / n_steps, decay_from)
            weights = [penalty.at(step, n_steps) for penalty in penalties]
            losses = {}
            for _ in range(n_critic):
                examples, told = draw()
                losses["discriminator_loss"] = discriminator_step(
                    discriminator,
                    generator_network,
                    optimizers[1],
                    examples,
                    loss=loss,
                    conditions=told,
                    mismatched=told.roll(1, 0) if mismatched and told is not None else None,
                    penalty=_weighted_sum(bound, weights) if any(weights) else None,
                    generator=generator,
                )
                if clip is not None:
                    clip_weights(discriminator, clip)
            for _ in range(n_generator):
                examples, told = draw()
                losses["generator_loss"] = generator_step(
                    discriminator,
                    generator_network,
                    optimizers[0],
                    examples,
                    loss=loss,
                    conditions=told,
                    unroll=unroll if n_unrolled else None,
                    generator=generator,
                )
            if average is not None:
                averaged.update()
            if (step + 1) % record_every == 0:
                history.record(None, **{name: float(value) for name, value in losses.items()})
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                current: Any = generator_network if average is None else averaged.module
                was_training = current.training
                with torch.no_grad():  # in evaluation mode, so that a batch norm learns nothing from it
                    history.record(None, **measure(current.eval()))
                current.train(was_training)
    if average is not None:
        generator_network.load_state_dict(averaged.module.state_dict())
    return history


def _weighted_sum(
    functions: Sequence[Callable[[Discriminator, Tensor, Tensor], Tensor]], weights: Sequence[float]
) -> Callable[[Discriminator, Tensor, Tensor], Tensor]:
    """The sum of the penalties whose weight is not 0, as one function."""
    return lambda discriminator, real, fake: sum(  # type: ignore[return-value]
        weight * function(discriminator, real, fake)
        for function, weight in zip(functions, weights, strict=True)
        if weight
    )
