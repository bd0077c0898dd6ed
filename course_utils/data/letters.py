"""Capital letters drawn from straight lines: as white on black as the digits of MNIST, and no digits."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.validation import check_count

__all__ = ["LETTERS", "Letters", "drawn_letters"]

# Lines (x1, y1, x2, y2) in a square: x and y go from -1 to 1, y points down.
STROKES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "A": ((-0.8, 1, 0, -1), (0, -1, 0.8, 1), (-0.5, 0.3, 0.5, 0.3)),
    "E": ((-0.6, -1, -0.6, 1), (-0.6, -1, 0.7, -1), (-0.6, 0, 0.5, 0), (-0.6, 1, 0.7, 1)),
    "F": ((-0.6, -1, -0.6, 1), (-0.6, -1, 0.7, -1), (-0.6, 0, 0.5, 0)),
    "H": ((-0.7, -1, -0.7, 1), (0.7, -1, 0.7, 1), (-0.7, 0, 0.7, 0)),
    "K": ((-0.6, -1, -0.6, 1), (-0.6, 0.1, 0.7, -1), (-0.2, -0.2, 0.7, 1)),
    "L": ((-0.6, -1, -0.6, 1), (-0.6, 1, 0.7, 1)),
    "M": ((-0.8, 1, -0.8, -1), (-0.8, -1, 0, 0.5), (0, 0.5, 0.8, -1), (0.8, -1, 0.8, 1)),
    "N": ((-0.7, 1, -0.7, -1), (-0.7, -1, 0.7, 1), (0.7, 1, 0.7, -1)),
    "T": ((-0.8, -1, 0.8, -1), (0, -1, 0, 1)),
    "V": ((-0.8, -1, 0, 1), (0, 1, 0.8, -1)),
    "W": ((-0.9, -1, -0.45, 1), (-0.45, 1, 0, -0.4), (0, -0.4, 0.45, 1), (0.45, 1, 0.9, -1)),
    "X": ((-0.7, -1, 0.7, 1), (0.7, -1, -0.7, 1)),
    "Y": ((-0.8, -1, 0, 0), (0.8, -1, 0, 0), (0, 0, 0, 1)),
    "Z": ((-0.7, -1, 0.7, -1), (0.7, -1, -0.7, 1), (-0.7, 1, 0.7, 1)),
}
LETTERS = "".join(STROKES)


class Letters(NamedTuple):
    """Images (n, size, size) float32, 0 is black and 1 is white, and labels (n,) int64, places in LETTERS."""

    images: Tensor
    labels: Tensor


def drawn_letters(
    n_samples: int, *, letters: str = LETTERS, size: int = 28, generator: Generator | None = None
) -> Letters:
    """Draw capital letters from straight lines, each in a hand of its own.

    A pixel at distance d from the nearest line has the value w/2 + ½ - d, cut to [0, 1], with w the pen's
    width. For 28 pixels the letters are about 20 high, as MNIST's digits are, and w ~ U[1.6, 3.2] pixels. The
    rest of a hand is a turn (standard deviation 0.08 radians), a slant (0.15), a height and a width (12 %),
    a shift (0.7 pixels), and the ends of the lines, which miss their places (0.06 of half the height).

    Args:
        n_samples: number of letters; each is one of `letters` with the same probability.
        letters: which ones, out of LETTERS, those that straight lines can make.
        size: height and width of the images, in pixels; all lengths scale with it.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError: if a number is no integer, or `letters` no string.
        ValueError: if a number is less than 1, or `letters` is empty or has others than LETTERS.
    """
    n_samples = check_count(n_samples, "n_samples")
    size = check_count(size, "size")
    if not isinstance(letters, str):
        raise TypeError(f"letters must be a string such as 'AEF', got {letters!r} ({type(letters).__name__})")
    if not letters or set(letters) - set(LETTERS):
        raise ValueError(f"letters must be some of {LETTERS!r}, got {letters!r}")
    device = torch.device("cpu") if generator is None else generator.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(n_samples, *shape, generator=generator, device=device)

    choices = torch.tensor([LETTERS.index(letter) for letter in letters], device=device)
    labels = choices[torch.randint(len(choices), (n_samples,), generator=generator, device=device)]
    ends = _strokes().to(device)[labels]  # (n, 4, 2, 2): lines, their two ends, x and y
    ends = ends + 0.06 * normal(*ends.shape[1:])
    unit = size / 28
    slanted_x = ends[..., 0] - 0.15 * normal(1, 1) * ends[..., 1]
    x = 7.5 * (1 + 0.12 * normal(1, 1)) * slanted_x
    y = 9.0 * (1 + 0.12 * normal(1, 1)) * ends[..., 1]
    turn = 0.08 * normal(1, 1)
    turned = torch.stack([x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()], dim=-1)
    places = unit * (14 + turned + 0.7 * normal(1, 1, 2))
    width = unit * (1.6 + 1.6 * torch.rand(n_samples, 1, 1, generator=generator, device=device))
    return Letters((width / 2 + 0.5 - _distance(places, size)).clamp(0, 1), labels)


def _strokes() -> Tensor:
    """All letters' lines (14, 4, 2, 2); a letter of fewer than four has its last one more than once."""
    rows = [[lines[min(i, len(lines) - 1)] for i in range(4)] for lines in STROKES.values()]
    return torch.tensor(rows).view(len(rows), 4, 2, 2)


def _distance(ends: Tensor, size: int) -> Tensor:
    """Distance of each pixel's centre from the nearest line (n, size, size), for ends (n, lines, 2, 2)."""
    ticks = torch.arange(size, device=ends.device) + 0.5
    pixels = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1)  # (size, size, 2): x and y
    nearest = torch.full((len(ends), size, size), torch.inf, device=ends.device)
    for line in range(ends.shape[1]):
        start, end = (ends[:, line, i, None, None] for i in (0, 1))  # (n, 1, 1, 2)
        along = end - start
        share = ((pixels - start) * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)
        foot = start + share.clamp(0, 1).unsqueeze(-1) * along
        nearest = torch.minimum(nearest, (pixels - foot).norm(dim=-1))
    return nearest
