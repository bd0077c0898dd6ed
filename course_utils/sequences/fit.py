"""Training a model of sequences by maximum likelihood: predict each token from the true ones before it."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.history import History
from course_utils.sequences.model import SequenceModel, check_tokens
from course_utils.validation import check_count, check_number

__all__ = ["fit_mle"]

LOGITS = 640_000  # at a time: a large vocabulary's would not stay in the cache, and take twice as long


def fit_mle(
    model: SequenceModel,
    tokens: Tensor,
    *,
    n_steps: int,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    max_gradient: float = 5.0,
    decay: bool = False,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1_000,
    measure: Callable[[SequenceModel], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 10,
    label: str = "maximum likelihood",
) -> History:
    """Train a model in place, by Adam, on one thread (see `training.threads`).

    Args:
        model: on the device of the tokens.
        tokens: (n, length) int64, the training sequences.
        n_steps: number of mini-batches.
        batch_size: sequences in each, at most n.
        learning_rate: of Adam.
        max_gradient: the gradient is made shorter where its length is above this.
        decay: whether the learning rate falls to 0 along half a cosine.
        generator: for the mini-batches; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: steps between saves.
        measure: called as `measure(model)` without gradients, gives numbers by name to record.
        measure_every: steps between those calls; there is one after the last step in any case.
        record_every: steps between the entries of the history.
        label: name of the training, for the progress bar.

    Returns:
        History of "log_prob", the mean over the mini-batch, nats per sequence; and of what `measure` gave.

    Raises:
        TypeError, ValueError: for tokens that do not fit, or a number out of range.
        FloatingPointError: if the log-probability becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    check_tokens(tokens, model.n_tokens, model.length)
    n_steps = check_count(n_steps, "n_steps")
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    max_gradient = check_number(max_gradient, "max_gradient", above=0)
    measure_every = check_count(measure_every, "measure_every")
    record_every = check_count(record_every, "record_every")
    batches = training.batches(tokens, batch_size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    saved = None
    if checkpoint is not None:
        changing: dict[str, Any] = {"model": model, "optimizer": optimizer, "batches": batches}
        saved = training.Checkpoint(checkpoint, checkpoint_every, **changing)

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            if decay:
                optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            optimizer.zero_grad()
            log_prob = _backward(model, next(batches))
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_gradient)
            optimizer.step()
            if (step + 1) % record_every == 0:
                history.record(None, log_prob=log_prob)
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                with torch.no_grad():
                    history.record(None, **measure(model))
    return history


def _backward(model: SequenceModel, tokens: Tensor) -> Tensor:
    """Add the gradient of the loss, nats per token, part by part; return the mean log-probability of a sequence.

    The derivative of -log softmax(logits)[target] with respect to the logits is softmax(logits) - onehot(target).
    """
    features = model.features(tokens).flatten(0, 1)
    cut = features.detach().requires_grad_()
    size, total = max(1, LOGITS // model.n_tokens), features.new_zeros(())
    for part, target in zip(cut.split(size), tokens.flatten().split(size), strict=True):
        logits = model.head(part)  # (size, n_tokens)
        with torch.no_grad():
            log_probs, rows = logits.log_softmax(1), torch.arange(len(target), device=target.device)
            total += log_probs[rows, target].sum() / len(tokens)
            slope = log_probs.exp_()
            slope[rows, target] -= 1
            slope /= tokens.numel()
        logits.backward(slope)
    features.backward(cut.grad)
    return total
