"""A VQ-VAE of two levels on creatures: 3×3 top codes and 6×6 bottom codes of 64 each."""

import os

import torch

from course_utils.data import creatures
from course_utils.history import History
from course_utils.metrics import judge
from course_utils.seeding import seed_everything
from course_utils.vqvae import TwoLevelVQVAE, TwoMaps, fit_vqvae, perplexity

__all__ = ["DATA", "LICENCE", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = "20,000 drawn creatures of 24×24 pixels; figures on 1,000 others"
LICENCE = "MIT, as the code that made them, and that drew the creatures"
SEED = 0
SEEDS = {0: 11.8895}  # squared error, summed over pixels and channels
N_STEPS = 6_000  # 19 epochs of batches of 64


def build() -> TwoLevelVQVAE:
    """Return the untrained model."""
    return TwoLevelVQVAE((3, 24, 24), n_codes=64, dim=16, width=32)


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[TwoLevelVQVAE, History]:
    """Train, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images = creatures(20_000, generator=generator).images
    model = build()
    history = fit_vqvae(
        model, images, n_steps=n_steps, generator=generator, checkpoint=checkpoint, label="vqvae_creatures"
    )
    return model, history


@torch.no_grad()
def measure(model: TwoLevelVQVAE, *, quick: bool = False) -> dict[str, float]:
    """Return the squared error, the perplexities, and what a judge sees, also where top codes were exchanged."""
    generator = torch.Generator().manual_seed(1)
    images, attributes = creatures(1_000, generator=generator)[:2]
    maps = model.encode(images)
    reconstructions = model.decode(maps)
    squared = (reconstructions - images).square().flatten(1).sum(1).mean().item()
    figures = {"squared error, summed over pixels and channels": squared}
    if quick:
        return figures
    for level, codes in zip(("top", "bottom"), maps, strict=True):
        figures[f"perplexity of the {level} codes"] = perplexity(codes, model.n_codes).item()
    order = torch.randperm(len(images), generator=generator)
    exchanged = model.decode(TwoMaps(maps.top[order], maps.bottom))
    for name, pictures, wanted in (
        ("reconstruction", reconstructions, attributes),
        ("exchanged, the top's", exchanged, attributes[order]),
        ("exchanged, the bottom's", exchanged, attributes),
    ):
        for attribute, share in judge("creatures").accuracies(pictures, wanted).items():
            figures[f"{name} {attribute}"] = share
    return figures
