"""A GAN that collapses on the ring, and what cures it with nothing else changed.

python -m course_utils.studies.collapse     into files/collapse.json; what is there already is kept

Two hidden layers of 64 on each side, non-saturating loss, the discriminator learning at a tenth of the generator's
rate. Each cure changes what its name says. Five seeds train at once.
"""

from functools import partial
from typing import Any

import torch

from course_utils import training
from course_utils.data import gaussian_ring
from course_utils.gan import LatentGenerator, Penalty, fit_gan
from course_utils.metrics import mode_coverage
from course_utils.seeding import seed_everything
from course_utils.studies.mode_bench import players
from course_utils.studies.store import FOLDER, Store

__all__ = ["CURES", "EVERY", "N_STEPS", "PLAIN", "STD", "main", "results", "train"]

STORE = Store(FOLDER / "collapse.json")
STD = 0.01  # of a mode, on a ring of radius 1
BATCH = 128  # examples for each seed
N_SEEDS, N_STEPS = 5, 7_000
EVERY = 500  # rounds from one measurement to the next
PLAIN: dict[str, Any] = {
    "learning_rate": 1e-3,
    "discriminator_learning_rate": 1e-4,
    "betas": (0.5, 0.999),
}
R1_AND_R2 = [Penalty("r1_and_r2", 0.05)]
CURES: dict[str, dict[str, Any]] = {
    "nothing changed": {},
    "packing 4": {},
    "minibatch discrimination": {},
    "unrolling 5": {"n_unrolled": 5},
    "R1 and R2": {"penalties": R1_AND_R2},
    "relativistic, R1 and R2": {"loss": "relativistic", "penalties": R1_AND_R2},
    "averaged generator": {"average": 0.999},
    "equal rates": {"discriminator_learning_rate": 1e-3},
    "equal rates, R1 and R2": {"discriminator_learning_rate": 1e-3, "penalties": R1_AND_R2},
    "beta_1 of 0.9, equal rates": {"discriminator_learning_rate": 1e-3, "betas": (0.9, 0.999)},
}


def train(cure: str, *, n_seeds: int = N_SEEDS, n_steps: int = N_STEPS) -> dict[str, Any]:
    """Train all seeds at once, and measure 2,500 samples of each every 500 steps.

    Returns:
        "n_modes" and "top_mode" (the mode with most samples), one list for each seed with a number for every 500 steps;
        "high_quality" at the end, one number for each seed.
    """
    generator = seed_everything(0)
    points, _, modes = gaussian_ring(100_000, std=STD, generator=generator)
    hidden: dict[str, Any] = {
        "generator_hidden": (64, 64),
        "discriminator_hidden": (64, 64),
        "slope": 0.0,  # the ReLU
    }
    generator_network, discriminator = players(cure, n_seeds, **hidden)
    seen = []

    def measure(network: LatentGenerator) -> dict[str, float]:
        samples = network(network.draw_z(n_seeds * 2_500, generator=generator))
        seen.append(mode_coverage(samples.view(n_seeds, 2_500, 2), modes, STD))
        return {"high_quality": seen[-1].high_quality.mean().item()}

    fit_gan(
        generator_network,
        discriminator,
        points,
        n_steps=n_steps,
        batch_size=n_seeds * BATCH,
        generator=generator,
        measure=measure,
        measure_every=EVERY,
        record_every=100,
        label=cure,
        **PLAIN | CURES[cure],
    )
    return {
        "n_modes": torch.stack([coverage.n_modes for coverage in seen], 1).tolist(),
        "top_mode": torch.stack([coverage.counts.argmax(1) for coverage in seen], 1).tolist(),
        "high_quality": seen[-1].high_quality.tolist(),
    }


def results() -> dict[str, Any]:
    """What is stored, by the name of the cure, as `train` gives it."""
    return STORE.read()


def main() -> None:
    """Train what is not stored yet."""
    for cure in CURES:
        STORE.get(cure, partial(train, cure))


if __name__ == "__main__":
    with training.threads(1):
        main()
