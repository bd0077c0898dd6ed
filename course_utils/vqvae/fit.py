"""Training a vector-quantised autoencoder."""

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.history import History
from course_utils.validation import check_count, check_finite, check_number
from course_utils.vqvae.model import VQVAE
from course_utils.vqvae.quantizer import perplexity
from course_utils.vqvae.two_levels import TwoLevelVQVAE

__all__ = ["fit_vqvae"]

Model = TypeVar("Model", VQVAE, TwoLevelVQVAE)


def fit_vqvae(
    model: Model,
    images: Tensor,
    *,
    n_steps: int,
    batch_size: int = 64,
    learning_rate: float = 4e-3,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[Model], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    label: str = "vqvae",
) -> History:
    """Train in place by Adam, with a learning rate that falls to 0 along half a cosine; in evaluation mode after it.

    Computes on one thread: see `training.threads`.

    Args:
        model: of either kind.
        images: (n, channels, height, width) in [0, 1].
        n_steps: number of mini-batches.
        batch_size: images in each, at most n.
        learning_rate: the first one.
        generator: for mini-batches, and the start and revival of codes; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: steps between saves.
        measure: called as `measure(model)`, in evaluation mode, gives numbers by name to record.
        measure_every: steps between those calls; there is one after the last step in any case.
        label: name of the training, for the progress bar.

    Returns:
        History of "loss", of "perplexity", that of the batch's codes (of two levels, the smaller one), and of
        what `measure` gave.

    Raises:
        ValueError: if the images do not fit the model, or a number is out of range.
        FloatingPointError: if the loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    check_finite(images, "images")
    n_steps, measure_every = check_count(n_steps, "n_steps"), check_count(measure_every, "measure_every")
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    batches = training.batches(images, batch_size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    saved = None
    if checkpoint is not None:
        saved = training.Checkpoint(
            checkpoint, checkpoint_every, model=model, optimizer=optimizer, batches=batches
        )
    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            model.train()
            optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            out = model(next(batches), generator=generator)
            optimizer.zero_grad()
            out.loss.backward()
            optimizer.step()
            maps = out.codes if isinstance(out.codes, tuple) else (out.codes,)
            history.record(loss=out.loss, perplexity=min(perplexity(codes, model.n_codes) for codes in maps))
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                model.eval()
                with torch.no_grad():
                    history.record(None, **measure(model))
    model.eval()
    return history
