"""The network of `vae_mnist` from PyTorch's first weights, with the full KL from the first step: few units are used."""

import os

import torch
from torch import Tensor

from course_utils.history import History
from course_utils.networks import start_output_at
from course_utils.pretrained.vae_mnist import DATA, build, fit, measure
from course_utils.vae import VAE

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "first_weights", "measure", "train"]

SEED = 0
SEEDS = {0: -90.3767}  # log p(x) on the test set
N_STEPS = 1_000_000  # 333 epochs of batches of 20


def first_weights(images: Tensor) -> VAE:
    """Return a VAE with PyTorch's first weights, whose decoder gives the mean image."""
    model = build()
    start_output_at(model.decoder, torch.logit(images.mean(0), eps=1e-3))
    return model


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VAE, History]:
    """Train on the ELBO, without a warm-up."""
    how = {"batch_size": 20, "learning_rate": 1e-3, "label": "vae_mnist_silent"}
    return fit(first_weights, seed=seed, n_steps=n_steps, checkpoint=checkpoint, **how)
