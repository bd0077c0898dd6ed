"""The network of `vae_mnist`, trained on from its weights on the importance-weighted bound with k = 5 (Burda 2015)."""

import os

from torch import Tensor

from course_utils import weights
from course_utils.history import History
from course_utils.pretrained.vae_mnist import DATA, build, fit, measure
from course_utils.vae import VAE

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "first_weights", "measure", "train"]

SEED = 0
SEEDS = {0: -84.8594}  # log p(x) on the test set
N_STEPS = 60_000  # 100 epochs of batches of 100, after the 500 of vae_mnist


def first_weights(images: Tensor) -> VAE:
    """Return the stored `vae_mnist`, to be trained on; it needs no images."""
    return weights.load("vae_mnist", build).requires_grad_(True).train()


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VAE, History]:
    """Train on the importance-weighted bound, from the stored weights of `vae_mnist`."""
    how = {"batch_size": 100, "learning_rate": 5e-4, "n_importance": 5, "label": "iwae_mnist"}
    return fit(first_weights, seed=seed, n_steps=n_steps, checkpoint=checkpoint, **how)
