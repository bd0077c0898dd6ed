"""Plain creatures to striped ones and back, without a pair: the two translators of a CycleGAN."""

import os

import torch
from torch import nn

from course_utils.data import CREATURE_ATTRIBUTES, Creatures, creatures
from course_utils.history import History
from course_utils.metrics import judge
from course_utils.seeding import seed_everything
from course_utils.translation import (
    ResidualTranslator,
    absolute_error,
    fit_cyclegan,
    patch_discriminator,
    translate,
)

__all__ = ["DATA", "LICENCE", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = "5,000 drawn plain creatures and 5,000 other, striped ones; figures on 5,000 further ones of each"
LICENCE = "MIT, as the code that made them, and that drew the creatures"
SEED = 0
SEEDS = {0: 0.9966}  # lowest share: of a pattern that changes, or of another attribute that stays
N_TRAINING, N_TEST = 5_000, 5_000
TEST_SEED = 1_000_000  # of the test creatures, whatever the seed of the training
SHAPE = (3, 24, 24)
N_STEPS = 6_000


def build() -> nn.ModuleDict:
    """Return the untrained translators, "to_striped" and "to_plain"."""
    return nn.ModuleDict({name: ResidualTranslator(SHAPE) for name in ("to_striped", "to_plain")})


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[nn.ModuleDict, History]:
    """Train a CycleGAN, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    plain, striped = _both(N_TRAINING, generator)
    model = build()
    history = fit_cyclegan(
        model["to_striped"],
        model["to_plain"],
        patch_discriminator(SHAPE),
        patch_discriminator(SHAPE),
        plain.images,
        striped.images,
        n_steps=n_steps,
        cycle_weight=3.0,
        loss="relativistic",
        pool_size=0,
        betas=(0.0, 0.99),
        decay_from=0.5,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        label="cyclegan_stripes",
    )
    return model, history


def measure(model: nn.ModuleDict, *, quick: bool = False) -> dict[str, float]:
    """Return how often the pattern changes as it should, each other attribute stays, and what a cycle costs."""
    plain, striped = _both(N_TEST, torch.Generator().manual_seed(TEST_SEED))
    figures: dict[str, float] = {}
    errors: dict[str, float] = {}
    for way, back, test in (("to_striped", "to_plain", plain), ("to_plain", "to_striped", striped)):
        made = translate(model[way], test.images)
        wanted = test.attributes.clone()
        pattern = list(CREATURE_ATTRIBUTES).index("pattern")
        wanted[:, pattern] = CREATURE_ATTRIBUTES["pattern"].index(way.removeprefix("to_"))
        shares = judge("creatures").accuracies(made, wanted)
        figures |= {f"{way}: {name}": share for name, share in shares.items()}
        errors[f"{way} and back, absolute error"] = absolute_error(
            translate(model[back], made), test.images
        ).item()
    figures = {"lowest share of a change or a stay": min(figures.values())} | figures
    return figures | ({} if quick else errors)


def _both(n_samples: int, generator: torch.Generator) -> tuple[Creatures, Creatures]:
    """Plain and striped creatures."""
    plain = creatures(n_samples, only={"pattern": "plain"}, generator=generator)
    return plain, creatures(n_samples, only={"pattern": "striped"}, generator=generator)
