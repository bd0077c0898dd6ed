"""A gated PixelCNN on the code maps of `vqvae_mnist`, told the digit: the prior that makes new digits from codes."""

import os
from typing import Any

import torch
from torch import Tensor

from course_utils import pretrained
from course_utils.autoregressive import GatedPixelCNN, fit_autoregressive, sample
from course_utils.conditions import OneHot
from course_utils.data import load_mnist
from course_utils.history import History
from course_utils.metrics import frechet_on_mnist, judge
from course_utils.networks import apply_in_batches
from course_utils.seeding import seed_everything

__all__ = ["DATA", "N_STEPS", "SEED", "SEEDS", "build", "codes_of", "measure", "train"]

DATA = (
    "the codes that vqvae_mnist gives the 60,000 training images of MNIST, and their labels; figures on the codes of "
    "the 10,000 test images, and on 10,000 decoded samples, 1,000 of each digit"
)
SEED = 0
SEEDS = {0: 3.5166}  # Fréchet distance of the samples to the test images, in floors
N_STEPS = 7_500  # 8 epochs of batches of 64


def build() -> GatedPixelCNN:
    """Return the untrained model."""
    return GatedPixelCNN(
        (7, 7), width=64, n_blocks=6, first_kernel=5, n_levels=64, as_one_hot=True, condition=OneHot((10,))
    )


def codes_of(split: str) -> Tensor:
    """Codes (n, 7, 7) of the images of a part of MNIST, "train" or "test"."""
    model: Any = pretrained.load("vqvae_mnist")
    with torch.no_grad():
        return apply_in_batches(model.encode, load_mnist(split).images[:, None])


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[GatedPixelCNN, History]:
    """Train by maximum likelihood, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    codes = codes_of("train")
    model = build()
    model.start_at_frequencies(codes)
    history = fit_autoregressive(
        model,
        codes,
        load_mnist().labels,
        n_steps=n_steps,
        batch_size=64,
        warm_up=200,
        average=0.999,
        generator=generator,
        checkpoint=checkpoint,
        checkpoint_every=250,
        record_every=50,
        label="vqvae_prior_mnist",
    )
    return model, history


@torch.no_grad()
def measure(model: GatedPixelCNN, *, quick: bool = False) -> dict[str, float]:
    """Return log p(codes) given the digit, the judge's agreement, and the Fréchet distance of decoded samples."""
    codes, labels = codes_of("test"), load_mnist("test").labels
    if quick:
        return {
            "log p(codes) of the first 500 test images, nats": model.log_prob(codes[:500], labels[:500])
            .mean()
            .item()
        }
    parts = zip(codes.split(500), labels.split(500), strict=True)
    nats = torch.cat([model.log_prob(*part) for part in parts])
    asked = torch.arange(10).repeat_interleave(1_000)
    sampled = sample(model, len(asked), asked, generator=torch.Generator().manual_seed(1))
    decoder: Any = pretrained.load("vqvae_mnist")
    images = apply_in_batches(decoder.decode, sampled)[:, 0]
    agreement = (judge("mnist").predict(images) == asked).double()
    return {
        "log p(codes) of the first 500 test images, nats": nats[:500].mean().item(),
        "test log p(codes), nats": nats.mean().item(),
        "judge agrees with the digit asked for": agreement.mean().item(),
        "lowest agreement of a digit": agreement.view(10, 1_000).mean(1).min().item(),
        "Fréchet distance of 10,000 samples to the test images, in floors": frechet_on_mnist(images).floors,
    }
