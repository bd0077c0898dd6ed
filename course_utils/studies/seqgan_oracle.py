"""The oracle benchmark of the SeqGAN paper: maximum likelihood under its protocol, then shorter adversarial trainings.

python -m course_utils.studies.seqgan_oracle     into files/seqgan_oracle.json; what is there already is kept

A random LSTM draws 10,000 sequences of 20 tokens out of 5,000. A second LSTM learns from them. Since the first one
is known, it can say how probable it finds what the second one draws. Beside SeqGAN stand two controls, from the same
start: the same game with a baseline, and REINFORCE with one reward for everything; and sampling at lower temperatures.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import training
from course_utils.history import History
from course_utils.seeding import seed_everything
from course_utils.sequences import (
    LSTMModel,
    LSTMOracle,
    SequenceDiscriminator,
    SequenceModel,
    distinct_share,
    fit_mle,
    fit_seqgan,
)
from course_utils.studies.store import CHECKPOINTS, FOLDER, Store

__all__ = [
    "EPOCHS",
    "EPOCH_STEPS",
    "MLE",
    "N_REAL",
    "PUBLISHED",
    "ROUNDS",
    "SEEDS",
    "SEQGAN",
    "TEMPERATURES",
    "VARIANTS",
    "cooled",
    "judged",
    "main",
    "measured",
    "results",
    "train_mle",
    "train_seqgan",
    "world",
]

STORE = Store(FOLDER / "seqgan_oracle.json")
N_REAL, N_MEASURED = 10_000, 2_000
MEASURES = ("oracle_nll", "data_nll", "entropy", "pairs")
BATCH, EPOCHS = 64, 120
EPOCH_STEPS = N_REAL // BATCH
MLE: dict[str, Any] = {"batch_size": BATCH, "learning_rate": 1e-2}
MEASURED_EPOCHS = 5  # from one measurement to the next
# The paper: 200 rounds, each with 16 rollouts and fakes drawn 5 times for 3 epochs of the discriminator.
ROUNDS, MEASURED_ROUNDS, SEEDS = 60, 5, (0, 1, 2)
SEQGAN: dict[str, Any] = {
    "batch_size": BATCH,
    "n_rollouts": 4,
    "n_warm_up": 1_000,
    "n_fakes": N_REAL,
    "n_discriminator": 10,
    "baseline": "none",
    "learning_rate": 1e-2,
    "discriminator_learning_rate": 1e-3,
}
ONE_REWARD = 0.4  # near the mean verdict in the first ten rounds of SeqGAN
VARIANTS: dict[str, dict[str, Any]] = {  # what is changed in each
    "seqgan": {},
    "with a baseline": {"baseline": "mean"},
    "one reward for all": {"n_rollouts": 0},  # every way to finish a sequence has the same value
}
TEMPERATURES = (1.0, 0.95, 0.9, 0.85, 0.8)
# Yu et al. (2017), table 1, and Guo et al. (2018), table 1, for real data. Nats per token, under their oracle.
PUBLISHED = {"random": 10.310, "mle": 9.038, "seqgan": 8.736, "real": 5.750}


def world() -> tuple[LSTMOracle, Tensor, Tensor]:
    """The oracle, the training sequences (10,000, 20), and new ones (2,000, 20); the same at every call."""
    generator = Generator().manual_seed(0)
    oracle = LSTMOracle(generator=generator)
    return oracle, oracle.sample(N_REAL, generator=generator), oracle.sample(N_MEASURED, generator=generator)


@torch.no_grad()
def measured(
    model: SequenceModel, oracle: LSTMOracle, new: Tensor, *, generator: Generator
) -> dict[str, float]:
    """What is measured, on as many samples as there are new sequences.

    Returns:
        "oracle_nll" of the samples under the oracle, and "data_nll" of the oracle's sequences under the model: the
        first forgives a model that draws few things, the second does not. "entropy" of the model. All three in nats per
        token. "pairs", the share of distinct neighbouring pairs in the samples.
    """
    samples = model.sample(len(new), generator=generator)

    def nll(tokens: Tensor) -> float:
        return -float(torch.cat([model.log_prob(part) for part in tokens.split(128)]).mean()) / model.length

    return {
        "oracle_nll": float(oracle.nll(samples).mean()),
        "data_nll": nll(new),
        "entropy": nll(samples),
        "pairs": distinct_share(samples, 2),
    }


def reference() -> dict[str, Any]:
    """The two ends of the scale: the oracle's own sequences, and uniformly random ones."""
    oracle, _, new = world()
    noise = torch.randint(oracle.n_tokens, new.shape, generator=Generator().manual_seed(1))
    return {
        "real": float(oracle.nll(new).mean()),
        "random": float(oracle.nll(noise).mean()),
        "pairs_real": distinct_share(new, 2),
        "n_measured": N_MEASURED,
    }


def train_mle(n_steps: int = EPOCHS * EPOCH_STEPS) -> tuple[LSTMModel, History]:
    """The model after maximum likelihood, and its history; goes on from its checkpoint."""
    oracle, real, new = world()
    generator = seed_everything(0)
    model = LSTMModel(oracle.n_tokens, oracle.length)
    history = fit_mle(
        model,
        real,
        n_steps=n_steps,
        generator=generator,
        measure=partial(measured, oracle=oracle, new=new, generator=generator),
        measure_every=MEASURED_EPOCHS * EPOCH_STEPS,
        record_every=EPOCH_STEPS,
        checkpoint=CHECKPOINTS / "seqgan_oracle_mle.pt",
        label="oracle, maximum likelihood",
        **MLE,
    )
    return model, history


@torch.no_grad()
def judged(
    discriminator: nn.Module, model: SequenceModel, world: tuple[LSTMOracle, Tensor, Tensor]
) -> dict[str, float]:
    """What the verdicts of a discriminator are worth, on 2,000 sequences of each kind.

    Returns:
        "above_new": how often a new sequence of the oracle is found more real than a drawn one, ½ by guessing.
        "above_training": the same for sequences that it was trained on. "correlation" between its logits of drawn
        sequences and their log-probability under the oracle: that is what the generator would have to be told.
    """
    oracle, real, new = world
    drawn = model.sample(len(new), generator=Generator().manual_seed(2))
    discriminator.eval()
    logits, of_new, of_training = (discriminator(tokens) for tokens in (drawn, new, real[: len(new)]))
    both = torch.stack([logits, -oracle.nll(drawn)])
    return {
        "above_new": float((of_new[:, None] > logits).float().mean()),
        "above_training": float((of_training[:, None] > logits).float().mean()),
        "correlation": float(torch.corrcoef(both)[0, 1]),
    }


@torch.no_grad()
def cooled(model: LSTMModel, temperature: float) -> LSTMModel:
    """A copy whose logits are divided by the temperature; below 1 it draws what is probable more often."""
    colder = copy.deepcopy(model)
    for weight in colder.output.parameters():
        weight.div_(temperature)
    return colder


def _one_reward(tokens: Tensor) -> Tensor:
    return torch.full((len(tokens),), ONE_REWARD)


def train_seqgan(
    model: SequenceModel,
    n_steps: int = ROUNDS,
    *,
    variant: str = "seqgan",
    seed: int = 0,
    measure_every: int = MEASURED_ROUNDS,
    **changes: Any,
) -> tuple[nn.Module, History]:
    """Train that model further, in place; goes on from its checkpoint. Returns the discriminator and the history."""
    oracle, real, new = world()
    generator = seed_everything(seed)
    discriminator = SequenceDiscriminator(oracle.n_tokens, oracle.length, n_filters=64, dropout=0.5)
    name = f"{variant} {seed}".replace(" ", "_")
    history = fit_seqgan(
        model,
        discriminator,
        real,
        n_steps=n_steps,
        generator=generator,
        reward=_one_reward if variant == "one reward for all" else None,
        measure=partial(measured, oracle=oracle, new=new, generator=generator),
        measure_every=measure_every,
        checkpoint=CHECKPOINTS / f"seqgan_oracle_{name}.pt",
        label=f"oracle, {variant}, seed {seed}",
        **SEQGAN | VARIANTS[variant] | changes,
    )
    return discriminator, history


def as_lists(history: History) -> dict[str, Any]:
    """What was measured in a training, with the steps counted from 1."""
    series: dict[str, Any] = {name: history[name] for name in MEASURES}
    return series | {"steps": [step + 1 for step in history.steps(MEASURES[0])]}


def mle() -> dict[str, Any]:
    """The entry of the training by maximum likelihood; "train_nll" is a mean over a batch of each epoch in between."""
    model, history = train_mle()
    epochs = [-log_prob / model.length for log_prob in history["log_prob"]]
    last = range(MEASURED_EPOCHS, EPOCHS + 1, MEASURED_EPOCHS)
    train_nll = [sum(epochs[k - MEASURED_EPOCHS : k]) / MEASURED_EPOCHS for k in last]
    return as_lists(history) | {"train_nll": train_nll, "epochs": EPOCHS} | MLE


def temperatures() -> dict[str, Any]:
    """The entry of what lower temperatures alone do to the model after maximum likelihood."""
    model, _ = train_mle()
    oracle, _, new = world()
    found = [
        measured(cooled(model, temperature), oracle, new, generator=Generator().manual_seed(3))
        for temperature in TEMPERATURES
    ]
    return {"temperatures": TEMPERATURES} | {name: [each[name] for each in found] for name in MEASURES}


def further(variant: str, seed: int) -> dict[str, Any]:
    """The entry of a training that starts where maximum likelihood ended."""
    model, _ = train_mle()
    discriminator, history = train_seqgan(model, variant=variant, seed=seed)
    entry = as_lists(history) | {"reward": history["reward"], "rounds": ROUNDS} | SEQGAN | VARIANTS[variant]
    return entry if variant == "one reward for all" else entry | judged(discriminator, model, world())


def results() -> dict[str, Any]:
    """What is stored: "reference", "mle", "temperatures", and "variant | seed" for each of both."""
    return STORE.read()


def main() -> None:
    """Compute what is not stored yet."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "reference": reference,
        "mle": mle,
        "temperatures": temperatures,
    }
    parts |= {
        f"{variant} | {seed}": partial(further, variant, seed) for seed in SEEDS for variant in VARIANTS
    }
    for name, compute in parts.items():
        STORE.get(name, compute)


if __name__ == "__main__":
    with training.threads(1):
        main()
