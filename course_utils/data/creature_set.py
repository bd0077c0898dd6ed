"""Creatures: small colour pictures with seven attributes and a caption each, to train conditional models on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.data.creature_attributes import Combination, check_attributes, draw_attributes
from course_utils.data.creature_captions import caption_creatures
from course_utils.data.creature_sprites import NUISANCES, draw_nuisances, draw_outlines, draw_sprites
from course_utils.validation import check_count

__all__ = ["Creatures", "OutlinedCreatures", "creatures", "outlined_creatures"]

SMALLEST = 16  # pixels: below, eyes and patterns blur


class Creatures(NamedTuple):
    """Images (n, 3, size, size) float32 in [0, 1], attributes (n, 7) int64, and n captions."""

    images: Tensor
    attributes: Tensor
    captions: list[str]


def creatures(
    n_samples: int | None = None,
    *,
    attributes: Any = None,
    only: Combination | Sequence[Combination] | None = None,
    without: Combination | Sequence[Combination] = (),
    vary: bool = True,
    leave_out: float = 0.0,
    size: int = 24,
    generator: Generator | None = None,
) -> Creatures:
    """Draw creatures with random attributes, or with those given, and write a caption for each.

    All 1,620 combinations of the values in CREATURE_ATTRIBUTES are as probable, or all that `only` and
    `without` leave: `without={"colour": "red", "horns": "two"}` draws red creatures, and creatures with two
    horns, but none that is both. Values can be alternatives, `{"horns": ("one", "two")}`, and combinations
    a list, of which one must fit.

    Args:
        n_samples: number of creatures; may be left out where `attributes` are given.
        attributes: the attributes to draw (n, 7): column j indexes the values of the j-th attribute.
        only: draw only creatures that this fits, or one of these.
        without: draw no creature that this fits, or one of these.
        vary: whether place, exact colour, gaze and sky differ from picture to picture; if not, the attributes
            determine the picture.
        leave_out: the probability, for each attribute of each caption, that the caption does not name it.
        size: height and width of the pictures, in pixels, at least 16.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type or shape, or out of its range, if a name or
            value is unknown, or if no combination is left.
    """
    size = check_count(size, "size", minimum=SMALLEST)
    attributes = _attributes(n_samples, attributes, only, without, generator)
    nuisances = _nuisances(attributes, vary, generator)
    captions = caption_creatures(attributes, leave_out=leave_out, generator=generator)
    return Creatures(draw_sprites(attributes, nuisances, size), attributes, captions)


class OutlinedCreatures(NamedTuple):
    """Outlines (n, size, size) and images (n, 3, size, size), float32 in [0, 1], pair by pair; attributes (n, 7)."""

    outlines: Tensor
    images: Tensor
    attributes: Tensor


def outlined_creatures(
    n_samples: int | None = None,
    *,
    attributes: Any = None,
    only: Combination | Sequence[Combination] | None = None,
    without: Combination | Sequence[Combination] = (),
    vary: bool = True,
    size: int = 24,
    generator: Generator | None = None,
) -> OutlinedCreatures:
    """Draw creatures twice: as lines of black ink on white paper, and as `creatures` draws them, in exact pairs.

    An outline shows size, body, pattern, eyes and horns. Of colour and time of day it shows nothing, nor of what is
    in the sky: many pictures have the same outline.

    Args:
        n_samples: as for `creatures`, and so is all that follows.
        attributes: the attributes to draw.
        only: which to draw.
        without: which not to draw.
        vary: whether place, exact colour, gaze and sky differ.
        size: height and width, in pixels.
        generator: source of randomness; in the same state it draws the same creatures for `creatures`.

    Returns:
        Outlines from 0, ink, to 1, paper; images; attributes.

    Raises:
        TypeError, ValueError: as `creatures`.
    """
    size = check_count(size, "size", minimum=SMALLEST)
    attributes = _attributes(n_samples, attributes, only, without, generator)
    nuisances = _nuisances(attributes, vary, generator)
    outlines, images = (draw(attributes, nuisances, size) for draw in (draw_outlines, draw_sprites))
    return OutlinedCreatures(outlines, images, attributes)


def _nuisances(attributes: Tensor, vary: bool, generator: Generator | None) -> Tensor:
    """What no attribute says, (n, 20); all 0 if nothing is to vary."""
    if vary:
        return draw_nuisances(len(attributes), generator=generator).to(attributes.device)
    return torch.zeros(len(attributes), len(NUISANCES), device=attributes.device)


def _attributes(
    n_samples: int | None, given: Any, only: Any, without: Any, generator: Generator | None
) -> Tensor:
    """The attributes given, once checked, or as many random ones as asked for: (n, 7) int64."""
    if n_samples is not None:
        n_samples = check_count(n_samples, "n_samples")
    if given is None:
        if n_samples is None:
            raise ValueError("say how many creatures: n_samples=100, or attributes, a tensor (n, 7)")
        return draw_attributes(n_samples, only=only, without=without, generator=generator)
    if only is not None or without:
        raise ValueError("only and without choose random attributes; leave them out, or leave attributes out")
    given = check_attributes(given)
    if n_samples not in (None, len(given)):
        raise ValueError(
            f"n_samples is {n_samples}, but attributes has {len(given)} rows; leave n_samples out"
        )
    return given
