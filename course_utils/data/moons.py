"""Drawn moons, from full to thin crescent: pictures of which one true factor is known, the phase."""

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.validation import as_float_tensor, check_count, check_finite, check_number

__all__ = ["MoonPhases", "moon_phases"]

N_LINES = 4  # lines across each pixel, along which the lit part is measured exactly
BLOCK = 256  # pictures drawn at once: their numbers stay in the processor's cache


class MoonPhases(NamedTuple):
    """Images (n, size, size) float32, 0 is sky and 1 is lit; phases (n,) float32, the lit share of the disc."""

    images: Tensor
    phases: Tensor


def moon_phases(
    n_samples: int | None = None,
    *,
    phases: Any = None,
    thinnest: float = 0.1,
    waxing: bool | Tensor = True,
    radius: float | Tensor | None = None,
    centre: tuple[float, float] | Tensor | None = None,
    tilt: float | Tensor = 0.0,
    size: int = 28,
    generator: Generator | None = None,
) -> MoonPhases:
    """Draw moons: with x towards the sun, lit where (1 - 2·phase)·√(r² - y²) < x < √(r² - y²).

    The phase is the lit share of the disc: 1 is full, ½ half, 0.1 a thin crescent, 0 new, and not to be seen.
    Only the phase varies, unless another argument is a tensor, with one entry for each moon. A pixel's value
    is the share of it that is lit.

    Args:
        n_samples: number of moons; may be left out where `phases` are given.
        phases: the phases to draw (n,), in [0, 1]; None draws them from U[thinnest, 1].
        thinnest: the smallest phase that is drawn at random.
        waxing: whether the right side is lit (as the northern hemisphere sees it), or the left; or (n,).
        radius: in pixels, or (n,); None is 3/8 of `size`.
        centre: (x, y) in pixels from the picture's top left corner, or (n, 2); None is the middle. What lies
            outside the picture is cut off.
        tilt: by how much the moon is turned counter-clockwise, in radians, or (n,).
        size: height and width of the pictures, in pixels.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type or shape, or out of its range.
    """
    size = check_count(size, "size")
    phases = _phases(n_samples, phases, thinnest, generator)
    radii = _one_or_each(3 / 8 * size if radius is None else radius, "radius", phases)
    if not (radii > 0).all():
        raise ValueError(f"radius must be greater than 0, got {radii.min():g}")
    centres = _one_or_each((size / 2, size / 2) if centre is None else centre, "centre", phases, width=2)
    tilts = _one_or_each(tilt, "tilt", phases)
    side = _one_or_each(waxing, "waxing", phases)
    if not ((side == 0) | (side == 1)).all():
        raise ValueError(f"waxing must be True or False, for all moons or for each, got {waxing!r}")
    suns = (2 * side - 1).unsqueeze(1) * torch.stack([tilts.cos(), -tilts.sin()], dim=1)  # (n or 1, 2)

    blocks = [slice(start, start + BLOCK) for start in range(0, len(phases), BLOCK)]
    factors = [[f if len(f) == 1 else f[block] for f in (radii, centres, suns)] for block in blocks]
    images = [_draw(phases[block], *fs, size=size) for block, fs in zip(blocks, factors, strict=True)]
    return MoonPhases(torch.cat(images), phases)


def _draw(phases: Tensor, radii: Tensor, centres: Tensor, suns: Tensor, *, size: int) -> Tensor:
    """The lit share of each pixel (n, size, size); all but `phases` may have one row for all moons."""
    pixels = torch.arange(size, device=phases.device) + 0.5
    right = pixels - centres[:, 0, None, None]  # (n or 1, 1, size), from the moon's centre
    down = pixels[:, None] - centres[:, 1, None, None]  # (n or 1, size, 1)
    sun_x, sun_y = suns[:, 0, None, None], suns[:, 1, None, None]
    x = right * sun_x + down * sun_y  # (n or 1, size, size), towards the sun
    y = down * sun_x - right * sun_y
    squared_radii = radii[:, None, None].square()
    dark = (1 - 2 * phases)[:, None, None]
    lit = torch.zeros(len(phases), size, size, device=phases.device)
    for line in range(N_LINES):
        across = y + (line + 0.5) / N_LINES - 0.5
        limb = (squared_radii - across.square()).clamp_(min=0).sqrt_()
        begin = torch.maximum(x - 0.5, dark * limb)
        end = torch.minimum(x + 0.5, limb)
        lit += (end - begin).clamp_(min=0)
    return (lit / N_LINES).clamp_(max=1)


def _phases(n_samples: int | None, phases: Any, thinnest: float, generator: Generator | None) -> Tensor:
    """The phases given, once checked, or as many random ones as asked for: (n,) float32."""
    if n_samples is not None:
        n_samples = check_count(n_samples, "n_samples")
    thinnest = check_number(thinnest, "thinnest", minimum=0)
    if thinnest > 1:
        raise ValueError(f"thinnest must be at most 1, the full moon, got {thinnest:g}")
    if phases is None:
        if n_samples is None:
            raise ValueError("say how many moons: n_samples=100, or phases=torch.linspace(0.1, 1, 100)")
        device = torch.device("cpu") if generator is None else generator.device
        return thinnest + (1 - thinnest) * torch.rand(n_samples, generator=generator, device=device)
    phases = check_finite(as_float_tensor(phases, "phases"), "phases").float()
    if phases.ndim != 1 or len(phases) == 0:
        raise ValueError(f"phases must have shape (n,), n at least 1, got {tuple(phases.shape)}")
    if n_samples not in (None, len(phases)):
        raise ValueError(f"n_samples is {n_samples}, but there are {len(phases)} phases; leave n_samples out")
    if phases.min() < 0 or phases.max() > 1:
        raise ValueError(f"phases must be in [0, 1], got {phases.min():g} to {phases.max():g}")
    return phases


def _one_or_each(value: Any, name: str, phases: Tensor, width: int | None = None) -> Tensor:
    """`value` as (1,) float32 if it is one for all moons, or (n,); with a width, (1, width) or (n, width)."""
    tensor = check_finite(as_float_tensor(value, name), name).to(phases.device, torch.float32)
    one = () if width is None else (width,)
    if tensor.shape == one:
        return tensor.unsqueeze(0)
    if tensor.shape != (len(phases), *one):
        each = "(n,)" if width is None else f"(n, {width})"
        raise ValueError(
            f"{name} must be one for all moons, or {each} with n = {len(phases)}, got {tuple(tensor.shape)}"
        )
    return tensor
