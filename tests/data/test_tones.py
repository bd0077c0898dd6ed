"""Drawn tones: the pitch that was asked for is there, and the factors are true."""

import pytest
import torch

from course_utils.data import TONE_PITCHES, TONE_RATE, drawn_tones


def seeded():
    return torch.Generator().manual_seed(0)


def test_the_pitch_is_the_strongest_frequency():
    tones = drawn_tones(40, n_samples=4_000, generator=seeded())
    strongest = torch.fft.rfft(tones.waves).abs().argmax(1) * TONE_RATE / 4_000
    asked = torch.tensor(TONE_PITCHES)[tones.pitch]
    assert ((strongest - asked).abs() <= TONE_RATE / 4_000).all(), "up to the width of one bin"


def test_the_shape_and_the_decay():
    tones = drawn_tones(300, n_samples=4_000, generator=seeded())
    begin, end = (tones.waves[:, part].square().mean(1) for part in (slice(0, 500), slice(-500, None)))
    assert (end < 0.5 * begin).all()
    peak = tones.waves[:, :100].abs().amax(1) / tones.waves[:, :100].square().mean(1).sqrt()
    means = [peak[tones.shape == shape].mean() for shape in range(3)]
    assert means[2] < means[0] < means[1], "a square is flat, a triangle pointed"


def test_sizes_range_and_seed():
    tones = drawn_tones(7, n_samples=50, generator=seeded())
    assert tones.waves.shape == (7, 50)
    assert tones.waves.abs().max() <= 1
    assert tones.pitch.shape == tones.shape.shape == (7,)
    torch.testing.assert_close(tones.waves, drawn_tones(7, n_samples=50, generator=seeded()).waves)
    with pytest.raises(ValueError, match="n must be at least 1"):
        drawn_tones(0)
