"""Training pix2pix: a translator that learns from pairs, and a discriminator that judges pairs."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import training
from course_utils.gan.losses import Loss, loss_named
from course_utils.history import History
from course_utils.translation.networks import joined
from course_utils.translation.steps import patch_step, pix2pix_step
from course_utils.validation import check_count, check_finite, check_number, check_tensor

__all__ = ["fit_pix2pix"]


def fit_pix2pix(
    translator: nn.Module,
    discriminator: nn.Module | None,
    source: Tensor,
    target: Tensor,
    *,
    n_steps: int,
    batch_size: int = 16,
    l1_weight: float = 100.0,
    adversarial_weight: float = 1.0,
    loss: str | Loss = "non_saturating",
    learning_rate: float = 1e-3,
    discriminator_learning_rate: float | None = None,
    betas: tuple[float, float] = (0.5, 0.999),
    decay_from: float = 1.0,
    average: float | None = None,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[Any], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 10,
    label: str = "pix2pix",
) -> History:
    """Train translator and discriminator in place, by Adam, on one thread (see `training.threads`).

    Each round makes a step of the translator, then one of the discriminator on what it made.

    Args:
        translator: takes sources, gives images like the targets, such as a `UNet`.
        discriminator: judges sources and images `joined`, such as a `patch_discriminator` of their channels together;
            None if `adversarial_weight` is 0, and otherwise untouched.
        source: (n, ...) images, in memory.
        target: (n, ...) images, pair by pair.
        n_steps: rounds.
        batch_size: pairs of each step.
        l1_weight: of the absolute error; 0 for the verdict alone.
        adversarial_weight: of the discriminator's verdict; 0 for the absolute error alone.
        loss: a name of `gan.LOSSES`, or a `gan.Loss`.
        learning_rate: of the translator.
        discriminator_learning_rate: the translator's if None.
        betas: of Adam, for both.
        decay_from: share of the training from which the learning rates fall along a line to 0; 1 for never.
        average: decay of a moving average of the translator's weights (`training.Average`), which it has at the end in
            place of its last ones; none if None.
        generator: for mini-batches; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: rounds between saves.
        measure: called as `measure(translator)` in evaluation mode without gradients (with the averaged one, if there
            is an average), gives numbers by name to record.
        measure_every: rounds between those calls; there is one after the last round in any case.
        record_every: rounds between the entries of the losses.
        label: name of the training, for the progress bar.

    Returns:
        History of "l1_loss", "adversarial_loss" and "discriminator_loss", without their weights and each on one
        mini-batch, of those in use; and of what `measure` gave.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind or out of range, and images that do not fit.
        FloatingPointError: if a loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    for name, images in (("source", source), ("target", target)):
        check_finite(check_tensor(images, name), name)
    if len(source) != len(target):
        raise ValueError(
            f"source and target must be pairs, got {len(source)} sources and {len(target)} targets"
        )
    n_steps, loss = check_count(n_steps, "n_steps"), loss_named(loss)
    l1_weight = check_number(l1_weight, "l1_weight", minimum=0)
    adversarial_weight = check_number(adversarial_weight, "adversarial_weight", minimum=0)
    if not l1_weight and not adversarial_weight:
        raise ValueError("l1_weight and adversarial_weight must not both be 0: nothing would be learned")
    if adversarial_weight and discriminator is None:
        raise ValueError("discriminator must be a module where adversarial_weight is not 0, got None")
    opponent = discriminator if adversarial_weight else None
    rates = [check_number(learning_rate, "learning_rate", above=0)] * 2
    if discriminator_learning_rate is not None:
        rates[1] = check_number(discriminator_learning_rate, "discriminator_learning_rate", above=0)
    decay_from = check_number(decay_from, "decay_from", minimum=0)
    measure_every = check_count(measure_every, "measure_every")
    record_every = check_count(record_every, "record_every")
    _check_translator(translator, source, target)

    batches = training.batches([source, target], batch_size, generator=generator)
    players = [translator] if opponent is None else [translator, opponent]
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rate, betas=betas, fused=True)
        for player, rate in zip(players, rates, strict=False)
    ]
    averaged = training.Average(translator, average or 0.0)
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {"batches": batches, "average": averaged}
        for name, player, optimizer in zip(
            ("translator", "discriminator"), players, optimizers, strict=False
        ):
            changing |= {name: player, f"{name}_optimizer": optimizer}
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            for optimizer, rate in zip(optimizers, rates, strict=False):
                optimizer.param_groups[0]["lr"] = rate * training.line(step / n_steps, decay_from)
            x, y = next(batches)
            made, losses = pix2pix_step(
                translator,
                opponent,
                optimizers[0],
                x,
                y,
                l1_weight=l1_weight,
                adversarial_weight=adversarial_weight,
                loss=loss,
            )
            if opponent is not None:
                losses["discriminator_loss"] = patch_step(
                    opponent, optimizers[1], joined(x, y), joined(x, made), loss=loss
                )
            if average is not None:
                averaged.update()
            if (step + 1) % record_every == 0:
                history.record(None, **losses)
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                history.record(None, **_measured(measure, translator if average is None else averaged.module))
    if average is not None:
        translator.load_state_dict(averaged.module.state_dict())
    return history


def _measured(measure: Callable[[Any], Mapping[str, float]], translator: nn.Module) -> Mapping[str, float]:
    was_training = translator.training
    with torch.no_grad():
        found = measure(translator.eval())
    translator.train(was_training)
    return found


def _check_translator(translator: nn.Module, source: Tensor, target: Tensor) -> None:
    """Raise if what the translator makes of a source is no image like a target."""
    was_training = translator.training
    with torch.no_grad():
        made = translator.eval()(source[:1])
    translator.train(was_training)
    if made.shape != target[:1].shape or made.dtype != target.dtype:
        raise ValueError(
            f"target must be like what the translator makes of a source, (n, {', '.join(map(str, made.shape[1:]))}) of "
            f"{made.dtype}, got {tuple(target.shape)} of {target.dtype}"
        )
