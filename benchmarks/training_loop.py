"""The training loop of `fit_vae` beside the one that everybody copies: examples per second.

python -m benchmarks.training_loop     into benchmarks/results/training_loop.md
"""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, product

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import RESULTS, machine, seconds
from course_utils import training
from course_utils.data import binarize, load_mnist
from course_utils.seeding import seed_everything
from course_utils.vae import fit_vae, mlp_vae

ROUNDS = 5
EXAMPLES = 59_904  # in each round, of each loop: an epoch without the last batch
INTRODUCTION = f"""# The training loop

Written by `make bench`.

A VAE 784-400-20 (ReLU, Bernoulli, Adam) on MNIST, binarised once. The copied loop is that of PyTorch's example
`examples/vae`: a `DataLoader` with batches of 128 over a data set that makes a Pillow image for each example and a
tensor from it, as torchvision does, and plain Adam. As people run it, it has no workers and PyTorch's own number of
threads; it is timed with a worker and with one thread too. Ours is `fit_vae`, on one thread. The same mathematics: a
test compares the two losses.

All loops in turn in one process, {ROUNDS} rounds of {EXAMPLES:,} examples each, wall time. The last two columns are
medians over the rounds of the ratio to the copied loop as people run it, and to the one that was the fastest in its
median.
"""
HEADER = """| loop | batch | threads | examples per second | beside the copied one | beside the fastest copied one |
|---|---|---|---|---|---|"""


class Pictures(Dataset):
    """MNIST one example at a time: a Pillow image, and what torchvision's ToTensor makes of it."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.pixels = pixels  # (n, 28, 28) uint8
        self.labels = labels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.pixels[index].numpy())
        return to_tensor(image), int(self.labels[index])


def to_tensor(image: Image.Image) -> Tensor:
    """(1, height, width) float32 in [0, 1] from a grey Pillow image."""
    pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
    return pixels.view(image.size[1], image.size[0], 1).permute(2, 0, 1).contiguous().float().div(255)


class CopiedVAE(nn.Module):
    """The example's network."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.back, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of the pixels (batch, 784), mean and logvar (batch, 20)."""
        h = F.relu(self.hidden(x.view(-1, 784)))
        mean, logvar = self.mean(h), self.logvar(h)
        std = torch.exp(0.5 * logvar)
        z = mean + torch.randn_like(std) * std
        return torch.sigmoid(self.pixels(F.relu(self.back(z)))), mean, logvar


def copied_loss(probabilities: Tensor, x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """-ELBO, summed over the batch."""
    cross_entropy = F.binary_cross_entropy(probabilities, x.view(-1, 784), reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return cross_entropy + kl


def copied_steps(pictures: Pictures, batch_size: int, n_workers: int) -> Iterator[float]:
    """The copied loop without end; gives the loss of each step."""
    model = CopiedVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(pictures, batch_size=batch_size, shuffle=True, num_workers=n_workers)
    while True:
        for x, _ in loader:
            optimizer.zero_grad()
            probabilities, mean, logvar = model(x)
            loss = copied_loss(probabilities, x, mean, logvar)
            loss.backward()
            optimizer.step()
            yield loss.item()


def copied(steps: Iterator[float], batch_size: int) -> None:
    """The copied loop for one round."""
    for _ in range(EXAMPLES // batch_size):
        next(steps)


def ours(images: Tensor, batch_size: int) -> None:
    """`fit_vae` for one round."""
    model = mlp_vae((28, 28), 20, hidden=(400,), activation=nn.ReLU)
    fit_vae(model, images, n_steps=EXAMPLES // batch_size, batch_size=batch_size, learning_rate=1e-3)


def rates(loops: dict[tuple[str, int, int], Callable[[], None]]) -> dict[tuple[str, int, int], list[float]]:
    """Examples per second of each loop (name, batch size, threads), one number a round, the loops in turn."""
    found: dict[tuple[str, int, int], list[float]] = {loop: [] for loop in loops}
    for number in range(ROUNDS + 1):
        for loop, work in loops.items():
            with training.threads(loop[2]):
                took = seconds(work)
            if number:  # the first round warms up
                found[loop].append(EXAMPLES / took)
    return found


def lines() -> Iterator[str]:
    """Rows of the table."""
    images, labels = load_mnist()
    images = binarize(images, generator=seed_everything(0))
    pictures = Pictures((255 * images).to(torch.uint8), labels)
    loops: dict[tuple[str, int, int], Callable[[], None]] = {}
    for n_workers, n_threads in product((0, 1), sorted({1, torch.get_num_threads()})):
        steps = copied_steps(pictures, 128, n_workers)
        loops[f"copied, {n_workers} workers", 128, n_threads] = partial(copied, steps, 128)
    peers = list(loops)
    usual = "copied, 0 workers", 128, torch.get_num_threads()
    for batch_size in (128, 256):
        loops["fit_vae", batch_size, 1] = partial(ours, images, batch_size)
    found = rates(loops)
    fastest = max(peers, key=lambda loop: statistics.median(found[loop]))
    for loop, values in found.items():
        name, batch_size, n_threads = loop
        ratios = (
            statistics.median(a / b for a, b in zip(values, found[peer], strict=True))
            for peer in (usual, fastest)
        )
        beside = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        yield f"| {name} | {batch_size} | {n_threads} | {statistics.median(values):,.0f} | {beside} |"


def main() -> None:
    """Print the report and store it."""
    RESULTS.mkdir(exist_ok=True)
    written: list[str] = []
    for text in chain([INTRODUCTION, machine("Pillow") + "\n", HEADER], lines()):
        print(text, flush=True)
        written.append(text)
        (RESULTS / "training_loop.md").write_text("\n".join(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
