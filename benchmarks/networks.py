"""Two choices behind `course_utils.networks`, measured: one thread or more, and how a decoder enlarges a picture.

python -m benchmarks.networks     into benchmarks/results/networks.md
"""

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import nn

from benchmarks.measure import RESULTS, machine, seconds
from course_utils import training
from course_utils.autoencoders import (
    Autoencoder,
    conv_autoencoder,
    fit_autoencoder,
    mlp_autoencoder,
    squared_error,
)
from course_utils.data import load_mnist
from course_utils.networks import apply_in_batches, conv_decoder, conv_encoder, mlp
from course_utils.seeding import seed_everything

ROUNDS = 11
BATCH = 256
STEPS = 400
SEEDS = (0, 1, 2)
INTRODUCTION = f"""# Networks

Written by `make bench`.

## Threads

Milliseconds per training step (forward, backward, Adam), the variants in turn in one process, median of {ROUNDS}
rounds.
"Busy": the same beside a second process that computes without end.
"""
DECODERS = f"""
## PixelShuffle or transposed convolutions

Two decoders from 16 numbers to 28×28 with about equally many parameters, each behind the same encoder, trained as
autoencoders of MNIST for {STEPS:,} steps of {BATCH}, one thread, seeds {", ".join(map(str, SEEDS))}. Seconds are
processor time of the whole training.

| decoder | parameters | ms per step of the decoder alone | seconds | test squared error per image, by seed |
|---|---|---|---|---|"""


def transposed_decoder(latent_dim: int) -> nn.Sequential:
    """Mirror of a strided encoder, as DCGAN has it: 4×4 transposed convolutions of stride 2."""
    return nn.Sequential(
        nn.Linear(latent_dim, 32 * 7 * 7),
        nn.SiLU(),
        nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 36, 4, 2, 1),
        nn.SiLU(),
        nn.ConvTranspose2d(36, 1, 4, 2, 1),
        nn.Sigmoid(),
        nn.Flatten(1, 2),
    )


@torch.no_grad()
def start_at(decoder: nn.Sequential, mean: float) -> nn.Sequential:
    """Let an untrained decoder give the mean pixel everywhere; from ½ it falls to 0, and the sigmoid stays there."""
    last = [layer for layer in decoder if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)][-1]
    last.bias.fill_(math.log(mean / (1 - mean)))
    return decoder


def step_of(network: nn.Module, x: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    """One training step of a network from x to the target."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        loss = squared_error(target, network(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def milliseconds(cases: dict[str, tuple[int, Callable[[], None]]], repeats: int) -> dict[str, float]:
    """Median time of a call of each case, threads and function, the cases in turn."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (n_threads, work) in cases.items():
            with training.threads(n_threads):
                work()
                took[name].append(seconds(lambda work=work: [work() for _ in range(repeats)]) / repeats)
    return {name: 1e3 * statistics.median(values) for name, values in took.items()}


def thread_lines() -> Iterator[str]:
    """Rows of the table on threads."""
    images = load_mnist("test").images
    x, points = images[:BATCH], torch.randn(BATCH, 2)
    n_threads = torch.get_num_threads()
    cases = {
        "MLP 784-400-200-16 and back, batch 256": (step_of(mlp_autoencoder((28, 28), 16), x, x), 10),
        "convolutional autoencoder, batch 256": (step_of(conv_autoencoder((28, 28), 16), x, x), 5),
        "MLP 2-64-64-2, batch 256": (step_of(mlp([2, 64, 64, 2]), points, points), 100),
    }
    yield f"| network | 1 thread | {n_threads} threads | busy: 1 thread | busy: {n_threads} threads |"
    yield "|---|---|---|---|---|"
    for name, (step, repeats) in cases.items():
        both = {"one": (1, step), "all": (n_threads, step)}
        quiet = milliseconds(both, repeats)
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            busy = milliseconds(both, repeats)
        finally:
            other.kill()
            other.wait()
        yield f"| {name} | {quiet['one']:.2f} | {quiet['all']:.2f} | {busy['one']:.2f} | {busy['all']:.2f} |"


def decoder_lines() -> Iterator[str]:
    """Rows of the table on decoders."""
    images, test = load_mnist().images, load_mnist("test").images
    z = torch.randn(BATCH, 16)
    decoders = {
        "PixelShuffle": lambda: conv_decoder(16, (28, 28), output=nn.Sigmoid),
        "transposed": lambda: transposed_decoder(16),
    }
    alone = milliseconds(
        {name: (1, step_of(make(), z, test[:BATCH])) for name, make in decoders.items()}, repeats=5
    )
    for name, make in decoders.items():
        errors, took = [], []
        for seed in SEEDS:
            generator = seed_everything(seed)
            model = Autoencoder(conv_encoder((28, 28), 16), start_at(make(), images.mean().item()))
            begin = time.process_time()
            fit_autoencoder(model, images, n_steps=STEPS, batch_size=BATCH, generator=generator)
            took.append(time.process_time() - begin)
            errors.append(squared_error(test, apply_in_batches(model, test)).mean().item())
        n_parameters = sum(p.numel() for p in make().parameters())
        shown = ", ".join(f"{error:.2f}" for error in errors)
        yield f"| {name} | {n_parameters:,} | {alone[name]:.1f} | {statistics.median(took):.1f} | {shown} |"


def main() -> None:
    """Print the report and store it."""
    RESULTS.mkdir(exist_ok=True)
    written: list[str] = []
    for text in chain([INTRODUCTION, machine() + "\n"], thread_lines(), [DECODERS], decoder_lines()):
        print(text, flush=True)
        written.append(text)
        (RESULTS / "networks.md").write_text("\n".join(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
