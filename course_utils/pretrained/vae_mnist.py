"""The VAE of Burda et al. (2015) on dynamically binarised MNIST: z of 50, two layers of 200 on each side.

It begins with Glorot's weights, and the weight of the KL rises over the first tenth of the training; `vae_mnist_silent`
shows what happens without.
"""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import binarize, load_mnist
from course_utils.history import History
from course_utils.networks import start_output_at
from course_utils.seeding import seed_everything
from course_utils.vae import VAE, elbo, fit_vae, log_marginal_likelihood, mlp_vae

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "bounds", "build", "first_weights", "fit", "measure", "train"]

DATA = (
    "MNIST, the 60,000 training images, binarised anew in each batch; figures on the 10,000 test images, binarised "
    "once with seed 0"
)
SEED = 0
SEEDS = {0: -85.6292}  # log p(x) on the test set
N_STEPS = 300_000  # 500 epochs of batches of 100


def build() -> VAE:
    """Return the untrained VAE."""
    return mlp_vae((28, 28), 50, hidden=(200, 200))


def first_weights(images: Tensor) -> VAE:
    """Return a VAE with Glorot's first weights, whose decoder gives the mean image."""
    model = build()
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    start_output_at(model.decoder, torch.logit(images.mean(0), eps=1e-3))
    return model


def fit(
    start: Callable[[Tensor], VAE],
    *,
    seed: int,
    n_steps: int,
    checkpoint: str | os.PathLike[str],
    **settings: Any,
) -> tuple[VAE, History]:
    """Train what `start` makes from the images; `settings` are those of `fit_vae`."""
    generator = seed_everything(seed)
    images = load_mnist().images
    model = start(images)
    history = fit_vae(
        model,
        images,
        n_steps=n_steps,
        draw=binarize,
        average=0.9999,
        generator=generator,
        checkpoint=checkpoint,
        checkpoint_every=2_000,
        record_every=1_000,
        **settings,
    )
    return model, history


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VAE, History]:
    """Train on the ELBO."""
    how = {"batch_size": 100, "learning_rate": 2e-3, "warm_up": n_steps // 10, "label": "vae_mnist"}
    return fit(first_weights, seed=seed, n_steps=n_steps, checkpoint=checkpoint, **how)


def measure(model: VAE, *, quick: bool = False) -> dict[str, float]:
    """Return the ELBO and log p(x) by 5,000 importance samples on the test set, mean per image."""
    return bounds(model, n_importance=None if quick else 5_000)


def bounds(model: VAE, *, n_importance: int | None) -> dict[str, float]:
    """Return the ELBO, and log p(x) by so many importance samples, on the test set, mean per image."""
    images = binarize(load_mnist("test").images, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        figures = {"test ELBO, nats": elbo(model, images, n_samples=5, generator=generator).mean().item()}
    if n_importance is None:
        return figures
    estimate = log_marginal_likelihood(model, images, n_importance=n_importance, generator=generator)
    figures[f"test log p(x) by {n_importance:,} importance samples, nats"] = estimate.log_prob.mean().item()
    return figures
