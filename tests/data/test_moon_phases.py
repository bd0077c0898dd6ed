import math

import pytest
import torch
from scipy import stats

from course_utils.data import moon_phases

PHASES = torch.tensor([0.0, 0.05, 0.1, 0.3, 0.5, 0.65, 0.9, 1.0])
LINE = 1 / 4  # between the lines of a pixel along which the lit part is measured


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lit_sphere(phase, *, radius, size, n_fine=32):
    """The same moon from the physics: a ball seen from the front, lit from a far sun at the phase's angle."""
    step = 1 / n_fine
    places = (torch.arange(size * n_fine, dtype=torch.float64) + 0.5) * step - size / 2
    y, x = torch.meshgrid(places, places, indexing="ij")
    z = (radius**2 - x**2 - y**2).clamp(min=0).sqrt()  # the ball's surface, towards us
    sun = math.acos(2 * phase - 1)  # 0: behind us, full moon; π: behind the moon, new
    lit = (x * math.sin(sun) + z * math.cos(sun) > 0) & (x**2 + y**2 < radius**2)
    return lit.double().view(size, n_fine, size, n_fine).mean((1, 3))


@pytest.mark.parametrize("phase", [0.08, 0.25, 0.5, 0.7, 0.95, 1.0])
def test_it_is_a_ball_lit_by_the_sun(phase):
    drawn = moon_phases(phases=[phase], radius=8.3, size=20).images[0].double()
    true = lit_sphere(phase, radius=8.3, size=20)
    # A line stands for its neighbourhood: half of it can be wrong; so can half a fine pixel on either side.
    assert (drawn - true).abs().max() < LINE / 2 + 1 / 32
    assert (drawn - true).abs().mean() < 0.002


@pytest.mark.parametrize(("size", "radius"), [(28, 10.5), (16, 5.0), (112, 50.2)])
def test_the_phase_is_the_lit_share(size, radius):
    images, phases = moon_phases(phases=PHASES, size=size, radius=radius)
    share = images.double().sum((1, 2)) / (math.pi * radius**2)
    # Midpoint rule across lines: at most LINE/2 times the total variation, 2·(2·radius·phase), of their length.
    tolerance = LINE / 2 * 4 * radius / (math.pi * radius**2) * phases
    assert ((share - phases).abs() <= tolerance + 1e-6).all()


@pytest.mark.parametrize("tilt", [0.0, 0.4, -2.0])
@pytest.mark.parametrize("waxing", [True, False])
def test_the_light_comes_from_the_sun(tilt, waxing):
    """The lit part's centre of mass is 8r(1 - phase)/(3π) towards the sun from the moon's centre."""
    radius, centre = 40.0, torch.tensor([60.0, 50.0])
    images, phases = moon_phases(
        phases=PHASES[1:], size=112, radius=radius, centre=(60, 50), tilt=tilt, waxing=waxing
    )
    images = images.double()
    places = torch.arange(112) + 0.5
    x = (images.sum(1) * places).sum(1) / images.sum((1, 2)) - centre[0]
    y = (images.sum(2) * places).sum(1) / images.sum((1, 2)) - centre[1]
    distance = 8 * radius * (1 - phases) / (3 * math.pi) * (1 if waxing else -1)
    # A tilted edge is drawn with a tilted pixel: right on average, wrong by less than a tenth of one.
    assert (x - distance * math.cos(tilt)).abs().max() < 0.1
    assert (y + distance * math.sin(tilt)).abs().max() < 0.1  # rows count downwards


def test_the_other_side_is_the_mirror_image():
    right = moon_phases(phases=PHASES).images
    left = moon_phases(phases=PHASES, waxing=False).images
    assert torch.allclose(left, right.flip(2), atol=1e-6)
    assert right[3, :, 14:].sum() > 2 * right[3, :, :14].sum()


def test_a_quarter_turn_is_counter_clockwise():
    upright = moon_phases(phases=PHASES).images
    turned = moon_phases(phases=PHASES, tilt=math.pi / 2).images
    assert torch.allclose(turned, upright.rot90(1, (1, 2)), atol=1e-4)


def test_the_full_moon_is_a_disc():
    image = moon_phases(phases=[1.0], radius=9.0, centre=(12.0, 15.5), size=30).images[0]
    places = torch.arange(30) + 0.5
    distance = torch.hypot(places - 12, places[:, None] - 15.5)
    assert (image[distance < 9 - 0.75] == 1).all()  # a pixel's corner is 0.71 from its centre
    assert (image[distance > 9 + 0.75] == 0).all()
    assert torch.equal(image[:, :24], image[:, :24].flip(1))
    assert torch.equal(image[1:], image[1:].flip(0))


def test_no_pixel_darkens_as_the_moon_waxes():
    images = moon_phases(phases=torch.linspace(0, 1, 101)).images
    assert (images.diff(dim=0) >= -1e-6).all()
    assert images[0].max() == 0
    assert images.max() == 1


def test_only_the_phase_varies():
    images, phases = moon_phases(500, generator=seeded())
    assert images.shape == (500, 28, 28)
    assert (images.dtype, phases.dtype) == (torch.float32, torch.float32)
    assert (images.min(), images.max()) == (0, 1)
    order = phases.argsort()
    assert (images[order].diff(dim=0) >= -1e-6).all()
    assert torch.equal(images, moon_phases(phases=phases).images)


@pytest.mark.parametrize("thinnest", [0.1, 0.5])
def test_phases_are_uniform(thinnest):
    phases = moon_phases(20_000, thinnest=thinnest, size=2, generator=seeded()).phases
    assert stats.kstest((phases - thinnest) / (1 - thinnest), "uniform").pvalue > 1e-3


def test_given_phases_stay():
    assert torch.equal(moon_phases(len(PHASES), phases=PHASES).phases, PHASES)
    assert torch.equal(moon_phases(phases=PHASES.tolist()).phases, PHASES)


def test_one_factor_for_each_moon():
    n = 600  # more than one block
    radius = 5 + 5 * torch.rand(n, generator=seeded(1))
    centre = 12 + 4 * torch.rand(n, 2, generator=seeded(2))
    tilt = 6 * torch.rand(n, generator=seeded(3))
    waxing = torch.rand(n, generator=seeded(4)) < 0.5
    images, phases = moon_phases(
        n, radius=radius, centre=centre, tilt=tilt, waxing=waxing, generator=seeded()
    )
    for i in (0, 255, 256, 599):
        alone = moon_phases(
            phases=phases[i : i + 1], radius=radius[i], centre=centre[i], tilt=tilt[i], waxing=waxing[i]
        )
        assert torch.allclose(images[i], alone.images[0], atol=1e-6)


def test_what_is_outside_is_cut_off():
    image = moon_phases(phases=[1.0], size=28, centre=(0, 14), radius=10).images[0]
    assert image.sum().item() == pytest.approx(math.pi * 10**2 / 2, rel=2 * LINE / (math.pi * 10))
    assert moon_phases(phases=[1.0], size=28, centre=(-20, 14), radius=10).images.max() == 0


def test_the_generator_is_the_only_source():
    state = torch.get_rng_state()
    first = moon_phases(10, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.images, moon_phases(10, generator=seeded()).images)
    assert not torch.equal(first.phases, moon_phases(10, generator=seeded(1)).phases)
    torch.manual_seed(0)
    second = moon_phases(10).phases
    torch.manual_seed(0)
    assert torch.equal(second, moon_phases(10).phases)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, r"say how many moons: n_samples=100, or phases="),
        ({"n_samples": 0}, ValueError, r"n_samples must be at least 1"),
        ({"n_samples": 2.5}, TypeError, r"n_samples must be an integer"),
        ({"n_samples": 3, "phases": [0.5]}, ValueError, r"n_samples is 3, but there are 1 phases; leave"),
        ({"phases": [0.5, 1.2]}, ValueError, r"phases must be in \[0, 1\], got 0.5 to 1.2"),
        ({"phases": [-0.1]}, ValueError, r"phases must be in \[0, 1\]"),
        ({"phases": [math.nan]}, ValueError, r"phases contains NaN"),
        ({"phases": [[0.5]]}, ValueError, r"phases must have shape \(n,\), n at least 1, got \(1, 1\)"),
        ({"phases": "full"}, TypeError, r"phases must hold real numbers"),
        (
            {"n_samples": 3, "thinnest": 1.5},
            ValueError,
            r"thinnest must be at most 1, the full moon, got 1.5",
        ),
        ({"n_samples": 3, "thinnest": -1}, ValueError, r"thinnest must be at least 0"),
        ({"n_samples": 3, "size": 0}, ValueError, r"size must be at least 1"),
        ({"n_samples": 3, "radius": 0}, ValueError, r"radius must be greater than 0, got 0"),
        (
            {"n_samples": 3, "radius": [1, 2]},
            ValueError,
            r"radius must be one for all moons, or \(n,\) with n = 3",
        ),
        ({"n_samples": 3, "centre": 5}, ValueError, r"centre must be one for all .* \(n, 2\) .*, got \(\)"),
        ({"n_samples": 3, "tilt": math.inf}, ValueError, r"tilt contains NaN or infinity"),
        ({"n_samples": 3, "waxing": "left"}, TypeError, r"waxing must hold real numbers"),
        ({"n_samples": 3, "waxing": -1}, ValueError, r"waxing must be True or False, .* got -1"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        moon_phases(**arguments)
