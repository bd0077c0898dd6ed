"""A conditional GAN of digits: the generator is told the digit, the discriminator gets it by projection.

The players are those of `gan_mnist` but for the condition. Only the generator is stored, with the moving average of
its weights.
"""

import os

import torch

from course_utils.conditions import OneHot
from course_utils.data import load_mnist
from course_utils.gan import (
    ConditionalGenerator,
    Penalty,
    ProjectionDiscriminator,
    conv_discriminator,
    fit_gan,
    pixelshuffle_generator,
)
from course_utils.history import History
from course_utils.metrics import frechet_on_mnist, judge, real_accuracy_after, within_class_distance
from course_utils.seeding import seed_everything

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = (
    "MNIST, the 60,000 training images and their labels; figures on 10,000 samples, 1,000 of each digit, beside the "
    "10,000 test images"
)
SEED = 0
SEEDS = {0: 0.9901}  # the judge's agreement with the digit asked for
N_STEPS = 12_000  # 13 epochs of batches of 64
LATENT_DIM, N_FEATURES = 64, 64


def build() -> ConditionalGenerator:
    """Return the untrained generator."""
    network = pixelshuffle_generator((28, 28), LATENT_DIM + 10, width=16).network
    return ConditionalGenerator(network, LATENT_DIM, OneHot((10,)))


def train(
    *, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]
) -> tuple[ConditionalGenerator, History]:
    """Train a GAN, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images, labels = load_mnist()
    model = build()
    features = conv_discriminator((28, 28), width=32, n_outputs=N_FEATURES)
    history = fit_gan(
        model,
        ProjectionDiscriminator(features, N_FEATURES, OneHot((10,))),
        images,
        conditions=labels,
        n_steps=n_steps,
        batch_size=64,
        penalties=[Penalty("r1", 0.5, every=4)],
        decay_from=0.5,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        checkpoint_every=250,
        label="cgan_mnist",
    )
    return model, history


def measure(model: ConditionalGenerator, *, quick: bool = False) -> dict[str, float]:
    """Return the judge's agreement, the Fréchet distance, the diversity, and what a classifier learns from samples."""
    asked = torch.arange(10).repeat_interleave(1_000)
    samples = model.sample(asked, generator=torch.Generator().manual_seed(1))
    agreement = (judge("mnist").predict(samples) == asked).double()
    figures = {"judge agrees with the digit asked for": agreement.mean().item()}
    if quick:
        return figures
    figures["lowest agreement of a digit"] = agreement.view(10, 1_000).mean(1).min().item()
    figures["Fréchet distance of 10,000 samples to the test images, in floors"] = frechet_on_mnist(
        samples
    ).floors
    for name, pictures, digits in (("samples", samples, asked), ("test images", *load_mnist("test"))):
        figures[f"two {name} of one digit apart, RMS"] = within_class_distance(pictures, digits)
    generator = seed_everything(1)
    many = torch.arange(10).repeat_interleave(6_000)
    drawn = model.sample(many, generator=generator)
    return figures | {
        "test accuracy of a classifier trained on 60,000 samples": real_accuracy_after(
            drawn, many, generator=generator
        ),
        "test accuracy of one trained on the training images": real_accuracy_after(
            *load_mnist(), generator=seed_everything(1)
        ),
    }
