"""Digits on a map: the VAE with two numbers in z, twin of `autoencoder_mnist_2d`."""

import os

import torch

from course_utils.data import binarize, load_mnist
from course_utils.history import History
from course_utils.networks import start_output_at
from course_utils.seeding import seed_everything
from course_utils.vae import VAE, elbo_terms, fit_vae, mlp_vae

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = (
    "MNIST, the 60,000 training images, binarised anew in each batch; figures on the 10,000 test images, binarised "
    "once with seed 0"
)
SEED = 0
SEEDS = {0: -137.6334}  # test ELBO
N_STEPS = 6_000  # 13 epochs of batches of 128


def build() -> VAE:
    """Return the untrained VAE."""
    return mlp_vae((28, 28), 2, hidden=(400, 200, 100))


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VAE, History]:
    """Train a VAE, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images = load_mnist().images
    model = build()
    start_output_at(model.decoder, torch.logit(images.mean(0), eps=1e-3))
    history = fit_vae(
        model,
        images,
        n_steps=n_steps,
        batch_size=128,
        draw=binarize,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        label="vae_mnist_2d",
    )
    return model, history


@torch.no_grad()
def measure(model: VAE, *, quick: bool = False) -> dict[str, float]:
    """Return the ELBO of the test set and its two terms, mean per image."""
    images = binarize(load_mnist("test").images, generator=torch.Generator().manual_seed(0))
    terms = elbo_terms(model, images, n_samples=5, generator=torch.Generator().manual_seed(1))
    reconstruction, kl = (part.mean().item() for part in terms)
    return {
        "test ELBO, nats": reconstruction - kl,
        "test reconstruction, nats": reconstruction,
        "test KL, nats": kl,
    }
