"""Trained models that come with the course: `pretrained.load("autoencoder_mnist_2d")`.

Each is made by a recipe, one file here, and described by a card. `python -m course_utils.pretrained NAME` makes
one anew, `python -m course_utils.pretrained --list` shows all.
"""

from typing import Any

from course_utils import weights
from course_utils.pretrained.making import RECIPES, recipe
from course_utils.validation import check_choice

__all__ = ["available", "card", "load"]


def available() -> list[str]:
    """Names of the models that `load` can load."""
    return [name for name in RECIPES if name in weights.names()]


def load(name: str) -> Any:
    """Load a trained model, in evaluation mode and without gradients; draws nothing from any generator.

    Args:
        name: one of `available()`.

    Returns:
        The module that the recipe builds, such as an `Autoencoder`.

    Raises:
        ValueError: if there is none of that name.
        WeightsFileError: if a file is missing or damaged.
    """
    check_choice(name, "name", available())
    return weights.load(name, recipe(name).build)


def card(name: str) -> dict[str, Any]:
    """Return how a model was made and what it reaches.

    Keys: `name`, `data`, `recipe`, `command`, `seed`, `steps`, `seconds` (processor time of the training, on
    the `machine` named), `figures` (measured on the stored weights), `seeds` (one of the figures by seed, as
    several gave it), `licence`, `parameters`, `stored_as`, `bytes`, `sha256`.

    Raises:
        ValueError: if there is none of that name.
        WeightsFileError: if the card is damaged.
    """
    check_choice(name, "name", available())
    return weights.load_card(name) | {"seeds": recipe(name).SEEDS}
