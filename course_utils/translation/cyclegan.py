"""Training a CycleGAN: two translators and two discriminators, on two sets of images that have no pairs."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import training
from course_utils.gan.losses import Loss, loss_named
from course_utils.history import History
from course_utils.translation.pool import ImagePool
from course_utils.translation.steps import cycle_step, patch_step
from course_utils.validation import check_count, check_finite, check_number, check_tensor

__all__ = ["fit_cyclegan"]


def fit_cyclegan(
    a_to_b: nn.Module,
    b_to_a: nn.Module,
    discriminator_a: nn.Module,
    discriminator_b: nn.Module,
    images_a: Tensor,
    images_b: Tensor,
    *,
    n_steps: int,
    batch_size: int = 8,
    cycle_weight: float = 10.0,
    identity_weight: float = 0.0,
    loss: str | Loss = "least_squares",
    pool_size: int = 50,
    learning_rate: float = 1e-3,
    discriminator_learning_rate: float | None = None,
    betas: tuple[float, float] = (0.5, 0.999),
    decay_from: float = 1.0,
    average: float | None = None,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[Any, Any], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 10,
    label: str = "CycleGAN",
) -> History:
    """Train all four networks in place, by Adam, on one thread (see `training.threads`).

    Each round makes a step of both translators together, then one of each discriminator on fakes from its pool.

    Args:
        a_to_b: the translator from A to B, such as a `ResidualTranslator`.
        b_to_a: the one back.
        discriminator_a: judges images of domain A, such as a `patch_discriminator`.
        discriminator_b: judges images of domain B.
        images_a: (n, ...), in memory.
        images_b: (m, ...), images of the same shape; no image needs a partner.
        n_steps: rounds.
        batch_size: images of each domain in each step.
        cycle_weight: of the cycle loss; 0 for none.
        identity_weight: of the identity loss; 0 for none.
        loss: a name of `gan.LOSSES`, or a `gan.Loss`; the paper has least squares.
        pool_size: fakes of earlier steps that each discriminator sees again, see `ImagePool`; 0 for none.
        learning_rate: of the translators.
        discriminator_learning_rate: the translators' if None.
        betas: of Adam, for all.
        decay_from: share of the training from which the learning rates fall along a line to 0; 1 for never.
        average: decay of moving averages of the translators' weights (`training.Average`), which they have at the end
            in place of their last ones; none if None.
        generator: for mini-batches and pools; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: rounds between saves.
        measure: called as `measure(a_to_b, b_to_a)` in evaluation mode without gradients (with the averaged ones, if
            there is an average), gives numbers by name to record.
        measure_every: rounds between those calls; there is one after the last round in any case.
        record_every: rounds between the entries of the losses.
        label: name of the training, for the progress bar.

    Returns:
        History of "adversarial_loss", "cycle_loss", "identity_loss" and "discriminator_loss", sums over both domains,
        without their weights and each on one mini-batch, of those in use; and of what `measure` gave.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind or out of range, and images that do not fit.
        FloatingPointError: if a loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.

    Source: Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks.
    """
    for name, images in (("images_a", images_a), ("images_b", images_b)):
        check_finite(check_tensor(images, name), name)
    if images_a.shape[1:] != images_b.shape[1:] or images_a.dtype != images_b.dtype:
        raise ValueError(
            f"images_a and images_b must be images of one shape, got {tuple(images_a.shape)} of {images_a.dtype} and "
            f"{tuple(images_b.shape)} of {images_b.dtype}; load both with one size, both in colour or both grey"
        )
    n_steps, loss = check_count(n_steps, "n_steps"), loss_named(loss)
    cycle_weight = check_number(cycle_weight, "cycle_weight", minimum=0)
    identity_weight = check_number(identity_weight, "identity_weight", minimum=0)
    rates = [check_number(learning_rate, "learning_rate", above=0)] * 2
    if discriminator_learning_rate is not None:
        rates[1] = check_number(discriminator_learning_rate, "discriminator_learning_rate", above=0)
    decay_from = check_number(decay_from, "decay_from", minimum=0)
    measure_every = check_count(measure_every, "measure_every")
    record_every = check_count(record_every, "record_every")

    discriminators = (discriminator_a, discriminator_b)
    batches = [training.batches(images, batch_size, generator=generator) for images in (images_a, images_b)]
    pools = [ImagePool(pool_size, generator=generator) for _ in discriminators]
    both = [weight for translator in (a_to_b, b_to_a) for weight in translator.parameters()]
    optimizer = torch.optim.Adam(both, lr=rates[0], betas=betas, fused=True)
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rates[1], betas=betas, fused=True)
        for player in discriminators
    ]
    averaged = [training.Average(translator, average or 0.0) for translator in (a_to_b, b_to_a)]
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {
            "a_to_b": a_to_b,
            "b_to_a": b_to_a,
            "discriminator_a": discriminator_a,
            "discriminator_b": discriminator_b,
            "optimizer": optimizer,
        }
        for name, (first, second) in (
            ("optimizer", optimizers),
            ("batches", batches),
            ("pool", pools),
            ("average", averaged),
        ):
            changing |= {f"{name}_a": first, f"{name}_b": second}
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            left = training.line(step / n_steps, decay_from)
            for each, rate in zip((optimizer, *optimizers), (rates[0], rates[1], rates[1]), strict=True):
                each.param_groups[0]["lr"] = rate * left
            a, b = next(batches[0]), next(batches[1])
            fakes = cycle_step(
                a_to_b,
                b_to_a,
                discriminator_a,
                discriminator_b,
                optimizer,
                a,
                b,
                cycle_weight=cycle_weight,
                identity_weight=identity_weight,
                loss=loss,
            )
            told = [
                patch_step(discriminator, own, real, pool.exchange(fake), loss=loss)
                for discriminator, own, real, pool, fake in zip(
                    discriminators, optimizers, (a, b), pools, (fakes.a, fakes.b), strict=True
                )
            ]
            if average is not None:
                for one in averaged:
                    one.update()
            if (step + 1) % record_every == 0:
                history.record(None, **fakes.losses, discriminator_loss=sum(told))
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                present = (a_to_b, b_to_a) if average is None else (averaged[0].module, averaged[1].module)
                history.record(None, **_measured(measure, *present))
    if average is not None:
        for translator, one in zip((a_to_b, b_to_a), averaged, strict=True):
            translator.load_state_dict(one.module.state_dict())
    return history


def _measured(
    measure: Callable[[Any, Any], Mapping[str, float]], a_to_b: nn.Module, b_to_a: nn.Module
) -> Mapping[str, float]:
    were_training = a_to_b.training, b_to_a.training
    with torch.no_grad():
        found = measure(a_to_b.eval(), b_to_a.eval())
    a_to_b.train(were_training[0])
    b_to_a.train(were_training[1])
    return found
