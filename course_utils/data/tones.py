"""Short tones, drawn as waveforms: three shapes of wave, eight pitches, and a decay."""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.validation import check_count

__all__ = ["TONE_PITCHES", "TONE_RATE", "Tones", "drawn_tones"]

TONE_RATE = 8_000  # samples per second
TONE_PITCHES = tuple(
    220 * 2 ** (k / 12) for k in (0, 3, 5, 7, 10, 12, 15, 17)
)  # Hz, a pentatonic scale from A3


class Tones(NamedTuple):
    """Waves (n, n_samples) float32 in [-1, 1], and which pitch (n,) and shape (n,), int64."""

    waves: Tensor
    pitch: Tensor  # place in TONE_PITCHES
    shape: Tensor  # 0 sine, 1 triangle, 2 square


def drawn_tones(n: int, *, n_samples: int = 1_000, generator: Generator | None = None) -> Tones:
    """Draw tones: a pitch, a shape of wave, a phase and a rate of decay each, and a little noise.

    Args:
        n: number of tones.
        n_samples: of each, `TONE_RATE` of them in a second.
        generator: PyTorch's global one if None.

    Returns:
        The waves and their true factors.

    Raises:
        ValueError: if a number is less than 1.
    """
    check_count(n, "n"), check_count(n_samples, "n_samples")
    device = "cpu" if generator is None else generator.device
    pitch = torch.randint(len(TONE_PITCHES), (n,), generator=generator, device=device)
    shape = torch.randint(3, (n,), generator=generator, device=device)
    phase, decay = torch.rand(2, n, 1, generator=generator, device=device)
    time = torch.arange(n_samples, device=device) / TONE_RATE  # (n_samples,) seconds
    turns = torch.tensor(TONE_PITCHES, device=device)[pitch, None] * time + phase  # (n, n_samples) periods
    sine = torch.sin(2 * math.pi * turns)
    kinds = torch.stack([sine, 2 / math.pi * torch.asin(sine.clamp(-1, 1)), 0.8 * torch.sign(sine)])
    wave = kinds[shape, torch.arange(n, device=device)] * torch.exp(-(2 + 8 * decay) * time)
    noise = 0.01 * torch.randn(n, n_samples, generator=generator, device=device)
    return Tones((0.9 * wave + noise).clamp(-1, 1), pitch, shape)
