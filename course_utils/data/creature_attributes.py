"""What creatures can be: seven attributes with two to five values each, and how combinations are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.validation import check_choice

__all__ = ["CREATURE_ATTRIBUTES", "Combination", "check_attributes", "draw_attributes"]

CREATURE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "size": ("small", "large"),
    "body": ("round", "square", "triangular"),
    "colour": ("red", "yellow", "green", "blue", "pink"),
    "pattern": ("plain", "striped", "spotted"),
    "eyes": ("one", "two", "three"),
    "horns": ("none", "one", "two"),
    "time": ("day", "night"),
}

Combination = Mapping[str, str | tuple[str, ...] | list[str]]  # {"colour": "red", "horns": ("one", "two")}


def check_attributes(attributes: Any) -> Tensor:
    """Return attributes (n, 7) as int64 if each is the index of a value of CREATURE_ATTRIBUTES, else raise."""
    attributes = torch.as_tensor(attributes)
    if attributes.is_floating_point() or attributes.is_complex():
        raise TypeError(
            f"attributes must hold integers, got {attributes.dtype}; attributes.long() converts it"
        )
    if attributes.ndim != 2 or attributes.shape[1] != len(CREATURE_ATTRIBUTES) or len(attributes) == 0:
        raise ValueError(
            f"attributes must have shape (n, {len(CREATURE_ATTRIBUTES)}), n at least 1, one column each for "
            f"{', '.join(CREATURE_ATTRIBUTES)}, got {tuple(attributes.shape)}"
        )
    for i, (name, values) in enumerate(CREATURE_ATTRIBUTES.items()):
        column = attributes[:, i]
        if column.min() < 0 or column.max() >= len(values):
            raise ValueError(
                f"column {i} of attributes, {name}, must be 0 to {len(values) - 1} ({', '.join(values)}), "
                f"got {column.min():d} to {column.max():d}"
            )
    return attributes.long()


def draw_attributes(
    n_samples: int,
    *,
    only: Combination | Sequence[Combination] | None = None,
    without: Combination | Sequence[Combination] = (),
    generator: Generator | None = None,
) -> Tensor:
    """Draw attributes (n, 7) int64 uniformly from the 1,620 combinations, or from those that are left.

    A combination is left if it fits `only` (at least one of them, if there are several) and fits none of
    `without`.

    Args:
        n_samples: number of rows.
        only: names and values, or a sequence of such; None is every combination.
        without: the same, for those to leave out.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if a name or value is unknown, or if no combination is left.
    """
    every = torch.cartesian_prod(*(torch.arange(len(values)) for values in CREATURE_ATTRIBUTES.values()))
    left = torch.ones(len(every), dtype=torch.bool) if only is None else _fits_any(every, only, "only")
    left &= ~_fits_any(every, without, "without")
    if not left.any():
        raise ValueError(f"no combination is left with only={only!r} and without={without!r}; exclude less")
    device = torch.device("cpu") if generator is None else generator.device
    choices = every[left].to(device)
    return choices[torch.randint(len(choices), (n_samples,), generator=generator, device=device)]


def _fits_any(every: Tensor, combinations: Any, argument: str) -> Tensor:
    """Which rows of `every` (n, 7) fit at least one of the combinations: (n,) bool."""
    if isinstance(combinations, Mapping):
        combinations = [combinations]
    fits = torch.zeros(len(every), dtype=torch.bool)
    for combination in combinations:
        if not isinstance(combination, Mapping) or not combination:
            raise TypeError(
                f'{argument} must be names with values, such as {{"colour": "red", "horns": "two"}}, '
                f"or a list of such, got {combination!r}"
            )
        fits |= _fits(every, combination, argument)
    return fits


def _fits(every: Tensor, combination: Combination, argument: str) -> Tensor:
    fits = torch.ones(len(every), dtype=torch.bool)
    for name, values in combination.items():
        check_choice(name, f"a name in {argument}", CREATURE_ATTRIBUTES)
        column = list(CREATURE_ATTRIBUTES).index(name)
        choices = CREATURE_ATTRIBUTES[name]
        indices = [
            choices.index(check_choice(value, f"{name} in {argument}", choices))
            for value in (values if isinstance(values, tuple | list) else [values])
        ]
        fits &= torch.isin(every[:, column], torch.tensor(indices, dtype=torch.long))
    return fits
