"""A gated PixelCNN on dynamically binarised MNIST."""

import os

import torch

from course_utils.autoregressive import GatedPixelCNN, fit_autoregressive
from course_utils.data import binarize, load_mnist
from course_utils.history import History
from course_utils.networks import apply_in_batches
from course_utils.seeding import seed_everything

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = (
    "MNIST, the 60,000 training images, binarised anew in each batch; figures on the 10,000 test images, binarised "
    "once with seed 0"
)
SEED = 0
SEEDS = {0: -83.2577}  # log p(x) on the test set, nats
N_STEPS = 6_000  # of 16 images: 1.6 epochs


def build() -> GatedPixelCNN:
    """Return the untrained model."""
    return GatedPixelCNN((28, 28), width=32, n_blocks=6, dilations=(1, 2, 4))


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[GatedPixelCNN, History]:
    """Train by maximum likelihood, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images = load_mnist().images
    model = build()
    model.start_at_frequencies(images)
    history = fit_autoregressive(
        model,
        images,
        n_steps=n_steps,
        learning_rate=2e-3,
        warm_up=200,
        max_gradient=50.0,
        draw=binarize,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        record_every=50,
        label="pixelcnn_mnist",
    )
    return model, history


def measure(model: GatedPixelCNN, *, quick: bool = False) -> dict[str, float]:
    """Return log p(x) on the test set, mean per image, and on its first 500 images alone."""
    images = binarize(load_mnist("test").images, generator=torch.Generator().manual_seed(0))
    few = apply_in_batches(model.log_prob, images[:500], size=50).mean().item()
    figures = {"log p(x) of the first 500 test images, nats": few}
    if quick:
        return figures
    figures["test log p(x), nats"] = apply_in_batches(model.log_prob, images, size=50).mean().item()
    return figures
