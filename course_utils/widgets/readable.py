"""Reading a PyTorch network layer by layer, so that the browser can run it."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.networks import fold_batch_norm
from course_utils.translation import UNet

__all__ = [
    "KNOWN_LAYERS",
    "ReadNetwork",
    "as_bytes",
    "device_of",
    "frozen",
    "read_network",
    "unknown_layer",
    "unrolled",
]

KNOWN_LAYERS = (
    "Linear, Conv2d (stride 1, size kept, odd kernel), PixelShuffle, PixelUnshuffle, Flatten, Unflatten, Identity, "
    "Dropout (it does nothing after training), Sigmoid, SiLU, Tanh, ReLU, LeakyReLU and GELU"
)
ACTIVATIONS = {nn.Sigmoid: "sigmoid", nn.SiLU: "silu", nn.Tanh: "tanh", nn.ReLU: "relu"}


class Keep(nn.Module):
    """What comes is kept beside the way, for a later `Join`."""


class Join(nn.Module):
    """What was kept last follows what comes, channel upon channel."""


class ReadNetwork(NamedTuple):
    """What the browser needs to run a network."""

    layers: list[dict[str, Any]]  # a kind each, with sizes
    numbers: np.ndarray  # float32, all weights and biases in the order of the layers


def read_network(module: Any) -> ReadNetwork | None:
    """Read an `nn.Sequential` of layers that the browser knows; None for anything else.

    Known are those of KNOWN_LAYERS, and what `unrolled` makes of a U-Net.
    """
    if not isinstance(module, nn.Module):
        return None
    layers: list[dict[str, Any]] = []
    numbers: list[Tensor] = []
    for layer in flat(module):
        described = describe(layer)
        if described is None:
            return None
        layers += described
        numbers += parameters_of(layer)
    together = (
        torch.cat([part.detach().float().flatten().cpu() for part in numbers]) if numbers else torch.empty(0)
    )
    return ReadNetwork(layers, together.numpy())


def unknown_layer(module: nn.Module) -> nn.Module | None:
    """The first layer that `read_network` does not know; None if it knows them all."""
    return next((layer for layer in flat(module) if describe(layer) is None), None)


def unrolled(unet: UNet) -> nn.Sequential:
    """A U-Net as one sequence of layers, for evaluation, batch norm folded in: only to be read, not to be called.

    Raises:
        ValueError: if a batch norm cannot be folded.
    """
    layers: list[nn.Module] = []
    for half in unet.down:
        layers += [Keep(), *fold_batch_norm(nn.Sequential(*flat(half)))]
    for double in unet.up:
        layers += [*fold_batch_norm(nn.Sequential(*flat(double))), Join()]
    return nn.Sequential(*layers, *fold_batch_norm(nn.Sequential(*flat(unet.output))))


def frozen(model: Any) -> Any:
    """A copy of a module, in evaluation mode; anything else as it is."""
    return copy.deepcopy(model).eval() if isinstance(model, nn.Module) else model


def device_of(network: Any) -> torch.device:
    """Where a network's parameters lie; the CPU for anything without parameters."""
    first = next(network.parameters(), None) if isinstance(network, nn.Module) else None
    return torch.device("cpu") if first is None else first.device


def as_bytes(network: ReadNetwork | None, precision: str) -> bytes:
    """The numbers of a network, in the precision in which they are sent."""
    return b"" if network is None else network.numbers.astype(precision).tobytes()


def flat(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested sequences, one after the other."""
    if type(module) is nn.Sequential:
        for child in module:
            yield from flat(child)
    else:
        yield module


def describe(layer: nn.Module) -> list[dict[str, Any]] | None:
    """One layer in the browser's words: a list, empty for what changes nothing; None if it is not known."""
    if type(layer) in ACTIVATIONS:
        return [{"kind": ACTIVATIONS[type(layer)]}]
    match layer:
        case nn.Linear():
            return [{"kind": "linear", "inputs": layer.in_features, "outputs": layer.out_features}]
        case nn.Conv2d() if keeps_size(layer):
            sizes = {
                "inputs": layer.in_channels,
                "outputs": layer.out_channels,
                "kernel": layer.kernel_size[0],
            }
            return [{"kind": "convolution", **sizes}]
        case nn.PixelShuffle():
            return [{"kind": "pixel_shuffle", "factor": layer.upscale_factor}]
        case nn.PixelUnshuffle():
            return [{"kind": "pixel_unshuffle", "factor": layer.downscale_factor}]
        case Keep() | Join():
            return [{"kind": "keep" if isinstance(layer, Keep) else "join"}]
        case nn.Unflatten(dim=1):
            return [{"kind": "shape", "shape": [int(size) for size in layer.unflattened_size]}]
        case nn.LeakyReLU():
            return [{"kind": "leaky_relu", "slope": layer.negative_slope}]
        case nn.GELU(approximate="none"):
            return [{"kind": "gelu"}]
        case nn.Flatten(start_dim=1) | nn.Identity() | nn.Dropout():
            return []
    return None


def keeps_size(layer: nn.Conv2d) -> bool:
    """Whether a convolution gives as many pixels as it takes, in the one way that the browser knows."""
    kernel = layer.kernel_size[0]
    padded = layer.padding in ("same", (kernel // 2, kernel // 2))
    plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
    return plain and padded and kernel % 2 == 1 and layer.kernel_size == (kernel, kernel)


def parameters_of(layer: nn.Module) -> list[Tensor]:
    """Weight and bias (zeros if there is none) of a layer that has them."""
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        return []
    bias = layer.weight.new_zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias
    return [layer.weight, bias]
