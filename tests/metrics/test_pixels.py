import math

import pytest
import torch

from course_utils.metrics import checkerboard


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(5, 8, 6), (2, 3, 8, 6)])
def test_pure_patterns_have_one_and_smooth_images_none(shape):
    row, column = torch.arange(shape[-2])[:, None], torch.arange(shape[-1])[None]
    for pattern in (row + 0 * column, 0 * row + column, row + column):
        image = 0.5 + 0.2 * (-1.0) ** pattern
        assert checkerboard(image.expand(shape)) == pytest.approx(1)
    wave = torch.sin(2 * math.pi * row.double() / shape[-2]) + 0.0 * column
    assert checkerboard(wave.expand(shape)) == pytest.approx(0, abs=1e-12)
    assert checkerboard(torch.full(shape, 0.3)) == 0


def test_it_is_the_fourier_transform_at_the_highest_frequencies():
    images = torch.rand(7, 8, 10, generator=seeded(), dtype=torch.float64)
    spectrum = torch.fft.fft2(images).abs() / 80
    energy = spectrum[:, 4, 0] ** 2 + spectrum[:, 0, 5] ** 2 + spectrum[:, 4, 5] ** 2
    expected = float((energy.mean() / images.var(correction=0)).sqrt())
    assert checkerboard(images) == pytest.approx(expected)


def test_brightness_and_contrast_do_not_matter():
    images = torch.rand(4, 6, 6, generator=seeded())
    assert checkerboard(0.1 + 0.3 * images) == pytest.approx(checkerboard(images), rel=1e-5)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"the sides even, got \(2, 5, 6\)"):
        checkerboard(torch.zeros(2, 5, 6))
    with pytest.raises(ValueError, match="images contains NaN"):
        checkerboard(torch.full((1, 2, 2), math.nan))
