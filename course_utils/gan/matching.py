"""Which condition belongs to which example: a discriminator's sense of it, trained before there is any generator."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from course_utils import training
from course_utils.gan.conditional import ProjectionDiscriminator
from course_utils.history import History
from course_utils.validation import check_count, check_number

__all__ = ["fit_matching", "matching_loss"]


def matching_loss(scores: Tensor) -> Tensor:
    """Cross-entropy of finding each example's own condition among all of a batch, and each condition's own example.

    ½ (-E[log softmax over columns] - E[log softmax over rows]) of the diagonal; log(batch) if all scores are equal.
    The best score is log p(x, c) - log p(x) - log p(c), up to a constant.

    Args:
        scores: (batch, batch), that of example i with condition j in row i and column j.

    Returns:
        (), nats.

    Raises:
        ValueError: if the scores are not square.

    Source: van den Oord, Li and Vinyals (2018), equation 4, in one direction; Radford et al. (2021), figure 3, in both.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError(f"scores must have shape (batch, batch), got {tuple(scores.shape)}")
    own = torch.arange(len(scores), device=scores.device)
    return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2


def fit_matching(
    discriminator: ProjectionDiscriminator,
    x: Tensor,
    conditions: Tensor,
    *,
    n_steps: int,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    generator: Generator | None = None,
    label: str = "matching",
) -> History:
    """Train the projection e(c)·φ(x) to tell which condition belongs to which example, by Adam, on one thread.

    Everything of the discriminator is trained but its unconditional output ψ. Its module `condition` then tells
    conditions apart that look different, and can be copied to a generator.

    Args:
        discriminator: trained in place.
        x: (n, ...).
        conditions: one row each.
        n_steps: mini-batches in all.
        batch_size: examples in each, among whose conditions the right one has to be found.
        learning_rate: at the start; it falls as a cosine.
        generator: of the mini-batches.
        label: name of the training, for the progress bar.

    Returns:
        History of "loss", nats, and "accuracy", the share of examples whose own condition scores highest.

    Raises:
        TypeError: if the discriminator has no projection.
        ValueError: if the lengths differ, or a number is out of range.
    """
    if not isinstance(discriminator, ProjectionDiscriminator):
        raise TypeError(
            f"discriminator must be a ProjectionDiscriminator, got {type(discriminator).__name__}"
        )
    n_steps = check_count(n_steps, "n_steps")
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    batches = training.batches((x, conditions), batch_size, generator=generator)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=learning_rate)
    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, label=label):
            optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            scores = discriminator.pair_scores(*next(batches))  # (batch, batch)
            loss = matching_loss(scores)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            own = torch.arange(len(scores), device=scores.device)
            history.record(loss=loss, accuracy=(scores.argmax(1) == own).float().mean())
    return history
