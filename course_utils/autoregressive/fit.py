"""Training an autoregressive model: maximum likelihood, by mini-batches."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.autoregressive.levels import check_levels, sum_log_prob
from course_utils.autoregressive.model import PixelModel
from course_utils.history import History
from course_utils.validation import check_count, check_number

__all__ = ["fit_autoregressive"]


def fit_autoregressive(
    model: PixelModel,
    x: Tensor,
    *conditions: Tensor,
    n_steps: int,
    batch_size: int = 16,
    learning_rate: float = 2e-3,
    warm_up: int = 50,
    max_gradient: float = 100.0,
    draw: Callable[..., Tensor] | None = None,
    average: float | None = 0.998,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[PixelModel], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 1,
    label: str = "pixels",
) -> History:
    """Train a model in place, by Adam with a learning rate that falls to 0 along half a cosine.

    The loss is the mean of -log p(x), in nats per image. Small batches, and so many steps, pay here: each image holds
    as many predictions to learn from as it has pixels. Computes on one thread: see `training.threads`.

    Args:
        model: on the device of x.
        x: (n, *image_shape), levels; or what `draw` makes them from, such as grey pixels.
        conditions: what the model is told, one row per image, if it has a condition.
        n_steps: number of mini-batches.
        batch_size: images in each, at most n.
        learning_rate: the highest one. Short trainings take more, 5e-3; in long ones that falls apart.
        warm_up: steps over which it rises to that.
        max_gradient: the gradient is made shorter where its length is above this.
        draw: makes the x of each batch, as `draw(batch, generator=generator)`, such as `data.binarize`.
        average: decay of a moving average of the weights (`training.Average`), which the model has at the
            end in place of its last ones; none if None.
        generator: for mini-batches and `draw`; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: steps between saves.
        measure: called as `measure(model)` without gradients, gives numbers by name to record.
        measure_every: steps between those calls; there is one after the last step in any case.
        record_every: steps between the entries of the history.
        label: name of the training, for the progress bar.

    Returns:
        History of "log_prob", the mean over the mini-batch, nats per image; and of what `measure` gave.

    Raises:
        ValueError: for shapes or levels that do not fit, or a number out of range.
        FloatingPointError: if the log-probability becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    n_steps, warm_up = check_count(n_steps, "n_steps"), check_count(warm_up, "warm_up", minimum=0)
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    max_gradient = check_number(max_gradient, "max_gradient", above=0)
    measure_every = check_count(measure_every, "measure_every")
    record_every = check_count(record_every, "record_every")
    if draw is None:
        check_levels(x, model.n_levels)
    batches = training.batches((x, *conditions), batch_size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), fused=True)
    averaged = training.Average(model, average or 0.0)
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {
            "model": model,
            "optimizer": optimizer,
            "batches": batches,
            "average": averaged,
        }
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            rise = min(1.0, (step + 1) / warm_up) if warm_up else 1.0
            optimizer.param_groups[0]["lr"] = learning_rate * rise * training.cosine(step, n_steps)
            batch, *told = next(batches)
            if draw is not None:
                batch = draw(batch, generator=generator)
            log_prob = sum_log_prob(batch, model(batch, *told)).mean()
            optimizer.zero_grad()
            (-log_prob).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_gradient)
            optimizer.step()
            if average is not None:
                averaged.update()
            if (step + 1) % record_every == 0:
                history.record(None, log_prob=float(log_prob.detach()))
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                current: Any = model if average is None else averaged.module
                with torch.no_grad():
                    history.record(None, **measure(current))
    if average is not None:
        model.load_state_dict(averaged.module.state_dict())
    return history
