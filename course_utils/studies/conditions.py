"""Three ways to tell a discriminator the digit, each with and without wrong pairs as fakes, over several seeds.

python -m course_utils.studies.conditions     into files/conditions.json; what is there already is kept

Digits of 16×16, which train in seconds, and a judge of their own.
"""

from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from course_utils import training
from course_utils.conditions import Embedding, OneHot
from course_utils.data import Images, load_mnist
from course_utils.gan import (
    ConcatDiscriminator,
    ConditionalGenerator,
    Penalty,
    ProjectionDiscriminator,
    conv_discriminator,
    fit_gan,
    pixelshuffle_generator,
)
from course_utils.metrics import within_class_distance
from course_utils.metrics.judges import Judge, fit_judge
from course_utils.seeding import seed_everything
from course_utils.studies.store import FOLDER, Store

__all__ = [
    "N_SEEDS",
    "N_STEPS",
    "SETTINGS",
    "WAYS",
    "BlindDiscriminator",
    "discriminator",
    "generator_network",
    "main",
    "results",
    "small_digits",
    "small_judge",
    "train",
]

STORE = Store(FOLDER / "conditions.json")
WAYS = ("not told", "one-hot, joined", "embedded, joined", "projection")
N_SEEDS, N_STEPS = 3, 600
SIDE, N_FEATURES, EMBEDDING_DIM = 16, 64, 16
SETTINGS: dict[str, Any] = {  # of every training
    "batch_size": 64,
    "learning_rate": 2e-3,
    "penalties": [Penalty("r1", 0.5, every=4)],
    "decay_from": 0.5,
    "average": 0.99,
}


@cache
def small_digits(part: str = "train") -> Images:
    """MNIST with a border of 2 pixels, at half the size: images (n, 16, 16) in [0, 1], and labels (n,)."""
    images, labels = load_mnist(part)
    return Images(avg_pool2d(pad(images[:, None], (2, 2, 2, 2)), 2)[:, 0], labels)


def small_judge(n_steps: int = 500) -> Judge:
    """Train a judge of small digits, seeded."""
    generator = seed_everything(0)
    hidden = nn.Sequential(
        nn.Unflatten(1, (1, SIDE)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (n, 16, 8, 8)
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    judge = Judge(hidden, nn.Linear(32 * 4 * 4, 10), (SIDE, SIDE))
    fit_judge(judge, *small_digits(), n_steps=n_steps, generator=generator)
    return judge.eval()


class BlindDiscriminator(nn.Module):
    """A discriminator D(x, c) that pays no attention to c."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Logits (batch, 1) for x (batch, ...)."""
        return self.network(x)


def generator_network() -> ConditionalGenerator:
    """The generator of every training, untrained."""
    network = pixelshuffle_generator((SIDE, SIDE), 64 + 10).network
    return ConditionalGenerator(network, 64, OneHot((10,)))


def discriminator(way: str) -> nn.Module:
    """The discriminator that is told the digit in one of the `WAYS`, untrained."""
    if way == "projection":
        features = conv_discriminator((SIDE, SIDE), n_outputs=N_FEATURES)
        return ProjectionDiscriminator(features, N_FEATURES, OneHot((10,)))
    if way == "not told":
        return BlindDiscriminator(conv_discriminator((SIDE, SIDE)))
    condition = OneHot((10,)) if way == "one-hot, joined" else Embedding((10,), EMBEDDING_DIM)
    return ConcatDiscriminator(conv_discriminator((1 + condition.dim, SIDE, SIDE)), condition)


def train(way: str, *, mismatched: bool, seed: int, judge: Judge, n_steps: int = N_STEPS) -> dict[str, Any]:
    """Train one GAN; return "agreement" of the judge with the digit asked for, and "apart", two images of one digit."""
    generator = seed_everything(seed)
    images, labels = small_digits()
    model = generator_network()
    fit_gan(
        model,
        discriminator(way),
        images,
        conditions=labels,
        mismatched=mismatched,
        n_steps=n_steps,
        generator=generator,
        label=way,
        **SETTINGS,
    )
    asked = torch.arange(10).repeat_interleave(300)
    made = model.sample(asked, generator=generator)
    return {
        "agreement": (judge.predict(made) == asked).double().mean().item(),
        "apart": within_class_distance(made, asked),
    }


def results() -> dict[str, Any]:
    """What is stored, by "way | pairs | seed", pairs being "right" or "right and wrong".

    Also "test images": what `train` returns, for the real test images, with their labels.
    """
    return STORE.read()


def main() -> None:
    """Train what is not stored yet."""
    judge = small_judge()
    images, labels = small_digits("test")
    agreement = (judge.predict(images) == labels).double().mean().item()
    real = {"agreement": agreement, "apart": within_class_distance(images, labels)}
    STORE.get("test images", lambda: real)
    for way in WAYS:
        for mismatched in (False, True) if way != "not told" else (False,):
            pairs = "right and wrong" if mismatched else "right"
            for seed in range(N_SEEDS):
                how = partial(train, way, mismatched=mismatched, seed=seed, judge=judge)
                STORE.get(f"{way} | {pairs} | {seed}", how)


if __name__ == "__main__":
    with training.threads(1):
        main()
