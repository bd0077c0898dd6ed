"""Losses, penalties and networks that a cell defines: what they can be, how they are called, and their errors."""

import inspect
import traceback
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_utils import gan

__all__ = [
    "NAMED",
    "as_latent_generator",
    "as_loss",
    "as_penalty",
    "check_part",
    "label",
    "short_traceback",
    "weight_of",
]

FROM_A_CELL = "from a cell: "
NAMED: dict[
    str, tuple[str, ...]
] = {  # what each part can be without a cell; the first name of three of them is None
    "loss": tuple(gan.LOSSES),
    "penalty": ("none", *gan.PENALTIES),
    "generator": ("built in",),
    "discriminator": ("built in",),
}
LONGEST = 600  # characters of an error's own message
PACKAGES = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
)  # whose code is not the learner's


def label(part: str, value: Any, widget: Any = None) -> str:
    """The name of a part as the browser shows it: that of a built-in one, or "from a cell: my_loss"."""
    if isinstance(value, str):
        return value
    if value is None:
        return NAMED[part][0]
    return FROM_A_CELL + _name(value)


def _name(value: Any) -> str:
    if isinstance(value, gan.Loss):
        return _name(value.generator)
    if isinstance(value, gan.Penalty):
        function = value.function if isinstance(value.function, str) else _name(value.function)
        return function if value.every == 1 else f"{function}, every {value.every} rounds"
    if isinstance(value, gan.LatentGenerator):
        return _name(value.network)
    if isinstance(value, nn.Module):
        return type(value).__name__
    return str(getattr(value, "__name__", type(value).__name__))


def check_part(part: str, value: Any) -> Any:
    """A part if it can be used: a known name, or something from a cell; None for the first name where None can be.

    Args:
        part: "loss", "penalty", "generator" or "discriminator".
        value: what it shall be.

    Raises:
        TypeError: if it cannot be used; the message says what could be.
    """
    names = NAMED[part]
    if part != "loss" and (value is None or value == names[0]):
        return None
    if isinstance(value, str) and value in names:
        return value
    if part == "loss":
        _check_loss(value)
    elif part == "penalty":
        _check_penalty(value)
    elif not isinstance(value, nn.Module) or not any(True for _ in value.parameters()):
        came = "a module without weights" if isinstance(value, nn.Module) else repr(value)
        raise TypeError(f"{part} must be a torch.nn.Module with weights to train, or None; got {came}")
    return value


def _check_loss(value: Any) -> None:
    if not isinstance(value, gan.Loss) and not _takes(value, 1):
        raise TypeError(
            f"loss must be one of {', '.join(map(repr, NAMED['loss']))}, a gan.Loss(discriminator=..., generator=...), "
            f"or a function of the fake logits, the generator's loss; got {value!r}"
        )


def _check_penalty(value: Any) -> None:
    if not isinstance(value, gan.Penalty) and not _takes(value, 3):
        raise TypeError(
            f"penalty must be None, one of {', '.join(map(repr, NAMED['penalty'][1:]))}, a gan.Penalty, or a function "
            f"of (discriminator, real, fake); got {value!r}"
        )
    if isinstance(value, gan.Penalty) and callable(value.weight):
        raise TypeError(
            "the weight of a penalty must be a number here, since the run has no end of which there could be a share; "
            "set playground.penalty_weight while it runs"
        )


def as_loss(value: Any) -> gan.Loss:
    """The losses of both players, for what `check_part` lets pass."""
    if isinstance(value, str | gan.Loss):
        return gan.loss_named(value)
    return gan.Loss(gan.discriminator_loss, value)


def as_penalty(value: Any, weight: float) -> gan.Penalty | None:
    """The penalty with this weight, for what `check_part` lets pass."""
    if value is None:
        return None
    return (value if isinstance(value, gan.Penalty) else gan.Penalty(value))._replace(weight=weight)


def weight_of(penalty: Any) -> float | None:
    """The weight that a `gan.Penalty` brings; None for anything else, and for one that is no number."""
    weight = penalty.weight if isinstance(penalty, gan.Penalty) else None
    return None if callable(weight) else weight


def _takes(function: Any, n_arguments: int) -> bool:
    """Whether it can be called with so many arguments."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(n_arguments))
    except TypeError:
        return False
    except ValueError:  # a function in C, which does not tell
        return True
    return True


def as_latent_generator(network: nn.Module) -> gan.LatentGenerator:
    """Itself, or with z from N(0, I) of as many numbers as its first linear layer takes.

    Raises:
        ValueError: if there is no linear layer that tells.
    """
    if isinstance(network, gan.LatentGenerator):
        return network
    first = next((layer for layer in network.modules() if isinstance(layer, nn.Linear)), None)
    if first is None:
        raise ValueError(
            "generator has no linear layer that tells how many numbers z has; "
            "pass gan.LatentGenerator(network, latent_dim)"
        )
    return gan.LatentGenerator(network, first.in_features)


def short_traceback(error: BaseException) -> str:
    """The lines of the learner's own code that an error came through, three at most, and its message."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(PACKAGES)][-3:]
    lines = [
        f"{_place(frame.filename)}, line {frame.lineno}, in {frame.name}:  {frame.line}" for frame in own
    ]
    message = "".join(traceback.format_exception_only(error)).strip()
    return "\n".join([*lines, message if len(message) <= LONGEST else f"{message[:LONGEST]} …"])


def _place(filename: str) -> str:
    """Jupyter compiles each cell under a file name of its own, which tells the learner nothing."""
    return "cell" if "ipykernel" in filename or filename.startswith("<") else Path(filename).name
