"""Outlines: exact pairs, ink where the coloured picture has its lines, and nothing of what they are not to show."""

import pytest
import torch

from course_utils.data import CREATURE_ATTRIBUTES, creatures, outlined_creatures
from course_utils.data.creature_sprites import NUISANCES, draw_nuisances, draw_outlines

NAMES = list(CREATURE_ATTRIBUTES)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def changed(attributes, name, by=1):
    """The attributes with another value of one of them."""
    other = attributes.clone()
    column = NAMES.index(name)
    other[:, column] = (other[:, column] + by) % len(CREATURE_ATTRIBUTES[name])
    return other


@pytest.fixture(scope="module")
def drawn():
    return outlined_creatures(300, generator=seeded())  # more than one block


def test_shapes_and_ranges(drawn):
    outlines, images, attributes = drawn
    assert outlines.shape == (300, 24, 24)
    assert outlines.dtype == images.dtype == torch.float32
    assert images.shape == (300, 3, 24, 24)
    assert attributes.shape == (300, 7)
    assert outlines.min() == 0
    assert outlines.max() == 1


def test_the_coloured_ones_are_those_of_creatures(drawn):
    same = creatures(300, generator=seeded())
    assert torch.equal(drawn.images, same.images)
    assert torch.equal(drawn.attributes, same.attributes)


@pytest.mark.parametrize("name", ["colour", "time"])
def test_what_leaves_no_line(drawn, name):
    nuisances = draw_nuisances(300, generator=seeded(1))
    first, second = (
        draw_outlines(some, nuisances, 24) for some in (drawn.attributes, changed(drawn.attributes, name))
    )
    assert torch.equal(first, second)


def test_the_sky_leaves_no_line(drawn):
    nuisances = draw_nuisances(300, generator=seeded(1))
    other = nuisances.clone()
    other[:, : NUISANCES.index("x")] = draw_nuisances(300, generator=seeded(2))[:, : NUISANCES.index("x")]
    first, second = (draw_outlines(drawn.attributes, some, 24) for some in (nuisances, other))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["size", "body", "pattern", "eyes", "horns"])
def test_what_is_seen_in_every_outline(drawn, name):
    nuisances = draw_nuisances(300, generator=seeded(1))
    first, second = (
        draw_outlines(some, nuisances, 24) for some in (drawn.attributes, changed(drawn.attributes, name))
    )
    assert (first - second).abs().flatten(1).sum(1).min() > 1, "at least a pixel of ink"


def test_there_is_ink_where_the_picture_has_its_dark_outline():
    """Yellow creatures by day: dark pixels are ink lines, in both drawings, and the sky above is bare paper."""
    outlines, images, _ = outlined_creatures(
        200,
        only={"colour": "yellow", "time": "day", "pattern": "plain", "horns": "none"},
        size=48,
        generator=seeded(),
    )
    dark = images.mean(1) < 0.25
    assert outlines[dark].mean() < 0.2
    assert outlines[:, :6].min() == 1
    light = (images[:, 0] > 0.9) & (images[:, 2] < 0.4)  # the body's yellow, and the sun
    assert outlines[light].mean() > 0.9


def test_drawn_as_asked_for():
    only = {"body": "round", "eyes": "one"}
    attributes = outlined_creatures(100, only=only, generator=seeded()).attributes
    assert (attributes[:, NAMES.index("body")] == 0).all()
    assert (attributes[:, NAMES.index("eyes")] == 0).all()
    without = outlined_creatures(100, without={"horns": "two"}, generator=seeded()).attributes
    assert (without[:, NAMES.index("horns")] < 2).all()
    given = outlined_creatures(attributes=attributes, vary=False)
    again = outlined_creatures(attributes=attributes, vary=False, generator=seeded(9))
    assert torch.equal(given.outlines, again.outlines)
    assert outlined_creatures(2, size=32, generator=seeded()).outlines.shape == (2, 32, 32)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="size must be at least 16"):
        outlined_creatures(2, size=8)
    with pytest.raises(ValueError, match="say how many creatures"):
        outlined_creatures()
