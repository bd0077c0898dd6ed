"""A gated PixelCNN of creatures in colour, eight levels for each of red, green and blue, told all seven attributes."""

import os

import torch
from torch import Tensor

from course_utils.autoregressive import GatedPixelCNN, fit_autoregressive, sample
from course_utils.conditions import OneHot
from course_utils.data import CREATURE_ATTRIBUTES, creatures
from course_utils.history import History
from course_utils.metrics import judge
from course_utils.seeding import seed_everything

__all__ = [
    "DATA",
    "LICENCE",
    "N_LEVELS",
    "N_STEPS",
    "SEED",
    "SEEDS",
    "as_levels",
    "build",
    "measure",
    "train",
]

DATA = "20,000 drawn creatures of 24×24 pixels, rounded to 8 levels; figures on 500 others"
LICENCE = "MIT, as the code that made them, and that drew the creatures"
SEED = 0
SEEDS = {0: -471.3851}  # log p(x | attributes) of creatures not seen, nats
N_STEPS = 3_750  # of 16 images: 3 epochs
N_LEVELS = 8


def build() -> GatedPixelCNN:
    """Return the untrained model."""
    condition = OneHot([len(values) for values in CREATURE_ATTRIBUTES.values()])
    return GatedPixelCNN(
        (3, 24, 24), width=48, n_blocks=6, dilations=(1, 2, 4), n_levels=N_LEVELS, condition=condition
    )


def as_levels(images: Tensor) -> Tensor:
    """The nearest of 8 evenly spaced levels, 0 to 7, for images in [0, 1]."""
    return (images * (N_LEVELS - 1)).round().long()


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[GatedPixelCNN, History]:
    """Train by maximum likelihood, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images, attributes, _ = creatures(20_000, generator=generator)
    levels = as_levels(images)
    model = build()
    model.start_at_frequencies(levels)
    history = fit_autoregressive(
        model,
        levels,
        attributes,
        n_steps=n_steps,
        warm_up=200,
        average=0.998,
        generator=generator,
        checkpoint=checkpoint,
        checkpoint_every=250,
        record_every=50,
        label="pixelcnn_creatures",
    )
    return model, history


@torch.no_grad()
def measure(model: GatedPixelCNN, *, quick: bool = False) -> dict[str, float]:
    """Return log p(x | attributes), also with another creature's attributes, and what a judge sees in samples."""
    generator = torch.Generator().manual_seed(1)
    images, attributes, _ = creatures(500, generator=generator)
    levels = as_levels(images)

    def nats(told: Tensor) -> Tensor:
        parts = zip(levels.split(50), told.split(50), strict=True)
        return torch.cat([model.log_prob(*part) for part in parts])

    if quick:
        return {
            "log p(x | attributes) of the first 50, nats": model.log_prob(levels[:50], attributes[:50])
            .mean()
            .item()
        }
    told = nats(attributes)
    figures = {
        "log p(x | attributes) of the first 50, nats": told[:50].mean().item(),
        "log p(x | attributes), nats": told.mean().item(),
        "log p(x | attributes of another), nats": nats(attributes.roll(1, 0)).mean().item(),
    }
    drawn = sample(model, len(attributes), attributes, generator=generator)
    seen = judge("creatures").accuracies(drawn / (N_LEVELS - 1), attributes)
    limit = judge("creatures").accuracies(levels / (N_LEVELS - 1), attributes)
    figures |= {f"samples: {name}": share for name, share in seen.items()}
    return figures | {f"real ones, rounded: {name}": share for name, share in limit.items()}
