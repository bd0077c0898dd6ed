"""How far pictures are from a set of known ones, and how much of them a few known ones explain."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.validation import check_count, check_finite, check_tensor

__all__ = ["Explained", "NearestImages", "explained_by_nearest", "nearest_images"]


class NearestImages(NamedTuple):
    """For each picture, the most similar of the known ones."""

    distance: Tensor  # (n,), root of the mean squared difference of the pixels
    which: Tensor  # (n,) int64, the number of that one


class Explained(NamedTuple):
    """For each picture, its best combinations of the 1, 5, 20, ... most similar known ones."""

    residual: Tensor  # (n, m), root of the mean squared difference of the pixels to each combination
    combination: Tensor  # (n, m, *image_shape)
    which: Tensor  # (n, most) int64, the numbers of the known ones, the most similar first


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
    _check_pictures(images, known)
    flat = known.flatten(1)
    found = [torch.cdist(part, flat).min(1) for part in images.flatten(1).split(size)]
    distance = torch.cat([part.values for part in found]) / flat.shape[1] ** 0.5
    return NearestImages(distance, torch.cat([part.indices for part in found]))


@torch.no_grad()
def explained_by_nearest(
    images: Tensor,
    known: Tensor,
    n_nearest: Sequence[int] = (1, 5, 20),
    *,
    non_negative: bool = False,
    size: int = 1_000,
) -> Explained:
    """Write each picture as Σⱼ wⱼ·(known picture j) over its nearest known ones, as well as it goes.

    The weights minimise the squared error; they need not add up to 1. As many linearly independent known
    pictures as there are pixels explain every picture, noise too: only a small number says something.

    Args:
        images: (n, *image_shape).
        known: (k, *image_shape), such as training images.
        n_nearest: how many of the nearest to combine, one number for each column of the result.
        non_negative: no weight below 0, so that nothing can be subtracted.
        size: pictures compared at a time.

    Returns:
        The residuals, the combinations, and which known pictures they are made of.

    Raises:
        ValueError: if the shapes of the pictures differ, there are none, a pixel is not finite, or a number
            of `n_nearest` is not from 1 to k.
    """
    _check_pictures(images, known)
    check_finite(images, "images"), check_finite(known, "known")
    counts = [check_count(count, f"n_nearest[{i}]") for i, count in enumerate(n_nearest)]
    if not counts or max(counts) > len(known):
        raise ValueError(
            f"n_nearest must hold numbers from 1 to the {len(known)} known pictures, got {tuple(n_nearest)}"
        )
    weights_of = _non_negative_weights if non_negative else _weights
    flat, rows = known.flatten(1), images.flatten(1)
    which = torch.cat(
        [torch.cdist(part, flat).topk(max(counts), largest=False).indices for part in rows.split(size)]
    )
    combinations = []
    for some, numbers in zip(rows.split(size), which.split(size), strict=True):
        target, nearest = some.double(), flat[numbers].double()  # (size, d) and (size, most, d)
        parts = [nearest[:, :count] for count in counts]
        made = [torch.einsum("nj,njd->nd", weights_of(part, target), part) for part in parts]
        combinations.append(torch.stack(made, 1))  # (size, m, d)
    combination = torch.cat(combinations)
    residual = (combination - rows.double()[:, None]).square().mean(2).sqrt()
    shape = (len(images), len(counts), *images.shape[1:])
    return Explained(residual.to(images.dtype), combination.to(images.dtype).view(shape), which)


def _weights(pictures: Tensor, target: Tensor) -> Tensor:
    """(n, k) of least squares, for pictures (n, k, d); the shortest ones where pictures are dependent."""
    return torch.einsum("ndk,nd->nk", torch.linalg.pinv(pictures), target)


def _non_negative_weights(pictures: Tensor, target: Tensor) -> Tensor:
    from scipy.optimize import nnls  # here, because it takes a second to import

    pairs = zip(pictures.cpu().numpy(), target.cpu().numpy(), strict=True)
    found = [torch.from_numpy(nnls(known.T, image)[0]) for known, image in pairs]
    return torch.stack(found).to(target)


def _check_pictures(images: Tensor, known: Tensor) -> None:
    check_tensor(images, "images"), check_tensor(known, "known")
    if images.shape[1:] != known.shape[1:] or not len(images) or not len(known):
        raise ValueError(
            "images and known must hold pictures of one shape, at least one each, "
            f"got {tuple(images.shape)} and {tuple(known.shape)}"
        )
