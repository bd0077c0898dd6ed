"""How far pictures are from a set of known ones."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.validation import check_tensor

__all__ = ["NearestImages", "nearest_images"]


class NearestImages(NamedTuple):
    """For each picture, the most similar of the known ones."""

    distance: Tensor  # (n,), root of the mean squared difference of the pixels
    which: Tensor  # (n,) int64, the number of that one


@torch.no_grad()
def nearest_images(images: Tensor, known: Tensor, *, size: int = 1_000) -> NearestImages:
    """Find the nearest known picture of each picture.

    Args:
        images: (n, *image_shape).
        known: (m, *image_shape), such as training images, or true moons of all phases.
        size: pictures compared at a time.

    Raises:
        ValueError: if the shapes of the pictures differ, or there are none.
    """
    check_tensor(images, "images"), check_tensor(known, "known")
    if images.shape[1:] != known.shape[1:] or not len(images) or not len(known):
        raise ValueError(
            "images and known must hold pictures of one shape, at least one each, "
            f"got {tuple(images.shape)} and {tuple(known.shape)}"
        )
    flat = known.flatten(1)
    found = [torch.cdist(part, flat).min(1) for part in images.flatten(1).split(size)]
    distance = torch.cat([part.values for part in found]) / flat.shape[1] ** 0.5
    return NearestImages(distance, torch.cat([part.indices for part in found]))
