"""Training a VAE: stochastic gradient ascent on the ELBO, or on the importance-weighted bound."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import training
from course_utils.history import History
from course_utils.vae.bounds import importance_log_weights, iwae_bound, terms, warn_if_grey
from course_utils.vae.model import VAE, Posterior
from course_utils.validation import check_count, check_finite, check_number, check_tensor

__all__ = ["fit_vae", "free_bits_kl"]


def free_bits_kl(posterior: Posterior, free_bits: float) -> Tensor:
    """Σⱼ max(λ, mean over the batch of KLⱼ): the first λ nats of each dimension cost nothing.

    Args:
        posterior: q(z | x) of a batch.
        free_bits: λ, nats per dimension.

    Returns:
        () nats.

    Source: Kingma et al. (2016), Improving variational inference with inverse autoregressive flow, equation 16.
    """
    mean, logvar = posterior
    each = 0.5 * (torch.expm1(logvar) - logvar + mean.square())  # (batch, latent_dim)
    return each.mean(0).clamp_min(free_bits).sum()


def fit_vae(
    model: VAE,
    x: Tensor,
    *condition: Tensor,
    n_steps: int,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    beta: float = 1.0,
    warm_up: int = 0,
    free_bits: float = 0.0,
    n_importance: int = 1,
    draw: Callable[..., Tensor] | None = None,
    average: float | None = None,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[VAE], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    record_every: int = 1,
    label: str = "VAE",
) -> History:
    """Train a VAE in place, by Adam with a learning rate that falls to 0 along half a cosine.

    The loss is -(reconstruction - β·KL), in nats, summed over dimensions and averaged over the batch. Computes
    on one thread: see `training.threads`.

    Args:
        model: on the device of x and of its dtype.
        x: (n, *shape), in memory.
        condition: of a `ConditionalVAE`, one row per row of x.
        n_steps: number of mini-batches.
        batch_size: examples in each, at most n.
        learning_rate: the first one.
        beta: weight of the KL; at 1 the loss is the negative ELBO.
        warm_up: steps over which the weight of the KL rises from 0 to beta.
        free_bits: λ of `free_bits_kl`, nats per dimension that cost nothing.
        n_importance: k; above 1 the loss is the negative `iwae_bound`, for which beta must be 1.
        draw: makes the x of each batch, as `draw(batch, generator=generator)`, such as `data.binarize`.
        average: decay of a moving average of the weights (`training.Average`), which the model has at the
            end in place of its last ones; none if None.
        generator: for mini-batches, `draw` and z; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: steps between saves.
        measure: called as `measure(model)` without gradients, gives numbers by name to record.
        measure_every: steps between those calls; there is one after the last step in any case.
        record_every: steps between the entries of the history.
        label: name of the training, for the progress bar.

    Returns:
        History of "bound" (what is maximised at β = 1, without free bits), and, for k = 1, "reconstruction"
        and "kl": means over the mini-batch, nats; and of what `measure` gave.

    Raises:
        ValueError: for shapes that do not fit, or a number out of range.
        FloatingPointError: if the bound becomes NaN.
        CheckpointError: if the file is damaged or of another training.

    Warns:
        UserWarning: for grey pixels given to a Bernoulli without `draw`.
    """
    check_finite(check_tensor(x, "x"), "x")
    n_steps, warm_up = check_count(n_steps, "n_steps"), check_count(warm_up, "warm_up", minimum=0)
    k = check_count(n_importance, "n_importance")
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    beta, free_bits = check_number(beta, "beta", minimum=0), check_number(free_bits, "free_bits", minimum=0)
    if k > 1 and (beta != 1 or warm_up or free_bits):
        raise ValueError(
            "n_importance above 1 maximises the importance-weighted bound, which has no KL term of its own; "
            "leave beta at 1, and warm_up and free_bits at 0"
        )
    measure_every, record_every = (
        check_count(measure_every, "measure_every"),
        check_count(record_every, "record_every"),
    )
    if draw is None:
        warn_if_grey(model, x)

    batches = training.batches((x, *condition), batch_size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
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
            optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            batch, *conditions = next(batches)
            if draw is not None:
                batch = draw(batch, generator=generator)
            if k > 1:
                weights = importance_log_weights(
                    model, batch, *conditions, n_importance=k, generator=generator
                )
                bound = iwae_bound(weights).mean()
                loss, values = -bound, {"bound": bound}
            else:
                posterior = model.encode(batch, *conditions)
                reconstruction, kl = (
                    part.mean() for part in terms(model, batch, posterior, *conditions, generator=generator)
                )
                weight = beta * min(1.0, (step + 1) / warm_up) if warm_up else beta
                loss = weight * (free_bits_kl(posterior, free_bits) if free_bits else kl) - reconstruction
                values = {"bound": reconstruction - kl, "reconstruction": reconstruction, "kl": kl}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if average is not None:
                averaged.update()
            if (step + 1) % record_every == 0:
                history.record(None, **{name: float(value.detach()) for name, value in values.items()})
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                current: Any = model if average is None else averaged.module
                with torch.no_grad():
                    history.record(None, **measure(current))
    if average is not None:
        model.load_state_dict(averaged.module.state_dict())
    return history
