"""A car at a T-junction: short films of which the same past has two futures."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.validation import check_count, check_number

__all__ = ["JunctionFilms", "junction_films"]

ROAD = 0.25  # grey value of the road; the car is 1, the rest 0
CROSSING = 4.0  # rows from the upper edge to the middle of the crossing, of 16
HALF_ROAD = 2.0  # half the width of a road, in pixels of 16
CAR = 1.3  # the car is a soft spot, exp(-distance² / (2 CAR²))


class JunctionFilms(NamedTuple):
    """Films of a car that drives up to a T-junction and turns.

    `past` (n, n_past, size, size) and `future` (n, n_future, size, size), float32 in [0, 1], are the frames
    before and after the turn. `futures` (n, 2, n_future, size, size) are both that were possible, left and
    right: future[i] is futures[i, turns[i]]. The true factors: `turns` (n,) int64, 0 left or 1 right;
    `speeds` (n,) in pixels per frame; `distances` (n,) in pixels, from the car to the crossing in the last frame
    of the past.
    """

    past: Tensor
    future: Tensor
    futures: Tensor
    turns: Tensor
    speeds: Tensor
    distances: Tensor


def junction_films(
    n_samples: int,
    *,
    n_past: int = 3,
    n_future: int = 2,
    p_right: float = 0.5,
    size: int = 16,
    generator: Generator | None = None,
) -> JunctionFilms:
    """Draw films: a car comes up the road, reaches the crossing and turns left or right.

    The past varies in speed, U[1.8, 2.6] pixels per frame, and in the distance that is left at its end, U[1, 2]
    pixels (for frames of 16; both scale with `size`). Nothing in it tells which way the car will turn: that is
    an independent throw of a coin. The frame at the crossing itself is left out, so that in the first frame of
    the future the car is already on its new way.

    Args:
        n_samples: number of films.
        n_past: frames before the turn; from two on they show the speed.
        n_future: frames after it. With the default size and more than three, the car leaves the picture.
        p_right: probability of a turn to the right, in [0, 1].
        size: height and width of a frame, in pixels, at least 8.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is no number, or out of its range.
    """
    n_samples = check_count(n_samples, "n_samples")
    n_past, n_future = check_count(n_past, "n_past"), check_count(n_future, "n_future")
    size = check_count(size, "size", minimum=8)
    p_right = check_number(p_right, "p_right", minimum=0)
    if p_right > 1:
        raise ValueError(f"p_right must be at most 1, got {p_right:g}")
    device = torch.device("cpu") if generator is None else generator.device
    unit = size / 16
    speeds = unit * (1.8 + 0.8 * torch.rand(n_samples, generator=generator, device=device))
    distances = unit * (1 + torch.rand(n_samples, generator=generator, device=device))
    turns = (torch.rand(n_samples, generator=generator, device=device) < p_right).long()

    before = torch.arange(1 - n_past, 1, device=device)  # -2, -1, 0
    after = torch.arange(2, 2 + n_future, device=device)
    way_before = distances[:, None] - speeds[:, None] * before  # (n, n_past), pixels to the crossing
    way_after = speeds[:, None] * after - distances[:, None]  # (n, n_future), pixels beyond it
    middle = torch.full_like(way_before, size / 2)
    crossing = torch.full_like(way_after, unit * CROSSING)
    past = _draw(middle, unit * CROSSING + way_before, size)
    sides = [_draw(size / 2 + side * way_after, crossing, size) for side in (-1, 1)]
    futures = torch.stack(sides, dim=1)  # (n, 2, n_future, size, size)
    future = futures[torch.arange(n_samples, device=device), turns]
    return JunctionFilms(past, future, futures, turns, speeds, distances)


def _draw(x: Tensor, y: Tensor, size: int) -> Tensor:
    """Frames (n, n_frames, size, size) with the car's middle at (x, y), each (n, n_frames), in pixels."""
    unit = size / 16
    pixels = torch.arange(size, device=x.device) + 0.5
    across = pixels - x[..., None, None]  # (n, n_frames, 1, size)
    down = pixels[:, None] - y[..., None, None]  # (n, n_frames, size, 1)
    car = torch.exp(-(across.square() + down.square()) / (2 * (unit * CAR) ** 2))
    on_the_way = (pixels - size / 2).abs() < unit * HALF_ROAD
    on_the_street = (pixels - unit * CROSSING).abs() < unit * HALF_ROAD
    from_below = on_the_way & (pixels > unit * CROSSING)[:, None]  # (size, size)
    road = ROAD * (from_below | on_the_street[:, None])
    return road + (1 - road) * car
