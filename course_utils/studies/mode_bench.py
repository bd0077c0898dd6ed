"""The bench of chapter 6: which remedy makes a small GAN cover a ring of 8 and a grid of 25 Gaussians.

python -m course_utils.studies.mode_bench     into files/mode_bench.json; what is there already is kept

Data and evaluation are those of PacGAN (Lin et al. 2018): 100,000 fixed points, z ~ N(0, I₂), 2,500 samples. The
networks, the same for every remedy, are smaller than theirs. For each remedy four settings are tried, with three seeds
and a short training each; the one with the lowest KL (modes and misses) gets ten seeds and the full number of steps.
The best remedy gets longer trainings at the end, also with other units, more steps of the discriminator, or a slower
generator. All seeds of a setting train at once, as one stack of networks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_utils import training
from course_utils.data import Clusters, gaussian_grid, gaussian_ring
from course_utils.gan import (
    LatentGenerator,
    MinibatchDiscrimination,
    Packed,
    Penalty,
    fit_gan,
    spectrally_normalized,
)
from course_utils.metrics import mode_coverage
from course_utils.networks import Activation, mlp, stack_models
from course_utils.seeding import seed_everything
from course_utils.studies.store import CHECKPOINTS, FOLDER, Store

__all__ = ["LONG", "LONG_REMEDY", "REMEDIES", "Remedy", "main", "players", "results", "score", "train"]

STORE = Store(FOLDER / "mode_bench.json")
DATA: dict[str, tuple[Callable[..., Clusters], float]] = {  # what draws it, and the modes' standard deviation
    "ring": (gaussian_ring, 0.01),
    "grid": (gaussian_grid, 0.05),
}
BATCH = 128
N_STEPS, N_SEEDS = 3_000, 10
N_STEPS_SEARCH, N_SEEDS_SEARCH = 1_000, 3
LEARNING_RATES = (5e-4, 2e-3)
MEASURES = ("n_modes", "high_quality", "reverse_kl", "kl_with_misses", "spread")


class Remedy(NamedTuple):
    """What differs from the plain GAN, and the second thing that the search tries.

    Attributes:
        settings: of `fit_gan`.
        knob: what the search varies beside the learning rate.
        values: the two values that it tries.
    """

    settings: Mapping[str, Any]
    knob: str = "beta_1"
    values: tuple[float, float] = (0.0, 0.5)


REMEDIES = {
    "minimax": Remedy({"loss": "minimax"}),
    "non-saturating": Remedy({}),
    "least squares": Remedy({"loss": "least_squares"}),
    "two time scales": Remedy({}, "ratio of the rates", (3.0, 10.0)),
    "minibatch discrimination": Remedy({}),
    "packing 4": Remedy({}),
    "unrolling 5": Remedy({"n_unrolled": 5}),
    "clipping": Remedy({"loss": "wasserstein"}, "limit", (0.03, 0.1)),
    "gradient penalty": Remedy({"loss": "wasserstein"}, "weight", (1.0, 10.0)),
    "spectral norm": Remedy({"loss": "hinge"}),
    "R1": Remedy({}, "gamma", (0.05, 0.5)),
    "R1 and R2": Remedy({}, "gamma", (0.05, 0.5)),
    "relativistic, R1 and R2": Remedy({"loss": "relativistic"}, "gamma", (0.05, 0.5)),
}
PENALTIES = {
    "gradient penalty": "gradient_penalty",
    "R1": "r1",
    "R1 and R2": "r1_and_r2",
    "relativistic, R1 and R2": "r1_and_r2",
}
LONG_REMEDY = "relativistic, R1 and R2"  # chosen by experiments before the table was made:
LONG = {
    "long": {"n_steps": 100_000, "learning_rate": 2e-3, "knob": 0.05},
    "long, ReLU": {
        "n_steps": 20_000,
        "learning_rate": 2e-3,
        "knob": 0.5,
        "slope": 0.0,
        "falls_to": 1e-4,
        "falls_until": 0.9,
    },
    "long, ReLU, two steps of D": {
        "n_steps": 40_000,
        "learning_rate": 2e-3,
        "knob": 0.2,
        "slope": 0.0,
        "n_critic": 2,
    },
    "long, ReLU, slow G": {
        "n_steps": 60_000,
        "learning_rate": 4e-4,
        "knob": 0.2,
        "slope": 0.0,
        "ratio": 6.0,
        "falls_to": 1e-4,
        "falls_until": 0.9,
        "every": 2,
    },
}
SLOPE = 0.2  # of the leaky ReLU, in every other training


class SideBySide(nn.Module):
    """Models that cannot be stacked, each on its own block of rows."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        """The rows of the first model first."""
        blocks = x.chunk(len(self.models))
        return torch.cat([model(block) for model, block in zip(self.models, blocks, strict=True)])


def players(
    remedy: str,
    n_seeds: int,
    *,
    generator_hidden: Sequence[int] = (64, 64, 64),
    discriminator_hidden: Sequence[int] = (64, 64),
    slope: float = SLOPE,
) -> tuple[LatentGenerator, nn.Module]:
    """As many untrained generators and discriminators as there are seeds, side by side.

    Args:
        remedy: one that changes the discriminator ("packing 4", "minibatch discrimination", "spectral norm"); with any
            other name it is plain.
        n_seeds: networks of each kind.
        generator_hidden: units of the generator's hidden layers.
        discriminator_hidden: units of the discriminator's.
        slope: of the leaky ReLU after each hidden layer; with 0 it is the ReLU.
    """
    activation: Activation = partial(nn.LeakyReLU, slope)
    generators = [
        LatentGenerator(mlp([2, *generator_hidden, 2], activation=activation), latent_dim=2)
        for _ in range(n_seeds)
    ]

    def discriminator() -> Any:
        if remedy == "packing 4":
            return Packed(mlp([8, *discriminator_hidden, 1], activation=activation), 4)
        if remedy == "minibatch discrimination":
            return nn.Sequential(
                *mlp([2, *discriminator_hidden], activation=activation),
                activation(),
                MinibatchDiscrimination(discriminator_hidden[-1], n_kernels=8, kernel_dim=2),
                nn.Linear(discriminator_hidden[-1] + 8, 1),
            )
        return mlp([2, *discriminator_hidden, 1], activation=activation)

    discriminators = [discriminator() for _ in range(n_seeds)]
    if remedy == "spectral norm":
        return stack_models(generators), SideBySide([spectrally_normalized(d) for d in discriminators])
    return stack_models(generators), stack_models(discriminators)


def _falling(gamma: float, falls_to: float, falls_until: float, done: float) -> float:
    """Weight of R1 and R2, which hide details of size σ as long as it is far above σ²."""
    return gamma * falls_to ** min(1.0, done / falls_until)


def train(
    data: str,
    remedy: str,
    *,
    learning_rate: float,
    knob: float,
    n_steps: int,
    n_seeds: int,
    checkpoint: Path,
    slope: float = SLOPE,
    n_critic: int = 1,
    ratio: float = 1.0,
    falls_to: float = 0.001,
    falls_until: float = 0.6,
    every: int = 1,
) -> dict[str, Any]:
    """Train all seeds at once, and measure 2,500 samples of each.

    Args:
        data: "ring" or "grid".
        remedy: a name of `REMEDIES`.
        learning_rate: of the generator.
        knob: value of the remedy's own setting.
        n_steps: rounds of the game.
        n_seeds: networks of each kind.
        checkpoint: a file, from which an interrupted training goes on.
        slope: of the leaky ReLU in both players.
        n_critic: steps of the discriminator in each round.
        ratio: of the discriminator's learning rate to the generator's, unless it is the remedy's own setting.
        falls_to: what is left in the end of the weight of R1 and R2, as a share.
        falls_until: share of the training after which that weight stays at its lowest.
        every: rounds from one penalty to the next, which then weighs as many times more.

    Returns:
        The measures, a list with one number for each seed, and the processor time of a seed in seconds.
    """
    how = REMEDIES[remedy]
    generator = seed_everything(0)
    draw, std = DATA[data]
    points, _, modes = draw(100_000, generator=generator)
    scale = points.std()
    settings: dict[str, Any] = {**how.settings, "betas": (knob if how.knob == "beta_1" else 0.0, 0.99)}
    if how.knob == "limit":
        settings["clip"] = knob
    if how.knob == "ratio of the rates":
        ratio = knob
    if remedy in PENALTIES:
        weight = partial(_falling, knob, falls_to, falls_until) if how.knob == "gamma" else knob
        settings["penalties"] = [Penalty(PENALTIES[remedy], weight, every)]
    generator_network, discriminator = players(remedy, n_seeds, slope=slope)
    fit_gan(
        generator_network,
        discriminator,
        points / scale,
        n_steps=n_steps,
        n_critic=n_critic,
        batch_size=n_seeds * BATCH,
        learning_rate=learning_rate,
        discriminator_learning_rate=ratio * learning_rate,
        decay_from=0.5,
        average=0.999,
        generator=generator,
        record_every=100,
        checkpoint=checkpoint,
        checkpoint_every=500,
        label=f"{data}, {remedy}",
        **settings,
    )
    with torch.no_grad():
        samples = scale * generator_network(generator_network.draw_z(n_seeds * 2_500, generator=generator))
    coverage = mode_coverage(samples.view(n_seeds, 2_500, 2), modes, std)
    measured: dict[str, Any] = {name: getattr(coverage, name).tolist() for name in MEASURES}
    return {**measured, "seconds": torch.load(checkpoint, weights_only=True)["seconds"] / n_seeds}


def results() -> dict[str, Any]:
    """Everything that is stored, by "data | remedy | part".

    Each entry has the setting and the measures, one number for each seed. The part is "search i" (0 to 3), "final", or
    a name of `LONG`.
    """
    return STORE.read()


def score(entry: Mapping[str, Any]) -> float:
    """Mean KL over modes and misses; infinite if the training failed."""
    values = entry.get("kl_with_misses", [math.inf])
    return sum(values) / len(values)


def _entry(data: str, remedy: str, part: str, **setting: Any) -> dict[str, Any]:
    """What is stored, or the outcome of a training; one that ends in NaN is stored as failed."""
    key = f"{data} | {remedy} | {part}"
    checkpoint = CHECKPOINTS / f"{data}-{remedy}-{part}.pt".replace(" ", "_")

    def compute() -> dict[str, Any]:
        try:
            measured = train(data, remedy, checkpoint=checkpoint, **setting)
        except FloatingPointError:
            measured = {"failed": "a loss became NaN"}
        checkpoint.unlink(missing_ok=True)
        return {**setting, **measured}

    return STORE.get(key, compute)


def main() -> None:
    """Run what is not stored yet: the search, ten seeds of each remedy's best setting, and the long trainings."""
    for data, remedy in product(DATA, REMEDIES):
        settings = [
            {"learning_rate": rate, "knob": knob, "n_steps": N_STEPS_SEARCH, "n_seeds": N_SEEDS_SEARCH}
            for rate, knob in product(LEARNING_RATES, REMEDIES[remedy].values)
        ]
        tried = [_entry(data, remedy, f"search {i}", **setting) for i, setting in enumerate(settings)]
        best = min(tried, key=score)
        full = {name: best[name] for name in ("learning_rate", "knob")}
        _entry(data, remedy, "final", n_steps=N_STEPS, n_seeds=N_SEEDS, **full)
    for (part, setting), data in product(LONG.items(), DATA):
        _entry(data, LONG_REMEDY, part, n_seeds=N_SEEDS, **setting)


if __name__ == "__main__":
    with training.threads(1):
        main()
