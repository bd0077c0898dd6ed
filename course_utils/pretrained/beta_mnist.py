"""Seven small VAEs with two numbers in z that differ in one thing: the weight β of the KL.

All of them begin as copies of one VAE, trained with β = 1 for the first third of the steps, so that their maps of
codes can be compared. From there on each is trained with its own β, on the same batches.
"""

import os
from typing import Any

import torch
from torch import nn

from course_utils import training
from course_utils.data import binarize, load_mnist
from course_utils.history import History
from course_utils.networks import start_output_at
from course_utils.seeding import seed_everything
from course_utils.vae import VAE, elbo_terms, mlp_vae

__all__ = ["BETAS", "DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = (
    "MNIST, the 60,000 training images, binarised anew in each batch; figures on the 10,000 test images, binarised "
    "once with seed 0"
)
BETAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SEED = 0
SEEDS = {0: -149.3097}  # test ELBO at β = 1
N_STEPS = 8_000  # 17 epochs of batches of 128
LEARNING_RATE = 2e-3


def build() -> nn.ModuleList:
    """Return the untrained VAEs, one for each of `BETAS`."""
    return nn.ModuleList(small_vae() for _ in BETAS)


def small_vae() -> VAE:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.SiLU(), nn.Linear(64, 4))
    return VAE(encoder, mlp_vae((28, 28), 2, hidden=(64, 64)).decoder, latent_dim=2)


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[nn.ModuleList, History]:
    """Train the family, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images = load_mnist().images
    models = build()
    first: Any = models[BETAS.index(1.0)]
    start_output_at(first.decoder, torch.logit(images.mean(0), eps=1e-3))
    optimizer = torch.optim.Adam(models.parameters(), lr=LEARNING_RATE, fused=True)
    batches = training.batches(images, 128, generator=generator)
    average = training.Average(models, 0.999)
    saved = training.Checkpoint(
        checkpoint, 500, model=models, optimizer=optimizer, batches=batches, average=average
    )
    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label="beta_mnist"):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * training.cosine(step, n_steps)
            if step == n_steps // 3:
                for model in models:
                    model.load_state_dict(first.state_dict())
            x = binarize(next(batches), generator=generator)
            in_training: Any = zip(BETAS, models, strict=True) if step >= n_steps // 3 else [(1.0, first)]
            loss = torch.zeros(())
            for beta, model in in_training:
                reconstruction, kl = elbo_terms(model, x, generator=generator)
                loss = loss + (beta * kl - reconstruction).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update()
            history.record(loss=loss)
    models.load_state_dict(average.module.state_dict())
    return models, history


@torch.no_grad()
def measure(model: nn.ModuleList, *, quick: bool = False) -> dict[str, float]:
    """Return rate and distortion of each on the test set, mean per image."""
    images = binarize(load_mnist("test").images, generator=torch.Generator().manual_seed(0))
    figures: dict[str, float] = {}
    members: Any = zip(BETAS, model, strict=True)
    for beta, member in members:
        terms = elbo_terms(member, images, n_samples=5, generator=torch.Generator().manual_seed(1))
        reconstruction, kl = (part.mean().item() for part in terms)
        figures |= {f"rate at β = {beta:g}, nats": kl, f"distortion at β = {beta:g}, nats": -reconstruction}
        if beta == 1:
            figures["test ELBO at β = 1, nats"] = reconstruction - kl
    return figures
