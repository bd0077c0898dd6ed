"""Reading a PixelCNN layer by layer, so that the browser can run it place by place."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.autoregressive import GatedPixelCNN, MaskedConv2d, PixelCNN, VerticalConv2d

__all__ = ["ReadMasked", "coins", "read_masked"]


class ReadMasked(NamedTuple):
    """What the browser needs to run a masked network."""

    layers: dict[
        str, Any
    ]  # what reads what; a layer gives its inputs, outputs, and taps [rows down, columns right]
    numbers: np.ndarray  # float32, all weights and biases in the order in which the browser takes them


class Reader:
    """Collects numbers in the order in which layers are described."""

    def __init__(self) -> None:
        self.parts: list[Tensor] = []

    def look(self, layer: MaskedConv2d | VerticalConv2d | nn.Conv2d) -> dict[str, Any]:
        """A convolution: where it reads, seen from a place; its weights are (outputs, taps, inputs)."""
        weight, taps = weight_of(layer), taps_of(layer)
        kept = torch.stack([weight[:, :, i, j] for (i, j) in taps], 1) if taps else weight[:, :0, 0]
        self.parts += [
            kept.flatten(),
            layer.bias if layer.bias is not None else weight.new_zeros(len(weight)),
        ]
        return {"inputs": weight.shape[1], "outputs": len(weight), "taps": list(taps.values())}

    def place(self, layer: Any) -> None:
        """The numbers that are added at each place, (height, width, channels)."""
        self.parts.append(layer.map.permute(1, 2, 0).flatten())

    def end(self, model: Any) -> dict[str, Any]:
        """The layers after the blocks."""
        described = {"hidden": self.look(model.hidden), "last": self.look(model.last)}
        self.place(model.last_place)
        return described

    def numbers(self) -> np.ndarray:
        """All of them, in a row."""
        return torch.cat([part.detach().float().flatten().cpu() for part in self.parts]).numpy()


def weight_of(layer: Any) -> Tensor:
    """(outputs, inputs, rows, columns) of the kernel, what is masked being 0."""
    return layer.masked_weight() if isinstance(layer, MaskedConv2d) else layer.weight


def taps_of(layer: Any) -> dict[tuple[int, int], list[int]]:
    """For each cell of the kernel that is not masked, which place it reads: [rows down, columns to the right]."""
    rows, columns = layer.weight.shape[2:]
    if isinstance(layer, MaskedConv2d):
        (down, right), first, left = layer.dilation, rows - 1, layer.left
        seen = layer.mask.amax((0, 1)) > 0  # (rows, columns)
    elif isinstance(layer, VerticalConv2d):
        down = right = layer.dilation
        first, left = layer.reach // layer.dilation, layer.reach
        seen = torch.ones(rows, columns, dtype=torch.bool)
    else:  # 1×1, without a mask
        down, right, first, left, seen = 1, 1, 0, 0, torch.ones(1, 1, dtype=torch.bool)
    return {
        (i, j): [(i - first) * down, j * right - left]
        for i in range(rows)
        for j in range(columns)
        if seen[i, j]
    }


def read_masked(model: PixelCNN | GatedPixelCNN) -> ReadMasked:
    """The layers of a model and its numbers, without what it is told of a condition."""
    reader = Reader()
    if isinstance(model, GatedPixelCNN):
        layers: dict[str, Any] = {"kind": "two stacks", "above": reader.look(model.first_above)}
        reader.place(model.place_above)
        layers["beside"] = reader.look(model.first_beside)
        reader.place(model.place_beside)
        parts = ["above", "beside", "link", "out"]
        layers["tanh"] = all(block.tanh for block in model.blocks)
    else:
        layers = {"kind": "one stack", "first": reader.look(model.first)}
        reader.place(model.place)
        parts = ["narrow", "look", "widen"]
    layers["blocks"] = [{part: reader.look(getattr(block, part)) for part in parts} for block in model.blocks]
    layers |= reader.end(model)
    return ReadMasked(layers, reader.numbers())


@torch.no_grad()
def told(model: PixelCNN | GatedPixelCNN, n_classes: int) -> np.ndarray:
    """What each class adds before the gates, vertical, then horizontal: float32 (n_classes, n_blocks, 4·width)."""
    if not n_classes:
        return np.zeros(0, np.float32)
    c = model.condition_numbers(n_classes, (torch.arange(n_classes),))
    blocks: Any = model.blocks
    return torch.stack([block.told(c) for block in blocks], 1).float().cpu().numpy()


def coins(seed: int, n: int) -> Tensor:
    """The uniform numbers in [0, 1) that decide n pixels, (n,) float64; the same in the browser.

    A pixel is white if its number is below the probability of white. Each number depends on the seed and on the place
    alone, so that two images drawn with one seed differ only where their probabilities do.

    Source: Appleby (2011), MurmurHash3, its last step.
    """
    with np.errstate(over="ignore"):
        start = mixed(np.array([seed], np.uint32) + np.uint32(0x9E3779B9))
        return torch.from_numpy(mixed(start + np.arange(n, dtype=np.uint32)) / 2.0**32)


def mixed(h: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 2³² - 1 such that each bit depends on all bits of what came."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))
