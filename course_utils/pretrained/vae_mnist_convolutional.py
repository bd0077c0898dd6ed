"""A VAE with convolutions on dynamically binarised MNIST, trained as `vae_mnist` is, but from PyTorch's first weights.

An importance sample costs several times as much as one of `vae_mnist`, so that log p(x) is estimated from 1,000 of
them. Fewer samples can only make the estimate lower, on average.
"""

import os

import torch
from torch import Tensor, nn

from course_utils.history import History
from course_utils.networks import conv_decoder, conv_encoder, mlp, start_output_at
from course_utils.pretrained.vae_mnist import DATA, bounds, fit
from course_utils.vae import VAE

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "first_weights", "measure", "train"]

SEED = 0
SEEDS = {0: -83.9152}  # log p(x) on the test set
N_STEPS = 60_000  # 100 epochs of batches of 100
LATENT_DIM, WIDTH, HIDDEN = 32, 16, 256


def build() -> VAE:
    """Return the untrained VAE: convolutions around linear layers, on each side."""
    encoder = nn.Sequential(
        *conv_encoder((28, 28), HIDDEN, width=WIDTH), nn.SiLU(), nn.Linear(HIDDEN, 2 * LATENT_DIM)
    )
    decoder = nn.Sequential(
        *mlp([LATENT_DIM, HIDDEN], output=nn.SiLU), *conv_decoder(HIDDEN, (28, 28), width=WIDTH)
    )
    return VAE(encoder, decoder, LATENT_DIM)


def first_weights(images: Tensor) -> VAE:
    """Return a VAE with PyTorch's first weights, whose decoder gives the mean image."""
    model = build()
    start_output_at(model.decoder, torch.logit(images.mean(0), eps=1e-3))
    return model


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VAE, History]:
    """Train on the ELBO."""
    how = {
        "batch_size": 100,
        "learning_rate": 2e-3,
        "warm_up": n_steps // 10,
        "label": "vae_mnist_convolutional",
    }
    return fit(first_weights, seed=seed, n_steps=n_steps, checkpoint=checkpoint, **how)


def measure(model: VAE, *, quick: bool = False) -> dict[str, float]:
    """Return the ELBO and log p(x) by 1,000 importance samples on the test set, mean per image."""
    return bounds(model, n_importance=None if quick else 1_000)
