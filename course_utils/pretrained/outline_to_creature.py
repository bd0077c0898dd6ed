"""Outlines to creatures: pix2pix on pairs, in which colour and time of day are for the translator to choose."""

import os

import torch

from course_utils.data import CREATURE_ATTRIBUTES, outlined_creatures
from course_utils.history import History
from course_utils.metrics import judge
from course_utils.seeding import seed_everything
from course_utils.translation import UNet, absolute_error, fit_pix2pix, patch_discriminator, translate

__all__ = ["DATA", "LICENCE", "N_STEPS", "SEED", "SEEDS", "VISIBLE", "build", "measure", "train"]

DATA = "20,000 drawn creatures and their outlines; figures on 5,000 other pairs"
LICENCE = "MIT, as the code that made them, and that drew the creatures"
SEED = 0
SEEDS = {0: 0.8418}  # lowest agreement of an attribute that the outline shows
N_TRAINING, N_TEST = 20_000, 5_000
TEST_SEED = 1_000_000  # of the test creatures, whatever the seed of the training
VISIBLE = ("size", "body", "pattern", "eyes", "horns")
N_STEPS = 16_000


def build() -> UNet:
    """Return the untrained translator."""
    return UNet((24, 24), (3, 24, 24), width=24)


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[UNet, History]:
    """Train by pix2pix, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    outlines, images, _ = outlined_creatures(N_TRAINING, generator=generator)
    model = build()
    history = fit_pix2pix(
        model,
        patch_discriminator((4, 24, 24), width=32),
        outlines,
        images,
        n_steps=n_steps,
        l1_weight=10.0,
        loss="relativistic",
        betas=(0.0, 0.99),
        decay_from=0.5,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        label="outline_to_creature",
    )
    return model, history


def measure(model: UNet, *, quick: bool = False) -> dict[str, float]:
    """Return how often the judge sees what the outline shows, and what the translator chose where it shows nothing."""
    test = outlined_creatures(N_TEST, generator=torch.Generator().manual_seed(TEST_SEED))
    made = translate(model, test.outlines)
    reader = judge("creatures")
    agreement = reader.accuracies(made, test.attributes)
    figures = {"lowest agreement of a visible attribute": min(agreement[name] for name in VISIBLE)}
    if quick:
        return figures
    seen = reader.predict(made)
    figures |= {f"agreement, {name}": agreement[name] for name in VISIBLE}
    for name in ("colour", "time"):
        column = seen[:, list(CREATURE_ATTRIBUTES).index(name)]
        for value, kind in enumerate(CREATURE_ATTRIBUTES[name]):
            figures[f"share, {kind}"] = (column == value).double().mean().item()
    return figures | {
        "absolute error": absolute_error(made, test.images).item(),
        "sharpness": _sharpness(made),
        "sharpness of the true images": _sharpness(test.images),
    }


def _sharpness(images: torch.Tensor) -> float:
    """Share of steps from one pixel to the next that are above 0.3."""
    return (images.diff(dim=2).abs() > 0.3).double().mean().item()
