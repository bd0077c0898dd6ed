"""Stored weights: a safetensors file and a card (JSON) each, verified by SHA-256 whenever they are loaded."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from torch import Tensor, nn

from course_utils.validation import check_choice

__all__ = ["FOLDER", "WeightsFileError", "load", "load_card", "names", "store"]

M = TypeVar("M", bound=nn.Module)

FOLDER = Path(__file__).parent / "pretrained" / "files"


class WeightsFileError(OSError):
    """A file of stored weights is missing or damaged; the message says which one and how to restore it."""


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all stored weights, sorted."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_card(name: str, *, folder: Path = FOLDER) -> dict[str, Any]:
    """Return what is known about stored weights: data, command, seed, seconds, figures, sha256 and more.

    Raises:
        ValueError: if there are none of that name.
        WeightsFileError: if the card is damaged.
    """
    check_choice(name, "name", names(folder))
    path = folder / f"{name}.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("sha256"), str):
            raise ValueError("it holds no sha256")
    except (OSError, ValueError) as error:
        raise _damage(path, f"cannot be read as a card ({error})", name) from error
    return card


def load(name: str, build: Callable[[], M], *, folder: Path = FOLDER) -> M:
    """Build a module and give it stored weights; it is in evaluation mode and its weights take no gradients.

    Args:
        name: one of `names()`.
        build: makes the untrained module; what it draws leaves PyTorch's global random state as it was.
        folder: where the files are.

    Returns:
        The module, in float32.

    Raises:
        ValueError: if there are no weights of that name, or they belong to another architecture.
        WeightsFileError: if a file is missing or damaged.
    """
    card = load_card(name, folder=folder)
    path = folder / f"{name}.safetensors"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damage(path, f"cannot be read ({error.strerror})", name) from error
    if (found := hashlib.sha256(content).hexdigest()) != card["sha256"]:
        raise _damage(path, f"is damaged: its SHA-256 is {found}, the card says {card['sha256']}", name)
    state = safetensors.torch.load(content)
    with torch.random.fork_rng(devices=[]):
        module = build()
    if differing := sorted({key for key, _ in _shapes(state) ^ _shapes(module.state_dict())}):
        raise ValueError(
            f"the weights {name} belong to another architecture than this {type(module).__name__}: "
            f"{', '.join(differing)} differ; build the module as the recipe in the card does"
        )
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)


def store(
    module: nn.Module,
    name: str,
    card: dict[str, Any],
    *,
    dtype: torch.dtype = torch.float16,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Write a module's weights and their card, and return the card with what belongs to the file added.

    Args:
        module: whose `state_dict` is stored.
        name: of both files, without suffix.
        card: what is known about the weights; `sha256`, `bytes`, `parameters` and `stored_as` are added.
        dtype: of the floating-point weights in the file.
        folder: where the files go; made if need be.

    Raises:
        ValueError: if a weight is not finite in that dtype.
    """
    state = {
        key: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for key, tensor in module.state_dict().items()
    }
    if bad := [key for key, tensor in state.items() if not tensor.isfinite().all()]:
        raise ValueError(f"{', '.join(bad)} of {name} hold what {dtype} cannot: pass dtype=torch.float32")
    content = safetensors.torch.save(state)
    card = card | {
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "stored_as": str(dtype).removeprefix("torch."),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(content)
    (folder / f"{name}.json").write_text(
        json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return card


def _shapes(state: dict[str, Tensor]) -> set[tuple[str, torch.Size]]:
    return {(key, tensor.shape) for key, tensor in state.items()}


def _damage(path: Path, what: str, name: str) -> WeightsFileError:
    return WeightsFileError(
        f'the weights file {path} {what}. Restore it with `git checkout -- "{path}"`, reinstall the package, '
        f"or train it anew with `python -m course_utils.pretrained {name}`."
    )
