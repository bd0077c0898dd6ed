"""A vector-quantised autoencoder of digits: 7×7 codes of 64 in place of 784 pixels."""

import os

import torch

from course_utils.data import load_mnist
from course_utils.history import History
from course_utils.metrics import frechet_on_mnist
from course_utils.networks import apply_in_batches
from course_utils.seeding import seed_everything
from course_utils.vqvae import VQVAE, fit_vqvae, perplexity

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = "MNIST, the 60,000 training images; figures on the 10,000 test images"
SEED = 0
SEEDS = {0: 0.7356}  # Fréchet distance of the test images' reconstructions to the test images, in floors
N_STEPS = 10_000  # 11 epochs of batches of 64


def build() -> VQVAE:
    """Return the untrained model."""
    return VQVAE((1, 28, 28), n_codes=64, dim=16, width=32)


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[VQVAE, History]:
    """Train, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    model = build()
    history = fit_vqvae(
        model,
        load_mnist().images[:, None],
        n_steps=n_steps,
        generator=generator,
        checkpoint=checkpoint,
        label="vqvae_mnist",
    )
    return model, history


@torch.no_grad()
def measure(model: VQVAE, *, quick: bool = False) -> dict[str, float]:
    """Return the squared error, the perplexity of the codes, and the Fréchet distance of the reconstructions."""
    images = load_mnist("test").images[:, None]
    codes = apply_in_batches(model.encode, images)
    reconstructions = apply_in_batches(model.decode, codes)
    figures = {
        "squared error, summed over pixels": (reconstructions - images)
        .square()
        .flatten(1)
        .sum(1)
        .mean()
        .item(),
        "perplexity of the codes": perplexity(codes, model.n_codes).item(),
    }
    if quick:
        return figures
    score = frechet_on_mnist(reconstructions[:, 0])
    return figures | {"Fréchet distance of reconstructions to the test images, in floors": score.floors}
