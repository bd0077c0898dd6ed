"""How a recipe becomes stored weights and a card.

A recipe is a module of this package with `DATA`, `SEED`, `N_STEPS`, `SEEDS` (one figure by seed, as several gave it),

    build() -> the untrained module
    train(*, seed, n_steps, checkpoint) -> (the trained module, its History)
    measure(module, *, quick=False) -> figures by name; `quick` leaves out what takes long

and `LICENCE`, if it is not trained on MNIST.
"""

import importlib
import platform
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from course_utils import weights
from course_utils.validation import check_choice

__all__ = ["RECIPES", "make", "recipe"]

RECIPES = (
    "autoencoder_mnist_2d",
    "autoencoder_mnist_16d",
    "judge_mnist",
    "vae_mnist",
    "vae_mnist_silent",
    "iwae_mnist",
    "cvae_mnist",
    "judge_creatures",
    "cvae_creatures",
    "vae_mnist_2d",
    "beta_mnist",
    "gan_mnist",
    "cgan_mnist",
    "text_to_creature",
    "outline_to_creature",
    "cyclegan_stripes",
    "pixelcnn_mnist",
)
LICENCE = "MIT, as the code that made them; trained on MNIST, Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0"
CHECKPOINTS = Path("checkpoints")


def recipe(name: str) -> ModuleType:
    """Return the module of a recipe; ValueError if there is none of that name."""
    return importlib.import_module(f"course_utils.pretrained.{check_choice(name, 'name', RECIPES)}")


def make(
    name: str,
    *,
    seed: int | None = None,
    n_steps: int | None = None,
    folder: Path = weights.FOLDER,
    checkpoints: Path = CHECKPOINTS,
) -> dict[str, Any] | None:
    """Train, measure and store one model; an interrupted training goes on at the next call.

    The figures are those of the weights as stored, rounded to float16.

    Args:
        name: of the recipe.
        seed: None for the recipe's.
        n_steps: None for the recipe's.
        folder: for weights and card.
        checkpoints: folder of the checkpoint, which is deleted at the end.

    Returns:
        The card; None if Ctrl-C stopped the training.

    Raises:
        ValueError: if there is no such recipe.
        CheckpointError: if the checkpoint is damaged or of another training.
    """
    how = recipe(name)
    seed = how.SEED if seed is None else seed
    n_steps = how.N_STEPS if n_steps is None else n_steps
    checkpoint = checkpoints / f"{name}-seed{seed}-{n_steps}.pt"
    model, history = how.train(seed=seed, n_steps=n_steps, checkpoint=checkpoint)
    if history.interrupted:
        return None
    seconds = torch.load(checkpoint, weights_only=True)["seconds"]
    card = {
        "name": name,
        "recipe": f"course_utils/pretrained/{name}.py",
        "command": f"python -m course_utils.pretrained {name}",
        "data": how.DATA,
        "licence": getattr(how, "LICENCE", LICENCE),
        "seed": seed,
        "steps": n_steps,
        "seconds": round(seconds, 1),
        "machine": f"one thread of {platform.machine()}, {platform.system()}, PyTorch {torch.__version__}",
    }
    model.load_state_dict({key: tensor.half().float() for key, tensor in model.state_dict().items()})
    card["figures"] = {name: round(value, 4) for name, value in how.measure(model.eval()).items()}
    card = weights.store(model, name, card, folder=folder)
    checkpoint.unlink()
    return card
