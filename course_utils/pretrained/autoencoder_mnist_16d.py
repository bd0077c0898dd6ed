"""An autoencoder that becomes a generator once a mixture of Gaussians is fitted to its codes."""

import os

import torch

from course_utils.autoencoders import Autoencoder, fit_autoencoder, mlp_autoencoder, squared_error
from course_utils.data import load_mnist
from course_utils.history import History
from course_utils.metrics import judge
from course_utils.mixtures import fit_em, sample_mixture
from course_utils.networks import apply_in_batches, start_output_at
from course_utils.seeding import seed_everything

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = "MNIST, the 60,000 training images; figures on the 10,000 test images, and on 10,000 samples"
SEED = 0
SEEDS = {0: 5.0359, 1: 4.9717}  # test squared error per image
N_STEPS = 12_000  # 51 epochs


def build() -> Autoencoder:
    """Return the untrained autoencoder."""
    return mlp_autoencoder((28, 28), 16, hidden=(400, 200))


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[Autoencoder, History]:
    """Train an autoencoder, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images = load_mnist().images
    model = build()
    start_output_at(model.decoder, images.mean(0))
    history = fit_autoencoder(
        model,
        images,
        n_steps=n_steps,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        label="autoencoder_mnist_16d",
    )
    return model, history


def measure(model: Autoencoder, *, quick: bool = False) -> dict[str, float]:
    """Return the test error, and the shares of decoded samples that the judge is over 90 % sure of."""
    images = load_mnist("test").images
    reconstructions = apply_in_batches(model, images)
    figures = {"test squared error per image": squared_error(images, reconstructions).mean().item()}
    if quick:
        return figures
    generator = torch.Generator().manual_seed(0)
    codes = apply_in_batches(model.encode, load_mnist().images)
    samples = {"N(0, I)": torch.randn(len(images), model.latent_dim, generator=generator)}
    for n_components, name in ((1, "one fitted Gaussian"), (100, "a fitted mixture of 100")):
        parameters, _ = fit_em(codes, n_components, generator=generator)
        samples[name] = sample_mixture(parameters, len(images), generator=generator).points
    sure = judge("mnist").share_sure
    figures["judge sure of test reconstructions"] = sure(reconstructions)
    for name, z in samples.items():
        figures[f"judge sure of {name}"] = sure(apply_in_batches(model.decode, z))
    return figures
